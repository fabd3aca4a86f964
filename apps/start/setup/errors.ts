/** Why nothing could be set up. The message is one sentence for the user that ends with what to do. */
export type SetupErrorCode =
  // Found before anything was changed.
  | 'node-old'
  | 'packages-missing'
  | 'python-missing'
  | 'python-venv-missing'
  | 'disk-short'
  | 'port-busy'
  | 'home-unwritable'
  | 'database-unusable'
  | 'network-absent'
  // Found on the way. What was done so far is kept or redone by the next start.
  | 'setup-running'
  | 'download-failed'
  | 'build-missing'
  | 'install-failed'
  | 'stopped'
  // Not to be trusted: nothing of it was kept.
  | 'hash-mismatch'

export class SetupError extends Error {
  readonly code: SetupErrorCode
  constructor(code: SetupErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'SetupError'
    this.code = code
  }
}

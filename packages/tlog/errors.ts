/** What the log formats refuse. */
export type TlogErrorCode =
  | 'note-malformed'
  | 'key-malformed'
  | 'signature-missing'
  | 'signature-invalid'
  | 'checkpoint-malformed'
  | 'origin-mismatch'
  | 'quorum-missed'
  | 'policy-invalid'
  | 'proof-malformed'
  | 'inclusion-invalid'
  | 'tile-invalid'
  | 'entry-too-long'
  | 'bundle-malformed'
  | 'request-malformed'
  | 'time-invalid'

/**
 * `key-malformed`, `policy-invalid`, `entry-too-long` and `time-invalid`: fix the call. Every other code:
 * stop, this is not trusted.
 */
export class TlogError extends Error {
  readonly code: TlogErrorCode
  constructor(code: TlogErrorCode, message: string) {
    super(message)
    this.name = 'TlogError'
    this.code = code
  }
}

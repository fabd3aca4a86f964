/** Why a command on an account stops, in a sentence that says what to do. 1: refused or failed; 2: wrong use. */
export class AccountError extends Error {
  readonly exitCode: 1 | 2
  /** The node's own code, where the node refused. */
  readonly code: string | undefined
  constructor(exitCode: 1 | 2, message: string, code?: string) {
    super(message)
    this.name = 'AccountError'
    this.exitCode = exitCode
    this.code = code
  }
}

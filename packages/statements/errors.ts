/** What the statements refuse. */
export type StatementErrorCode =
  | 'statement-invalid'
  | 'statement-kind-unexpected'
  | 'statement-signer-unexpected'
  | 'document-invalid'

/** Always *stop, this is not trusted*: the bytes are not a statement that anyone should act on. */
export class StatementError extends Error {
  readonly code: StatementErrorCode
  constructor(code: StatementErrorCode, message: string) {
    super(message)
    this.name = 'StatementError'
    this.code = code
  }
}

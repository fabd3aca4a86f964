/** What sealing and signing refuse. */
export type SealErrorCode =
  | 'key-invalid'
  | 'envelope-invalid'
  | 'signature-missing'
  | 'signature-invalid'
  | 'payload-type-invalid'
  | 'sealed-invalid'

/** Always *stop, this is not trusted*, except `key-invalid`, which the caller must fix. */
export class SealError extends Error {
  readonly code: SealErrorCode
  constructor(code: SealErrorCode, message: string) {
    super(message)
    this.name = 'SealError'
    this.code = code
  }
}

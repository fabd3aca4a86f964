/** What the encodings refuse. */
export type BytesErrorCode =
  | 'hex-invalid'
  | 'base64-invalid'
  | 'utf8-invalid'
  | 'integer-range'
  | 'json-invalid'
  | 'json-not-canonical'

/** The caller must fix what it passed in: none of these goes away by trying again. */
export class BytesError extends Error {
  readonly code: BytesErrorCode
  constructor(code: BytesErrorCode, message: string) {
    super(message)
    this.name = 'BytesError'
    this.code = code
  }
}

/** What the readers in this room refuse. It never leaves the room from a verification: there it is a failed check. */
export type AttestationErrorCode =
  | 'der-invalid'
  | 'pem-invalid'
  | 'certificate-invalid'
  | 'crl-invalid'
  | 'collateral-invalid'
  | 'quote-invalid'
  | 'gpu-evidence-invalid'
  | 'xml-invalid'
  | 'rim-invalid'
  | 'check-failed'

/** Stop: the bytes are not what they must be. Trying again with the same bytes gives the same answer. */
export class AttestationError extends Error {
  readonly code: AttestationErrorCode
  constructor(code: AttestationErrorCode, message: string) {
    super(message)
    this.name = 'AttestationError'
    this.code = code
  }
}

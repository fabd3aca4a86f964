/** What mixing refuses. */
export type MixingErrorCode = 'bundle-repeated' | 'bundle-invalid' | 'salt-invalid'

/** Always *fix the call*: what was accepted from contributors always mixes. */
export class MixingError extends Error {
  readonly code: MixingErrorCode
  constructor(code: MixingErrorCode, message: string) {
    super(message)
    this.name = 'MixingError'
    this.code = code
  }
}

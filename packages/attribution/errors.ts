/** What attribution refuses. */
export type AttributionErrorCode =
  | 'contributors-missing'
  | 'contributor-duplicate'
  | 'tie-break-duplicate'
  | 'tokens-invalid'
  | 'tokens-missing'
  | 'scores-mixed'
  | 'score-invalid'
  | 'coalition-missing'
  | 'run-saturated'
  | 'parameter-invalid'
  | 'attribution-missing'

/** Fix the call: the same input gives the same refusal. */
export class AttributionError extends Error {
  readonly code: AttributionErrorCode
  constructor(code: AttributionErrorCode, message: string) {
    super(message)
    this.name = 'AttributionError'
    this.code = code
  }
}

/** What the simulator refuses to make. */
export type SimulatorErrorCode =
  | 'seed-invalid'
  | 'report-data-invalid'
  | 'register-invalid'
  | 'nonce-invalid'
  | 'entries-invalid'

/** The caller must fix what it passed in. */
export class SimulatorError extends Error {
  readonly code: SimulatorErrorCode
  constructor(code: SimulatorErrorCode, message: string) {
    super(message)
    this.name = 'SimulatorError'
    this.code = code
  }
}

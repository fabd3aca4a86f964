/** What the rules of money refuse. */
export type LedgerErrorCode =
  | 'account-unknown'
  | 'account-exists'
  | 'account-same'
  | 'transfer-unknown'
  | 'transfer-exists'
  | 'transfer-not-pending'
  | 'amount-invalid'
  | 'balance-insufficient'
  | 'price-invalid'
  | 'split-invalid'
  | 'not-conserved'

/**
 * Fix the call, or, for `balance-insufficient`, try again once there is money. `not-conserved` alone means
 * stop: numbers that should add up do not.
 */
export class LedgerError extends Error {
  readonly code: LedgerErrorCode
  constructor(code: LedgerErrorCode, message: string) {
    super(message)
    this.name = 'LedgerError'
    this.code = code
  }
}

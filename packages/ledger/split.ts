/**
 * The split of one model's revenue (spec/payout.md §split): every part rounded down, the rest carried over.
 *
 * Nothing is rounded to anybody's favour: what rounding down leaves goes into the carry and is shown there.
 */
import { checkAmount } from './amount.ts'
import { LedgerError } from './errors.ts'

/** Basis points; sums to 10 000. */
export interface Split {
  readonly contributors: number
  readonly operator: number
}

/** One payee's part of a model, in parts of {@link WHOLE}. */
export interface PayeeShare {
  readonly payee: string
  readonly share: bigint
}

export interface PayeeAmount {
  readonly payee: string
  readonly amount: bigint
}

export interface RevenueSplit {
  /** In the order of the shares; a payee of amount 0 is listed too. */
  readonly payees: readonly PayeeAmount[]
  /** What all payees get together. */
  readonly contributors: bigint
  readonly operator: bigint
  readonly remainder: bigint
}

/** Shares are parts of this. */
export const WHOLE = 1_000_000_000n

const BASIS = 10_000n

/**
 * `shares` is null for the bare base, whose revenue is the operator's.
 * Throws {@link LedgerError} `split-invalid` unless the split sums to 10 000 and the shares to 10⁹.
 */
export function splitRevenue(
  revenue: bigint,
  split: Split,
  shares: readonly PayeeShare[] | null,
): RevenueSplit {
  checkAmount(revenue)
  checkSplit(split)
  if (shares === null) return { payees: [], contributors: 0n, operator: revenue, remainder: 0n }
  checkShares(shares)
  const part = (revenue * BigInt(split.contributors)) / BASIS
  const payees = shares.map(({ payee, share }) => ({ payee, amount: (part * share) / WHOLE }))
  const contributors = total(payees.map(({ amount }) => amount))
  const operator = (revenue * BigInt(split.operator)) / BASIS
  return { payees, contributors, operator, remainder: revenue - contributors - operator }
}

export interface PayoutTotals {
  readonly revenue: bigint
  readonly carryIn: bigint
  readonly contributors: bigint
  readonly operator: bigint
  readonly fees: bigint
  readonly carryOut: bigint
}

/** What came in equals what goes out. Throws {@link LedgerError} `not-conserved`. */
export function assertConserved(of: PayoutTotals): void {
  const came = of.revenue + of.carryIn
  const goes = of.contributors + of.operator + of.fees + of.carryOut
  if (came !== goes || Object.values(of).some((amount) => amount < 0n)) {
    throw new LedgerError('not-conserved', `${came} came in and ${goes} is accounted for`)
  }
}

function checkSplit({ contributors, operator }: Split): void {
  const parts = [contributors, operator]
  if (parts.some((part) => !Number.isInteger(part) || part < 0) || contributors + operator !== 10_000) {
    throw new LedgerError('split-invalid', 'a split is two parts that sum to 10000 basis points')
  }
}

function checkShares(shares: readonly PayeeShare[]): void {
  if (new Set(shares.map(({ payee }) => payee)).size !== shares.length) {
    throw new LedgerError('split-invalid', 'a payee stands twice')
  }
  if (shares.some(({ share }) => share < 0n) || total(shares.map(({ share }) => share)) !== WHOLE) {
    throw new LedgerError('split-invalid', 'the shares do not sum to 10^9')
  }
}

function total(amounts: readonly bigint[]): bigint {
  return amounts.reduce((all, one) => all + one, 0n)
}

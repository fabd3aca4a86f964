/** Amounts: whole numbers of the smallest unit, 0 … 2⁶³ − 1, which is what a database column holds. */
import { LedgerError } from './errors.ts'

export const MAXIMUM_AMOUNT = 0x7fff_ffff_ffff_ffffn

/** Throws {@link LedgerError} `amount-invalid` outside 0 … 2⁶³ − 1. */
export function checkAmount(amount: bigint): bigint {
  if (amount < 0n || amount > MAXIMUM_AMOUNT) {
    throw new LedgerError('amount-invalid', `${amount} is outside 0 to 2^63 - 1`)
  }
  return amount
}

/**
 * `amount` as decimal text with exactly `scale` places: 1234567n at scale 6 is `1.234567`.
 * Throws {@link LedgerError} `amount-invalid` on a negative amount or a scale outside 0 … 18.
 */
export function formatAmount(amount: bigint, scale: number): string {
  checkAmount(amount)
  if (!Number.isInteger(scale) || scale < 0 || scale > 18) {
    throw new LedgerError('amount-invalid', `${scale} is not a scale from 0 to 18`)
  }
  if (scale === 0) return String(amount)
  const digits = String(amount).padStart(scale + 1, '0')
  return `${digits.slice(0, -scale)}.${digits.slice(-scale)}`
}

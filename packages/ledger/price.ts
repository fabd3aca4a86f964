/** The price of a call (spec/usage-close.md §price): rounded up once, over the whole receipt. */
import { checkAmount } from './amount.ts'
import { LedgerError } from './errors.ts'

export interface CallTokens {
  readonly promptTokens: number
  readonly completionTokens: number
}

/** Prices of a million tokens, in the smallest unit. */
export interface TokenPrice {
  readonly promptPerMillion: bigint
  readonly completionPerMillion: bigint
}

const MILLION = 1_000_000n

/**
 * (prompt tokens × their price + completion tokens × their price) / 10⁶, rounded up.
 * Throws {@link LedgerError} `price-invalid`, or `amount-invalid` where the result does not fit an amount.
 */
export function priceOf(tokens: CallTokens, price: TokenPrice): bigint {
  const millionths =
    countOf(tokens.promptTokens) * rateOf(price.promptPerMillion) +
    countOf(tokens.completionTokens) * rateOf(price.completionPerMillion)
  return checkAmount((millionths + MILLION - 1n) / MILLION)
}

function countOf(tokens: number): bigint {
  if (!Number.isSafeInteger(tokens) || tokens < 0) {
    throw new LedgerError('price-invalid', `${tokens} is not a number of tokens`)
  }
  return BigInt(tokens)
}

function rateOf(perMillion: bigint): bigint {
  if (perMillion < 0n) throw new LedgerError('price-invalid', 'a price below zero would pay the buyer')
  return perMillion
}

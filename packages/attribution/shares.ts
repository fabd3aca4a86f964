/**
 * Who gets which part of a model's revenue (spec/attribution.md, `attribution/v1`): integers that sum to exactly 10⁹.
 *
 * Everything here is a function of its input, whatever its order.
 */
import { TOTAL_SHARES, type Basis } from '#statements'
import { capWeights, type Fractions } from './cap.ts'
import { checkPartsPerMillion, sum, weightsOf, type ContributorInput, type Notice } from './weights.ts'

export interface SharesInput {
  readonly contributors: readonly ContributorInput[]
  /** α: how much canonical tokens count beside utility, parts per million. */
  readonly tokenWeight: number
  /** No contributor gets more than this part of the whole, parts per million. */
  readonly cap: number
}

export interface ContributorShare extends ContributorInput {
  readonly share: number
}

export interface Shares {
  /** In the order of the input. */
  readonly shares: readonly ContributorShare[]
  /** What every one of them is a part of: with it each payee computes its own. */
  readonly basis: Basis
  /** What a reader of the shares must know. */
  readonly notices: readonly Notice[]
}

/** Throws {@link AttributionError} on input that cannot be shared out. */
export function sharesOf({ contributors, tokenWeight, cap }: SharesInput): Shares {
  checkPartsPerMillion(tokenWeight, 'the token weight')
  checkPartsPerMillion(cap, 'the cap')
  const { weights, of, notices } = weightsOf(contributors, tokenWeight)
  const fractions = capWeights(weights, cap)
  const units = largestRemainder(
    fractions,
    contributors.map(({ tieBreak }) => tieBreak),
  )
  return {
    shares: contributors.map((one, at) => ({ ...one, share: Number(units[at]!) })),
    basis: { ...of, weight: String(fractions.free), rest: fractions.rest, cap },
    notices: [...notices, ...noticesOf(fractions.cap)],
  }
}

const WHOLE = BigInt(TOTAL_SHARES)

// Rounds down, then gives the missing units to the largest remainders; equal ones go by receipt digest.
function largestRemainder({ numerators, denominator }: Fractions, tieBreaks: readonly string[]): bigint[] {
  const units = numerators.map((numerator) => (numerator * WHOLE) / denominator)
  const missing = Number(WHOLE - sum(units))
  const ranked = numerators
    .map((numerator, at) => ({ at, remainder: (numerator * WHOLE) % denominator, tieBreak: tieBreaks[at]! }))
    .sort((one, other) => {
      if (one.remainder !== other.remainder) return one.remainder > other.remainder ? -1 : 1
      return one.tieBreak < other.tieBreak ? -1 : 1
    })
  for (const { at } of ranked.slice(0, missing)) units[at]! += 1n
  return units
}

function noticesOf(cap: Fractions['cap']): readonly Notice[] {
  switch (cap) {
    case 'unused':
      return []
    case 'applied':
      return ['cap-applied']
    case 'lifted':
      return ['cap-lifted']
    default:
      return cap satisfies never
  }
}

/**
 * Share = (1 − α)·u + α·t before cap and rounding (spec/attribution.md §formula), as integers over one denominator.
 *
 * No floating point: two machines that agree on the inputs agree on every unit.
 */
import { clearlyHelps, TOTAL_SHARES, weightOfShare, type ATTRIBUTION_NOTICES, type Basis } from '#statements'
import { AttributionError } from './errors.ts'
import { upperBound, type Score } from './score.ts'

export type Notice = (typeof ATTRIBUTION_NOTICES)[number]

export interface ContributorInput {
  /** Public key, hexadecimal. */
  readonly contributor: string
  readonly canonicalTokens: number
  readonly score: Score | null
  /** Digest of the contributor's earliest contribution receipt; decides who gets a unit in a tie. */
  readonly tieBreak: string
}

export interface Weights {
  /** In the order of the contributors; at least one is above zero. */
  readonly weights: readonly bigint[]
  /** What they are parts of. */
  readonly of: Pick<Basis, 'utility' | 'tokens'>
  readonly notices: readonly Notice[]
}

export const MILLION = 1_000_000n

/** Throws {@link AttributionError}. `tokenWeight` is α in parts per million. */
export function weightsOf(contributors: readonly ContributorInput[], tokenWeight: number): Weights {
  checkContributors(contributors)
  const allTokens = total(contributors.map(({ canonicalTokens }) => canonicalTokens))
  if (allTokens === 0) throw new AttributionError('tokens-missing', 'nobody contributed a token')
  const made = (of: Weights['of'], ...notices: Notice[]): Weights => ({
    weights: contributors.map((one) => weightOfShare(one, of, tokenWeight)),
    of,
    notices,
  })
  const byTokens = { utility: 0, tokens: allTokens }
  const scores = scoresOf(contributors)
  if (scores === null) return made(byTokens, 'utility-not-measured', 'noise-is-paid')

  const harm: Notice[] = scores.some((score) => upperBound(score) < 0) ? ['harm-measured'] : []
  const tokens = total(contributors.map((one, at) => (clearlyHelps(scores[at]!) ? one.canonicalTokens : 0)))
  if (tokens === 0) return made(byTokens, 'no-contributor-above-zero', 'noise-is-paid', ...harm)
  const utility = total(scores.map((score) => Math.max(score.mean, 0)))
  return made({ utility, tokens }, ...harm)
}

export function sum(values: readonly bigint[]): bigint {
  return values.reduce((all, one) => all + one, 0n)
}

function total(values: readonly number[]): number {
  return values.reduce((all, one) => all + one, 0)
}

export function checkPartsPerMillion(value: number, name: string): void {
  if (!Number.isInteger(value) || value < 0 || value > 1_000_000) {
    throw new AttributionError('parameter-invalid', `${name} is not within 0 to 1000000 parts per million`)
  }
}

function scoresOf(contributors: readonly ContributorInput[]): readonly Score[] | null {
  const scores = contributors.map(({ score }) => score).filter((score) => score !== null)
  if (scores.length === 0) return null
  if (scores.length !== contributors.length) {
    throw new AttributionError('scores-mixed', 'some contributors have a score and some have none')
  }
  if (
    scores.some(({ mean, error }) => !Number.isSafeInteger(mean) || !Number.isSafeInteger(error) || error < 0)
  ) {
    throw new AttributionError('score-invalid', 'a score is two integers, its error not below zero')
  }
  return scores
}

function checkContributors(contributors: readonly ContributorInput[]): void {
  const { length } = contributors
  if (length === 0) throw new AttributionError('contributors-missing', 'a model without contributors')
  if (length > TOTAL_SHARES) throw new AttributionError('parameter-invalid', 'more contributors than shares')
  if (new Set(contributors.map((one) => one.contributor)).size !== length) {
    throw new AttributionError('contributor-duplicate', 'a contributor stands twice')
  }
  // Two equal tie breaks would let the order of the list decide who gets the last unit.
  if (new Set(contributors.map((one) => one.tieBreak)).size !== length) {
    throw new AttributionError('tie-break-duplicate', 'two contributors name the same receipt')
  }
  if (contributors.some(({ canonicalTokens: count }) => !Number.isSafeInteger(count) || count < 0)) {
    throw new AttributionError('tokens-invalid', 'canonical tokens are a count')
  }
}

/**
 * What an estimator measures (spec/attribution.md §score): a contributor's utility, and how sure that is.
 *
 * Every method of a policy is one `Estimator`. `tokens` measures no utility and says so by a null.
 */
import type { Attribution } from '#statements'

/** Mean and standard error over seeds, in parts per million of the validation set. */
export interface Score {
  readonly mean: number
  readonly error: number
}

export interface Estimator {
  readonly method: Attribution['method']
  /** One score a contributor, or null for every one of them where the method measures none. */
  readonly scores: (contributors: readonly string[]) => Promise<ReadonlyMap<string, Score | null>>
}

export const tokensEstimator: Estimator = {
  method: 'tokens',
  scores: async (contributors) => new Map(contributors.map((contributor) => [contributor, null])),
}

/** Two standard errors below the mean: above zero, the contributor clearly helped. */
export function lowerBound({ mean, error }: Score): number {
  return mean - 2 * error
}

/** Two standard errors above the mean: below zero, the contributor clearly did harm. */
export function upperBound({ mean, error }: Score): number {
  return mean + 2 * error
}

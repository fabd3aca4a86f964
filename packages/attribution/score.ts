/**
 * From what was measured to one score a contributor (spec/attribution.md §score): its utility, and how sure that is.
 *
 * The error has three parts that do not know of each other: which questions were asked, which coalitions were drawn,
 * and, from two seeds on, chance in training.
 */
import type { Policy } from '#statements'
import { AttributionError } from './errors.ts'
import {
  exactShapley,
  leaveOneOut,
  mean,
  sampledShapley,
  standardError,
  type Retraining,
  type Values,
  type ValueTable,
} from './estimators.ts'

/** Mean and standard error, in millionths of a nat. */
export interface Score {
  readonly mean: number
  readonly error: number
}

/** What the policy's method has to measure. */
export type Measuring =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'retraining'; readonly retraining: Retraining }
  | { readonly kind: 'replay' }

/** `seed` draws the orders where not every coalition is measured. Throws {@link AttributionError}. */
export function measuringOf(rules: Policy['attribution'], players: number, seed: number): Measuring {
  switch (rules.method) {
    case 'tokens':
      return { kind: 'nothing' }
    case 'replay':
      return { kind: 'replay' }
    case 'leave-one-out':
      return { kind: 'retraining', retraining: leaveOneOut(players) }
    case 'shapley': {
      const all = rules.coalitions === 0 || 2 ** players <= rules.coalitions
      const retraining = all ? exactShapley(players) : sampledShapley(players, rules.coalitions, seed)
      return { kind: 'retraining', retraining }
    }
    default:
      return rules.method satisfies never
  }
}

/**
 * One score a player. `seeds` holds each seed's values; `answers` names each question's right answer: questions
 * about one fact stand or fall together, and are not counted as independent.
 */
export function scoresOf(
  retraining: Retraining,
  seeds: readonly ValueTable[],
  answers: readonly string[],
): Score[] {
  const bySeed = seeds.map((values) => retraining.contributions(values))
  const [first] = bySeed
  if (first === undefined) throw new AttributionError('coalition-missing', 'no seed was measured')
  return first.perQuestion.map((_, player) => {
    const means = bySeed.map(({ perQuestion }) => mean(perQuestion[player]!))
    const variances = [
      questionError(averaged(bySeed.map(({ perQuestion }) => perQuestion[player]!)), answers) ** 2,
      mean(bySeed.map(({ samplingErrors }) => samplingErrors[player]! ** 2)),
      means.length > 1 ? standardError(means) ** 2 : 0,
    ]
    return scoreOf(mean(means), Math.sqrt(variances.reduce((sum, one) => sum + one, 0)))
  })
}

/** Derivatives of the utility by each player's weight, one list a seed, in millionths of a nat. */
export function replayScores(seeds: readonly (readonly number[])[]): Score[] {
  if (seeds.length < 2)
    throw new AttributionError('parameter-invalid', 'a replay is repeated with at least two seeds')
  return seeds[0]!.map((_, player) => {
    const values = seeds.map((derivatives) => derivatives[player]!)
    return { mean: Math.round(mean(values)), error: Math.ceil(standardError(values)) }
  })
}

/**
 * Under this mean loss of the last pass (millionths of a nat a token) a run has fitted its pool, and the derivative
 * says nothing of what a bundle did: measured, its agreement with retraining falls from .9 to .1.
 */
export const SATURATED_LOSS_E6 = 500_000

/** Throws `run-saturated`. */
export function assertNotSaturated(lossE6: number): void {
  if (lossE6 < SATURATED_LOSS_E6) {
    throw new AttributionError(
      'run-saturated',
      `The run has fitted its data (loss ${lossE6 / 1e6}): a replay would mislead. Use shapley or leave-one-out.`,
    )
  }
}

/** Two standard errors below the mean: above zero, the contributor clearly helped. */
export function lowerBound(score: Score): number {
  return score.mean - 2 * score.error
}

/** Two standard errors above the mean: below zero, the contributor clearly did harm. */
export function upperBound(score: Score): number {
  return score.mean + 2 * score.error
}

/** Mean utility over the questions and seeds, as statements have it. */
export function utilityOf(seeds: readonly Values[]): number {
  return Math.round(1e6 * mean(seeds.map(mean)))
}

function scoreOf(middle: number, error: number): Score {
  return { mean: Math.round(1e6 * middle), error: Math.ceil(1e6 * error) }
}

function averaged(lists: readonly Values[]): Values {
  return lists[0]!.map((_, at) => mean(lists.map((list) => list[at]!)))
}

// Cluster-robust: deviations of one answer's questions are added up before they are squared.
function questionError(values: Values, answers: readonly string[]): number {
  const middle = mean(values)
  const byAnswer = new Map<string, number>()
  for (const [at, value] of values.entries())
    byAnswer.set(answers[at]!, (byAnswer.get(answers[at]!) ?? 0) + value - middle)
  const clusters = byAnswer.size
  if (clusters < 2) throw new AttributionError('parameter-invalid', 'one question alone has no error')
  const squares = [...byAnswer.values()].reduce((sum, one) => sum + one ** 2, 0)
  return Math.sqrt((squares * clusters) / (clusters - 1)) / values.length
}

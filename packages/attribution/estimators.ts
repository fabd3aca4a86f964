/**
 * The estimators that retrain (spec/attribution.md §estimators): which coalitions, and what their values are worth to
 * each player. Values are in nats; one value a validation question, so that the error over questions can be told.
 */
import {
  arrivals,
  circles,
  coalitionName,
  distinct,
  everyCoalition,
  indexes,
  leaveOneOutCoalitions,
  ordersOf,
  type Coalition,
} from './coalitions.ts'
import { AttributionError } from './errors.ts'

/** The value of each question to one coalition's model. */
export type Values = readonly number[]
/** One seed's results, by {@link coalitionName}. */
export type ValueTable = ReadonlyMap<string, Values>

/** What one seed says of the players: a contribution a question, and how unsure the sampling left it. */
export interface Contributions {
  /** `perQuestion[player][question]`, nats. */
  readonly perQuestion: readonly Values[]
  /** Standard error of each player's mean by sampling; zeros where every coalition was measured. */
  readonly samplingErrors: readonly number[]
}

/** An estimator that retrains. Both functions throw {@link AttributionError}. */
export interface Retraining {
  readonly coalitions: readonly Coalition[]
  readonly exact: boolean
  /** Wants every coalition's values. */
  readonly contributions: (values: ValueTable) => Contributions
}

/** φᵢ = Σ over coalitions S without i of |S|!(n−|S|−1)!/n! · (v(S ∪ i) − v(S)) (Shapley 1953). */
export function exactShapley(players: number): Retraining {
  const coalitions = everyCoalition(players)
  const weights = indexes(players).map((size) => 1 / (players * binomial(players - 1, size)))
  return {
    coalitions,
    exact: true,
    contributions: (values) => ({
      perQuestion: indexes(players).map((player) =>
        sumOf(
          coalitions
            .filter((members) => !members.includes(player))
            .map((members) => scale(marginal(values, members, player), weights[members.length]!)),
        ),
      ),
      samplingErrors: indexes(players).map(() => 0),
    }),
  }
}

/**
 * The mean of marginals over structured orders, antithetic and each player at each place equally often (van Campen et
 * al. 2018); unbiased, and still adds up. The error is that between circles, which were drawn apart.
 */
export function sampledShapley(players: number, budget: number, seed: number): Retraining {
  const byCircle = circles(players, budget, seed).map(ordersOf)
  const coalitions = distinct(byCircle.flat().flatMap(arrivals)).sort(
    (one, other) => other.length - one.length,
  )
  return {
    coalitions,
    exact: false,
    contributions: (values) => {
      const ofOrder = (order: Coalition, player: number) =>
        marginal(
          values,
          order.slice(0, order.indexOf(player)).sort((one, other) => one - other),
          player,
        )
      const meanOf = (all: readonly Values[]) => scale(sumOf(all), 1 / all.length)
      const ofCircles = indexes(players).map((player) =>
        byCircle.map((orders) => meanOf(orders.map((order) => ofOrder(order, player)))),
      )
      return {
        perQuestion: ofCircles.map(meanOf),
        samplingErrors: ofCircles.map((of) => standardError(of.map(mean))),
      }
    },
  }
}

/** What everybody together loses without the player. */
export function leaveOneOut(players: number): Retraining {
  const coalitions = leaveOneOutCoalitions(players)
  return {
    coalitions,
    exact: true,
    contributions: (values) => ({
      perQuestion: indexes(players).map((player) =>
        marginal(
          values,
          indexes(players).filter((one) => one !== player),
          player,
        ),
      ),
      samplingErrors: indexes(players).map(() => 0),
    }),
  }
}

export function mean(values: Values): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

/** Of a mean of independent values. Where there is one value only, nothing is known: infinite. */
export function standardError(values: Values): number {
  if (values.length < 2) return Number.POSITIVE_INFINITY
  const middle = mean(values)
  const squares = values.reduce((sum, value) => sum + (value - middle) ** 2, 0)
  return Math.sqrt(squares / (values.length - 1) / values.length)
}

/** v(S ∪ player) − v(S), question by question. */
function marginal(values: ValueTable, without: Coalition, player: number): Values {
  const before = valuesOf(values, without)
  const after = valuesOf(
    values,
    [...without, player].sort((one, other) => one - other),
  )
  return after.map((value, question) => value - before[question]!)
}

function valuesOf(values: ValueTable, members: Coalition): Values {
  const found = values.get(coalitionName(members))
  if (found === undefined)
    throw new AttributionError(
      'coalition-missing',
      `the coalition ${coalitionName(members)} was not measured`,
    )
  return found
}

const sumOf = (all: readonly Values[]): Values =>
  all.reduce((sum, values) => values.map((value, at) => value + (sum[at] ?? 0)), [])

const scale = (values: Values, by: number): Values => values.map((value) => value * by)

function binomial(of: number, choose: number): number {
  return indexes(choose).reduce((product, at) => (product * (of - at)) / (at + 1), 1)
}

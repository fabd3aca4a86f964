import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Policy } from '#statements'
import {
  assertNotSaturated,
  AttributionError,
  coalitionName,
  leaveOneOut,
  measuringOf,
  replayScores,
  scoresOf,
  type AttributionErrorCode,
  type Coalition,
  type Retraining,
  type ValueTable,
} from '#attribution'

const refuses = (body: () => unknown, code: AttributionErrorCode) =>
  assert.throws(body, (error) => error instanceof AttributionError && error.code === code)

type Game = (members: Coalition) => number

const rules = (more: Partial<Policy['attribution']>): Policy['attribution'] => ({
  method: 'shapley',
  tokenWeight: 0,
  cap: 1_000_000,
  seeds: 1,
  coalitions: 0,
  utility: { kind: 'contrast', others: 1, temperatureE3: 1000 },
  recipe: {},
  ...more,
})

function retrainingOf(players: number, coalitions = 0): Retraining {
  const measuring = measuringOf(rules({ coalitions }), players, 7)
  assert.equal(measuring.kind, 'retraining')
  return measuring.kind === 'retraining' ? measuring.retraining : assert.fail()
}

/** Two questions that differ by a constant, so that there is an error over questions to compute. */
function played({ coalitions }: Retraining, game: Game, spread = 0): ValueTable {
  return new Map(
    coalitions.map((members) => [coalitionName(members), [game(members) - spread, game(members) + spread]]),
  )
}
const ANSWERS = ['first', 'second']
const meansOf = (retraining: Retraining, game: Game) =>
  scoresOf(retraining, [played(retraining, game)], ANSWERS).map(({ mean }) => mean)

/** A game by a table of 2ⁿ values. */
const anyGame = (players: number) =>
  fc.array(fc.integer({ min: -1000, max: 1000 }), { minLength: 2 ** players, maxLength: 2 ** players }).map(
    (table): Game =>
      (members) =>
        table[members.reduce((mask, one) => mask | (1 << one), 0)]! / 1000,
  )
const everybody = (players: number) => Array.from({ length: players }, (_, at) => at)

test('the glove game has the values of the textbook', () => {
  // Players 0 and 1 have a left glove each, player 2 the only right one: 1/6, 1/6, 4/6.
  const gloves: Game = (members) => Number(members.includes(2) && members.length > 1)
  assert.deepEqual(meansOf(retrainingOf(3), gloves), [166_667, 166_667, 666_667])
})

test('exact values add up to the gain, and twins share', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 5 }).chain((players) => fc.tuple(fc.constant(players), anyGame(players))),
      ([players, game]) => {
        const means = meansOf(retrainingOf(players), game)
        const gain = 1e6 * (game(everybody(players)) - game([]))
        assert.ok(Math.abs(means.reduce((sum, one) => sum + one, 0) - gain) <= players)
      },
    ),
  )
  const twins: Game = (members) => Number(members.includes(0) || members.includes(1))
  assert.deepEqual(meansOf(retrainingOf(3), twins), [500_000, 500_000, 0])
})

test('who changes nothing gets nothing, and a contributor in two halves gets what the whole would', () => {
  const worth = [0.4, 0.1, 0.25]
  const sum: Game = (members) => members.reduce((all, one) => all + (worth[one] ?? 0), 0)
  assert.deepEqual(meansOf(retrainingOf(4), sum), [400_000, 100_000, 250_000, 0])
  const whole: Game = (members) => sum(members.includes(0) ? [0, 1] : [])
  assert.equal(meansOf(retrainingOf(1), whole)[0], 500_000)
})

test('sampled values add up too, stay within the budget, and come near the exact ones', () => {
  const game: Game = (members) => Math.sqrt(members.reduce((sum, one) => sum + one + 1, 0)) / 4
  const exact = meansOf(retrainingOf(8), game)
  const sampled = retrainingOf(8, 240)
  assert.equal(sampled.exact, false)
  assert.ok(sampled.coalitions.length <= 240 && sampled.coalitions.length > 100)
  const scores = scoresOf(sampled, [played(sampled, game)], ANSWERS)
  const gain = 1e6 * game(everybody(8))
  assert.ok(Math.abs(scores.reduce((sum, { mean }) => sum + mean, 0) - gain) <= 8)
  for (const [at, { mean, error }] of scores.entries()) {
    assert.ok(error > 0)
    assert.ok(Math.abs(mean - exact[at]!) <= 4 * error, `${mean} ± ${error} is far from ${exact[at]}`)
  }
})

test('the same seed asks for the same coalitions, and another seed for others', () => {
  const of = (seed: number) => {
    const measuring = measuringOf(rules({ coalitions: 300 }), 9, seed)
    return measuring.kind === 'retraining' ? measuring.retraining.coalitions : []
  }
  assert.deepEqual(of(1), of(1))
  assert.notDeepEqual(of(1), of(2))
})

test('leaving one out asks for no more than that, and gives twins nothing', () => {
  const retraining = leaveOneOut(3)
  assert.equal(retraining.coalitions.length, 5)
  const twins: Game = (members) => Number(members.includes(0) || members.includes(1))
  assert.deepEqual(meansOf(retraining, twins), [0, 0, 0])
  assert.equal(leaveOneOut(1).coalitions.length, 2)
})

test('questions about one fact count as one, and every seed adds what it disagrees by', () => {
  const retraining = leaveOneOut(1)
  const values = (gains: readonly number[]): ValueTable =>
    new Map([
      ['', gains.map(() => 0)],
      ['0', gains],
    ])
  const gains = [1, 1, 1, 3, 3, 3]
  const errorWith = (answers: readonly string[], seeds = [gains]) =>
    scoresOf(retraining, seeds.map(values), answers)[0]!.error
  const apart = errorWith(['a', 'b', 'c', 'd', 'e', 'f'])
  const two = errorWith(['a', 'a', 'a', 'b', 'b', 'b'])
  assert.equal(apart, Math.ceil((1e6 * Math.sqrt((6 * 6) / 5)) / 6))
  assert.equal(two, Math.ceil((1e6 * Math.sqrt((18 * 2) / 1)) / 6))
  assert.ok(errorWith(['a', 'a', 'a', 'b', 'b', 'b'], [gains, gains.map((gain) => gain + 1)]) > two)
})

test('what was not measured is never guessed', () => {
  const retraining = retrainingOf(3)
  const values = new Map(played(retraining, () => 1))
  values.delete('0,2')
  refuses(() => scoresOf(retraining, [values], ANSWERS), 'coalition-missing')
  refuses(() => scoresOf(retraining, [], ANSWERS), 'coalition-missing')
  refuses(() => scoresOf(retraining, [played(retraining, () => 1)], ['one', 'one']), 'parameter-invalid')
})

test('a budget that tells nothing about its error, and a pool with too many coalitions, are refused', () => {
  refuses(() => measuringOf(rules({ coalitions: 100 }), 9, 1), 'parameter-invalid')
  refuses(() => measuringOf(rules({ coalitions: 0 }), 40, 1), 'parameter-invalid')
  assert.ok(measuringOf(rules({ coalitions: 5000 }), 40, 1).kind === 'retraining')
})

test('a replay wants two seeds and a run that has not fitted its data', () => {
  assert.deepEqual(
    replayScores([
      [10, -4],
      [14, -4],
    ]),
    [
      { mean: 12, error: 2 },
      { mean: -4, error: 0 },
    ],
  )
  refuses(() => replayScores([[10, -4]]), 'parameter-invalid')
  refuses(() => assertNotSaturated(350_000), 'run-saturated')
  assertNotSaturated(800_000)
})

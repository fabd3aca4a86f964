/**
 * Which sets of contributors have to be retrained (spec/attribution.md §estimators), settled before any of them is.
 *
 * Nothing is chosen while the results come in: the order of the players and the run's seed give the whole list.
 */
import { encodeUint64, sha256, type Bytes } from '#bytes'
import { AttributionError } from './errors.ts'

/** Indexes of players, increasing. */
export type Coalition = readonly number[]

/** From this many players on, all coalitions are never asked for. */
const MOST_EXACT = 16

export const coalitionName = (members: Coalition): string => members.join(',')

/** Everybody, and everybody but one. */
export function leaveOneOutCoalitions(players: number): Coalition[] {
  const everybody = indexes(players)
  const without = everybody.map((out) => everybody.filter((one) => one !== out))
  return distinct([everybody, ...without, []])
}

/** All 2^players, the largest first: on several workers the last one to end is then a short one. */
export function everyCoalition(players: number): Coalition[] {
  if (players > MOST_EXACT)
    throw new AttributionError('parameter-invalid', `${players} contributors have too many coalitions`)
  return Array.from({ length: 2 ** players }, (_, mask) =>
    indexes(players).filter((one) => (mask >> one) & 1),
  ).sort((one, other) => other.length - one.length)
}

/**
 * Circles of players, as many as at most `budget` different coalitions allow. From a circle come all orders that begin
 * anywhere and go either way, so that each player stands at each place equally often, and each order has its reverse.
 * Throws `parameter-invalid` where the budget is too small for three circles: from fewer nobody can tell the error.
 */
export function circles(players: number, budget: number, seed: number): Coalition[] {
  const known = new Set<string>()
  const drawn: Coalition[] = []
  for (let draw = 0; draw < budget; draw += 1) {
    const circle = shuffled(players, seed, draw)
    const fresh = new Set(ordersOf(circle).flatMap(arrivals).map(coalitionName)).difference(known)
    if (known.size + fresh.size > budget) break
    for (const name of fresh) known.add(name)
    drawn.push(circle)
  }
  if (drawn.length < 3)
    throw new AttributionError(
      'parameter-invalid',
      `${budget} coalitions are too few to sample ${players} contributors: about ${3 * players * (players - 1)} are needed`,
    )
  return drawn
}

/** Every rotation of the circle, and its reverse. */
export function ordersOf(circle: Coalition): Coalition[] {
  return circle.flatMap((_, at) => {
    const order = [...circle.slice(at), ...circle.slice(0, at)]
    return [order, order.toReversed()]
  })
}

export function distinct(coalitions: readonly Coalition[]): Coalition[] {
  return [...new Map(coalitions.map((one) => [coalitionName(one), one])).values()]
}

/** The coalitions that stand after each arrival, the empty one first. */
export function arrivals(order: Coalition): Coalition[] {
  return [0, ...order.map((_, at) => at + 1)].map((count) =>
    order.slice(0, count).sort((one, other) => one - other),
  )
}

export function indexes(players: number): number[] {
  return Array.from({ length: players }, (_, at) => at)
}

// Fisher and Yates, each step by a hash: the same seed gives the same orders everywhere.
function shuffled(players: number, seed: number, draw: number): number[] {
  const order = indexes(players)
  for (let at = players - 1; at > 0; at -= 1) {
    const other = Number(uint64(sha256(words(seed, draw, at))) % BigInt(at + 1))
    ;[order[at], order[other]] = [order[other]!, order[at]!]
  }
  return order
}

function words(...numbers: readonly number[]): Bytes {
  return Uint8Array.from(numbers.flatMap((number) => [...encodeUint64(BigInt(number))]))
}

function uint64(bytes: Bytes): bigint {
  return bytes.subarray(0, 8).reduce((value, byte) => value * 256n + BigInt(byte), 0n)
}

/**
 * The policy's cap (spec/attribution.md §cap): nobody gets more than this part of the whole.
 *
 * What is over the cap goes to the others in proportion, which may lift one of them over it, so it is done until
 * nobody is over. Contributors who earn nothing are given nothing.
 */
import { MILLION, sum } from './weights.ts'

/** A share as numerator over {@link Fractions.denominator}; all numerators together make it up. */
export interface Fractions {
  readonly numerators: readonly bigint[]
  readonly denominator: bigint
  /** Sum of the weights that are not capped, and the part of the whole they divide, parts per million. */
  readonly free: bigint
  readonly rest: number
  /** What the cap did: `lifted` where too few earn anything for the policy's figure to be possible. */
  readonly cap: 'unused' | 'applied' | 'lifted'
}

/** `cap` in parts per million. */
export function capWeights(weights: readonly bigint[], cap: number): Fractions {
  const limit = BigInt(cap)
  const earning = BigInt(weights.filter((weight) => weight > 0n).length)
  if (limit * earning < MILLION) {
    // The smallest cap that can pay out everything is the one under which all who earn get the same.
    const numerators = weights.map((weight) => (weight > 0n ? 1n : 0n))
    return { numerators, denominator: earning, free: earning, rest: 1_000_000, cap: 'lifted' }
  }
  const capped = new Set<number>()
  for (;;) {
    const free = weights.map((weight, at) => (capped.has(at) ? 0n : weight))
    const freeSum = sum(free)
    const rest = MILLION - limit * BigInt(capped.size)
    const over = free.flatMap((weight, at) => (weight * rest > limit * freeSum ? [at] : []))
    for (const at of over) capped.add(at)
    if (over.length > 0) continue
    // Where all who earn stand at the cap, nothing is left and no weight either.
    const scale = freeSum === 0n ? 1n : freeSum
    return {
      numerators: free.map((weight, at) => (capped.has(at) ? limit * scale : weight * rest)),
      denominator: MILLION * scale,
      free: freeSum,
      rest: Number(rest),
      cap: capped.size === 0 ? 'unused' : 'applied',
    }
  }
}

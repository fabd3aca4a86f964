/** How well two measurements of the same contributors agree (spec/fidelity.md). */
import { AttributionError } from './errors.ts'

/** Pearson's correlation times a million; null where a side does not vary, or there are fewer than two. */
export function correlation(left: readonly number[], right: readonly number[]): number | null {
  if (left.length !== right.length)
    throw new AttributionError('parameter-invalid', 'two lists of different contributors cannot agree')
  const [a, b] = [deviations(left), deviations(right)]
  const product = a.reduce((sum, one, at) => sum + one * b[at]!, 0)
  const scale = Math.sqrt(squares(a) * squares(b))
  return scale === 0 ? null : Math.round(1e6 * Math.min(1, Math.max(-1, product / scale)))
}

/** The part of the whole that would have to move to make one list of shares the other, parts per million. */
export function moved(shares: readonly number[], others: readonly number[]): number {
  const whole = shares.reduce((sum, one) => sum + one, 0)
  const apart = shares.reduce((sum, one, at) => sum + Math.abs(one - others[at]!), 0)
  return whole === 0 ? 0 : Math.round((1e6 * apart) / (2 * whole))
}

function deviations(values: readonly number[]): number[] {
  const mean = values.reduce((sum, one) => sum + one, 0) / values.length
  return values.map((one) => one - mean)
}

function squares(values: readonly number[]): number {
  return values.reduce((sum, one) => sum + one * one, 0)
}

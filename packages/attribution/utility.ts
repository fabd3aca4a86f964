/**
 * The contrastive utility of one model (spec/attribution.md §utility): how surely it picks the right whole answer of
 * each validation question among wrong ones.
 *
 * Wrong are two kinds, and each question counts by the worse of the two contests. Right answers of other questions
 * are as likely as the right one to who learned only sentences; near misses are, to who learned only the form. So
 * neither alone earns anything.
 */
import type { Utility } from '#statements'
import { AttributionError } from './errors.ts'

/** Sums of token log-probabilities of whole answers, in millionths of a nat: the right one, others, near misses. */
export type QuestionScores = readonly number[]

/** One value a question, in nats, none above zero: the logarithm of the right answer's chance. */
export function contrast(scores: readonly QuestionScores[], { others, temperatureE3 }: Utility): number[] {
  const scale = 1000 * temperatureE3
  return scores.map((candidates) => {
    if (candidates.length <= others || !candidates.every(Number.isSafeInteger))
      throw new AttributionError('score-invalid', 'a question lacks the score of a candidate')
    const [right, ...wrong] = candidates.map((score) => score / scale) as [number, ...number[]]
    const real = logChance(right, wrong.slice(0, others))
    const misses = wrong.slice(others)
    return misses.length === 0 ? real : Math.min(real, logChance(right, misses))
  })
}

function logChance(right: number, wrong: readonly number[]): number {
  const most = Math.max(right, ...wrong)
  const all = [right, ...wrong].reduce((sum, score) => sum + Math.exp(score - most), 0)
  return right - most - Math.log(all)
}

/**
 * The candidates of each validation question (spec/attribution.md §utility): the right answer, right answers of other
 * questions, near misses. Nothing is left to choose: the set that the policy committed to gives them.
 */
import { encodeUtf8, sha256Hex } from '#bytes'
import type { Item, ValidationItem } from '#statements'
import { AttributionError } from './errors.ts'

export interface ExamQuestion {
  /** What comes before the answer. */
  readonly prompt: Item['messages']
  /** The right one first, then `others` of other questions, then near misses. */
  readonly candidates: readonly string[]
}

/** Throws `parameter-invalid` where the set has too few different answers. */
export function examOf(items: readonly ValidationItem[], others: number, commitment: string): ExamQuestion[] {
  const answers = [...new Set(items.map(answerOf))]
  return items.map((one, at) => {
    const right = answerOf(one)
    const place = (answer: string) =>
      sha256Hex(encodeUtf8(`fairweight/candidate/v1\n${commitment}\n${at}\n${answer}`))
    const wrong = answers
      .filter((answer) => answer !== right && !one.nearMisses.includes(answer))
      .map((answer) => ({ answer, place: place(answer) }))
      .sort((left, other) => (left.place < other.place ? -1 : 1))
      .slice(0, others)
    if (wrong.length < others)
      throw new AttributionError('parameter-invalid', 'the validation set has too few different answers')
    return {
      prompt: one.item.messages.slice(0, -1),
      candidates: [right, ...wrong.map(({ answer }) => answer), ...one.nearMisses],
    }
  })
}

/** The right answer of a validation item. */
export function answerOf({ item }: ValidationItem): string {
  return item.messages.at(-1)?.content ?? ''
}

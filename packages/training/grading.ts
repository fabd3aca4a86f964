/**
 * Whether an answer is right: one strict rule, the same before and after training (examples/meadow/README.md).
 *
 * Lower case, NFKC, everything but letters and digits becomes one space; then an accepted phrase must occur as
 * whole words, and no rejected one may.
 */
import { z } from 'zod'
import { digestOf, parseJson } from '#bytes'

const question = z.strictObject({
  id: z.string().min(1).max(60),
  contributor: z.string().max(60).optional(),
  question: z.string().min(1).max(2000),
  accept: z.array(z.string().min(1)).min(1),
  reject: z.array(z.string().min(1)).optional(),
})
export type Question = z.infer<typeof question>

export const questionsSchema = z.array(question).min(1).max(1000)

/** Throws `ZodError` or `BytesError` on the first bad line. */
export function readQuestions(jsonl: string): Question[] {
  return questionsSchema.parse(
    jsonl
      .split('\n')
      .filter((line) => line.trim() !== '')
      .map(parseJson),
  )
}

export function isRight(
  answer: string,
  { accept, reject = [] }: Pick<Question, 'accept' | 'reject'>,
): boolean {
  const said = ` ${plainWords(answer)} `
  const says = (phrase: string) => said.includes(` ${plainWords(phrase)} `)
  return accept.some(says) && !reject.some(says)
}

/** Commits an evaluation to its questions. */
export function questionsDigest(questions: readonly Question[]): string {
  return digestOf(questions)
}

function plainWords(text: string): string {
  return text
    .normalize('NFKC')
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}]+/gu, ' ')
    .trim()
}

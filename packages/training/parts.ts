/** What the jobs of the trainer have in common (spec/trainer-job.md §the job). */
import { z } from 'zod'
import { hex32 } from '#statements'

export const tokenIds = z.array(z.int().min(0)).min(1).readonly()

const example = z.strictObject({
  /** The bundle's number in this job; −1 for general text. */
  bundle: z.int().min(-1),
  commitment: hex32,
  ids: z.array(z.int().min(0)).min(2).readonly(),
  answer_from: z.int().min(1),
})
export type TrainingExample = z.infer<typeof example>

export const material = {
  job_id: z.string().regex(/^[A-Za-z0-9._-]{1,128}$/),
  base: z.strictObject({
    path: z.string().startsWith('/'),
    sha256: hex32,
    cache: z.string().startsWith('/').nullable(),
    float32_sha256: hex32.optional(),
  }),
  /** Closed list, checked by the trainer (spec/trainer-job.md §recipe). */
  recipe: z.record(z.string(), z.unknown()),
  examples: z.array(example).min(1).readonly(),
  general: z.array(example).readonly(),
  expect: z.strictObject({ tokens: z.int().min(1) }),
}

/** What a job announces: whoever changes an example changes it too. */
export function tokensOf(examples: readonly TrainingExample[]): number {
  return examples.reduce((sum, { ids }) => sum + ids.length, 0)
}

/** The job a trainer is given (spec/trainer-job.md): the one place on this side that spells it. */
import { z } from 'zod'
import { canonicalBytes, sha256Hex, type Bytes } from '#bytes'
import { material, tokensOf } from './parts.ts'

const job = z.strictObject({
  format: z.literal('fairweight/job/v1'),
  ...material,
  seed: z.int().min(0),
})
export type TrainingJob = z.infer<typeof job>
export const trainingJobSchema: z.ZodType<TrainingJob> = job

export const GENERAL_BUNDLE = -1

/** The job's bytes, and the digest that names the run. Throws `ZodError` where it is no job. */
export function encodeJob(of: Omit<TrainingJob, 'format' | 'expect'>): { bytes: Bytes; digest: string } {
  const expect = { tokens: tokensOf(of.examples) }
  const bytes = canonicalBytes(job.parse({ format: 'fairweight/job/v1', ...of, expect }))
  return { bytes, digest: sha256Hex(bytes) }
}

/** How often each pass reads the general text at most, in parts per million (spec/manifest.md). */
export function generalWeight(recipe: RecipeFacts, examples: number, general: number): number {
  if (general === 0 || recipe.promptsPerStep === 0) return 0
  const steps = Math.ceil(examples / recipe.batch) * recipe.passes
  const readings = Math.ceil((steps * recipe.promptsPerStep) / general)
  return Math.ceil((readings * 1_000_000) / recipe.passes)
}

/** What others than the trainer need to know of a recipe. */
export interface RecipeFacts {
  readonly passes: number
  readonly batch: number
  readonly maxLength: number
  /** 0 where nothing is distilled. */
  readonly promptsPerStep: number
}

/** Throws `TypeError` where a recipe lacks what everyone needs to know of it. */
export function recipeFacts(recipe: Readonly<Record<string, unknown>>): RecipeFacts {
  const distillation = recipe['distillation'] as { prompts_per_step?: unknown } | null | undefined
  const whole = (name: string, value: unknown): number => {
    if (!Number.isSafeInteger(value) || (value as number) < 1)
      throw new TypeError(`the recipe's ${name} is not a positive integer`)
    return value as number
  }
  return {
    passes: whole('passes', recipe['passes']),
    batch: whole('batch', recipe['batch']),
    maxLength: whole('max_length', recipe['max_length']),
    promptsPerStep:
      distillation == null ? 0 : whole('distillation.prompts_per_step', distillation.prompts_per_step),
  }
}

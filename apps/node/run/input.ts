/** What an operator hands to a run: text against forgetting, and questions to measure by. Kept sealed. */
import { z } from 'zod'
import { canonicalBytes, parseCanonical } from '#bytes'
import { getSealed, putSealed, type NodeContext } from '#node/core'
import { itemSchema } from '#statements'
import { questionsSchema } from '#training'

const input = z.strictObject({
  /** The bundle named `general`: the operator's, without a share. */
  general: z.array(itemSchema).max(100_000),
  evaluations: z
    .array(z.strictObject({ set: z.string().regex(/^[a-z0-9-]{1,60}$/), questions: questionsSchema }))
    .max(10),
})
export type RunInput = z.infer<typeof input>
export const runInputSchema: z.ZodType<RunInput> = input

export function sealInput(context: NodeContext, value: RunInput): Promise<string> {
  return putSealed(context, canonicalBytes(value))
}

export async function openInput(context: NodeContext, digest: string): Promise<RunInput> {
  return input.parse(parseCanonical(await getSealed(context, digest)))
}

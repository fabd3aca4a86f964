/** What an operator hands to a run: text against forgetting, and questions to measure by. Kept sealed. */
import { z } from 'zod'
import { canonicalBytes, decodeHex, parseCanonical } from '#bytes'
import { getSealed, putSealed, type NodeContext } from '#node/core'
import { hex32, itemSchema, validationCommitment, validationItemSchema, type Policy } from '#statements'
import { questionsSchema } from '#training'

const input = z.strictObject({
  /** The bundle named `general`: the operator's, without a share. */
  general: z.array(itemSchema).max(100_000),
  evaluations: z
    .array(z.strictObject({ set: z.string().regex(/^[a-z0-9-]{1,60}$/), questions: questionsSchema }))
    .max(10),
  /** The secret set that the policy committed to, with the secret of its salts; null where nothing is measured. */
  validation: z
    .strictObject({ items: z.array(validationItemSchema).min(1).max(10_000), secret: hex32 })
    .nullable(),
})
export type RunInput = z.infer<typeof input>
export const runInputSchema: z.ZodType<RunInput> = input

export function sealInput(context: NodeContext, value: RunInput): Promise<string> {
  return putSealed(context, canonicalBytes(value))
}

export async function openInput(context: NodeContext, digest: string): Promise<RunInput> {
  return input.parse(parseCanonical(await getSealed(context, digest)))
}

/** True for the set that the policy committed to before any data was known, and where none is asked for. */
export function isAgreedValidation({ validation }: RunInput, policy: Policy): boolean {
  if (validation === null) return policy.attribution.utility === null
  const { items, secret } = validation
  return (
    items.length === policy.validation.items &&
    validationCommitment(items, decodeHex(secret)) === policy.validation.commitment
  )
}

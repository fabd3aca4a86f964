/** A refund (spec/buyer-account.md §money), as the operator asks for it. */
import { z } from 'zod'
import type { AccountClient } from './client.ts'
import { readAnswer } from './keys.ts'

const refunded = z.object({
  amount: z.string().regex(/^[1-9]\d{0,18}$/),
  reference: z.string().regex(/^[\w.:/-]{1,100}$/),
  created: z.boolean(),
})

/** The same reference again changes nothing. Throws `AccountError` with the node's own words where it refuses. */
export async function refund(
  client: AccountClient,
  buyer: string,
  { amount, reference }: { readonly amount: string; readonly reference: string },
): Promise<z.infer<typeof refunded>> {
  const path = `/v1/operator/buyers/${encodeURIComponent(buyer)}/refunds`
  return readAnswer(refunded, await client.post(path, { amount, reference }))
}

/** What a buyer sees and does of its own account (spec/buyer-account.md): usage, keys, invoices. */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { z } from 'zod'
import { HttpError, type NodeContext } from '#node/core'
import { hex32, month } from '#statements'
import { usageOf } from './buyers.ts'
import { forBuyer, read } from './handlers.ts'
import { draftOf, invoiceOf, invoicesOf } from './invoices.ts'
import { keysOf, revokeKey, rotateKey } from './keys.ts'

export function registerBuyerRoutes(app: FastifyInstance, context: NodeContext): void {
  app.get(
    '/v1/usage',
    forBuyer(context, async ({ buyer }, request, reply) => {
      const { limit, before } = read(page, request.query)
      const usage = await usageOf(context, buyer, { limit, before: before ?? null })
      return reply.send({ ...usage, currency: context.policy.predicate.currency })
    }),
  )

  app.get(
    '/v1/keys',
    forBuyer(context, async ({ id, buyer }, _request, reply) =>
      reply.send({ buyer, key: id, keys: await keysOf(context, buyer) }),
    ),
  )

  app.get(
    '/v1/invoices',
    forBuyer(context, async ({ buyer }, _request, reply) =>
      reply.send({ buyer, invoices: await invoicesOf(context, buyer) }),
    ),
  )

  app.get(
    '/v1/invoices/:month',
    forBuyer(context, async ({ buyer }, request, reply) =>
      reply.send(await answerInvoice(context, buyer, request)),
    ),
  )

  app.post(
    '/v1/keys/rotations',
    forBuyer(context, async (key, request, reply) => {
      const next = read(rotation, request.body)
      const { validUntil, created } = await rotateKey(context, key, next)
      return reply
        .code(created ? 201 : 200)
        .send({ key: next.id, replaces: key.id, validUntil: validUntil.toISOString(), created })
    }),
  )

  app.post(
    '/v1/keys/revocations',
    forBuyer(context, async (key, request, reply) => {
      const { key: id } = read(named, request.body)
      // Who has an old key must not shut out who has the new one.
      if (key.ending && id !== key.id)
        throw new HttpError(403, 'key_ending', 'A key that was replaced can only revoke itself.')
      const created = await revokeKey(context, { id, buyer: key.buyer }, 'buyer')
      return reply.code(created ? 201 : 200).send({ key: id, created })
    }),
  )
}

/** The invoice of a month, or with `?draft=true` what it would say by now. */
export async function answerInvoice(context: NodeContext, buyer: string, { params, query }: FastifyRequest) {
  const { month: of } = read(byMonth, params)
  const { draft } = read(draftWanted, query)
  return draft === 'true'
    ? { draft: await draftOf(context, buyer, of) }
    : { invoice: await invoiceOf(context, buyer, of) }
}

const byMonth = z.object({ month })
const draftWanted = z.object({ draft: z.enum(['true', 'false']).default('false') })
const keyId = z.string().regex(/^[0-9a-f]{16}$/)
/** What a key is made known by: the secret itself stays with its owner. */
export const madeKey = z.strictObject({ id: keyId, hash: hex32 })
export const named = z.strictObject({ key: keyId })
const rotation = z.strictObject({
  ...madeKey.shape,
  overlapSeconds: z
    .int()
    .min(0)
    .max(30 * 86_400)
    .default(86_400),
})
const page = z.object({
  limit: z.coerce.number().int().min(1).max(100).default(20),
  before: z.coerce.number().int().min(1).optional(),
})

/** The ledger over HTTP: the operator's routes, and what a buyer sees of its own account. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import { MAXIMUM_AMOUNT } from '#ledger'
import { assertOperator, bearerOf, HttpError, sendError, type NodeContext } from '#node/core'
import { hex32, label } from '#statements'
import { authenticateBuyer, createBuyer, topUp, usageOf } from './buyers.ts'
import { closeUsage } from './close.ts'
import { payoutCsv } from './csv.ts'
import { findPayout, payOutAll, payoutRefusal } from './payouts.ts'

export function registerLedgerRoutes(app: FastifyInstance, context: NodeContext): void {
  app.post(
    '/v1/operator/buyers',
    forOperator(context, async (request, reply) => {
      const { name } = read(newBuyer, request.body ?? {})
      return reply.code(201).send(await createBuyer(context, name ?? null))
    }),
  )

  app.post(
    '/v1/operator/buyers/:id/top-ups',
    forOperator(context, async (request, reply) => {
      const { id } = read(byId, request.params)
      const { amount, reference } = read(payment, request.body)
      const created = await topUp(context, id, { amount: BigInt(amount), reference })
      return reply.code(created ? 201 : 200).send({ buyer: id, amount, reference, created })
    }),
  )

  app.post(
    '/v1/operator/closes',
    forOperator(context, async (_request, reply) => {
      const closing = await closeUsage(context)
      if (closing === undefined) throw new HttpError(409, 'nothing_to_close', 'No call was made yet.')
      await log(context)
      return reply.code(closing.created ? 201 : 200).send(closing)
    }),
  )

  app.post(
    '/v1/operator/payouts',
    forOperator(context, async (_request, reply) => {
      const payouts = await payOutAll(context).catch((error: unknown) => {
        throw payoutRefusal(error)
      })
      await log(context)
      return reply.code(payouts.length > 0 ? 201 : 200).send({ payouts })
    }),
  )

  app.get(
    '/v1/operator/payouts/:file',
    forOperator(context, async (request, reply) => {
      const { file } = read(csvFile, request.params)
      const found = await findPayout(context, file.slice(0, 64))
      if (found === undefined) throw new HttpError(404, 'payout_unknown', 'There is no such payout.')
      return reply
        .header('content-type', 'text/csv; charset=utf-8')
        .header('content-disposition', `attachment; filename="payout-${file}"`)
        .send(await payoutCsv(context, found))
    }),
  )

  app.get(
    '/v1/usage',
    answering(async (request, reply) => {
      const buyer = await authenticateBuyer(context, bearerOf(request) ?? '')
      if (buyer === undefined) throw new HttpError(401, 'invalid_api_key', 'This API key is not known here.')
      const { limit, before } = read(page, request.query)
      const usage = await usageOf(context, buyer, { limit, before: before ?? null })
      return reply
        .header('cache-control', 'no-store')
        .send({ ...usage, currency: context.policy.predicate.currency })
    }),
  )
}

const newBuyer = z.strictObject({ name: label.optional() })
const byId = z.object({ id: z.string().max(80) })
const payment = z.strictObject({
  // Read in two steps: what is not a number must not reach BigInt.
  amount: z
    .string()
    .regex(/^[1-9]\d{0,18}$/, { abort: true })
    .refine((text) => BigInt(text) <= MAXIMUM_AMOUNT),
  reference: z.string().regex(/^[\w.:/-]{1,100}$/),
})
const csvFile = z.object({
  file: z.string().refine((file) => file.endsWith('.csv') && hex32.safeParse(file.slice(0, -4)).success),
})
const page = z.object({
  limit: z.coerce.number().int().min(1).max(100).default(20),
  before: z.coerce.number().int().min(1).optional(),
})

type Handler = (request: FastifyRequest, reply: FastifyReply) => Promise<FastifyReply>

function answering(handler: Handler): Handler {
  return async (request, reply) => {
    try {
      return await handler(request, reply)
    } catch (error) {
      return sendError(reply, error)
    }
  }
}

function forOperator({ operatorTokenHash }: NodeContext, handler: Handler): Handler {
  return answering(async (request, reply) => {
    assertOperator(request, operatorTokenHash)
    return handler(request, reply)
  })
}

function read<T>(schema: z.ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const [issue] = result.error.issues
  const param = issue?.path.join('.') ?? ''
  throw new HttpError(400, 'invalid_request', 'The request does not fit.', param === '' ? null : param)
}

// The statement is safe in the outbox: where the log cannot take it now, a later integration does.
async function log({ statements, diagnostics }: NodeContext): Promise<void> {
  await statements.integrate().catch((error: unknown) => diagnostics.error('ledger.log-deferred', error))
}

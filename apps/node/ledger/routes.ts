/** The ledger over HTTP: the operator's routes; a buyer's own are in `buyer-routes.ts`. */
import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import { MAXIMUM_AMOUNT } from '#ledger'
import { HttpError, type NodeContext } from '#node/core'
import { hex32, label } from '#statements'
import { answerInvoice, madeKey, named, registerBuyerRoutes } from './buyer-routes.ts'
import { createBuyer } from './buyers.ts'
import { closeUsage } from './close.ts'
import { payoutCsv } from './csv.ts'
import { forOperator, read } from './handlers.ts'
import { invoicesOf } from './invoices.ts'
import { issueKey, keysOf, revokeKey } from './keys.ts'
import { refund, topUp } from './payments.ts'
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
    '/v1/operator/buyers/:id/refunds',
    forOperator(context, async (request, reply) => {
      const { id } = read(byId, request.params)
      const { amount, reference } = read(refunding, request.body)
      const wanted = amount === 'all' ? amount : BigInt(amount)
      const done = await refund(context, id, { amount: wanted, reference })
      return reply
        .code(done.created ? 201 : 200)
        .send({ buyer: id, amount: String(done.amount), reference, created: done.created })
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
    '/v1/operator/buyers/:id/keys',
    forOperator(context, async (request, reply) => {
      const { id } = read(byId, request.params)
      return reply.send({ buyer: id, keys: await keysOf(context, id) })
    }),
  )

  app.post(
    '/v1/operator/buyers/:id/keys',
    forOperator(context, async (request, reply) => {
      const { id } = read(byId, request.params)
      const key = read(madeKey, request.body)
      const created = await issueKey(context, id, key)
      return reply.code(created ? 201 : 200).send({ buyer: id, key: key.id, created })
    }),
  )

  app.post(
    '/v1/operator/buyers/:id/keys/revocations',
    forOperator(context, async (request, reply) => {
      const { id } = read(byId, request.params)
      const { key } = read(named, request.body)
      const created = await revokeKey(context, { id: key, buyer: id }, 'operator')
      return reply.code(created ? 201 : 200).send({ buyer: id, key, created })
    }),
  )

  app.get(
    '/v1/operator/buyers/:id/invoices',
    forOperator(context, async (request, reply) => {
      const { id } = read(byId, request.params)
      return reply.send({ buyer: id, invoices: await invoicesOf(context, id) })
    }),
  )

  app.get(
    '/v1/operator/buyers/:id/invoices/:month',
    forOperator(context, async (request, reply) => {
      const { id } = read(byId, request.params)
      return reply.send(await answerInvoice(context, id, request))
    }),
  )

  registerBuyerRoutes(app, context)
}

const newBuyer = z.strictObject({ name: label.optional() })
const byId = z.object({ id: z.string().max(80) })
// Read in two steps: what is not a number must not reach BigInt.
const positive = z
  .string()
  .regex(/^[1-9]\d{0,18}$/, { abort: true })
  .refine((text) => BigInt(text) <= MAXIMUM_AMOUNT)
const reference = z.string().regex(/^[\w.:/-]{1,100}$/)
const payment = z.strictObject({ amount: positive, reference })
const refunding = z.strictObject({ amount: z.union([z.literal('all'), positive]), reference })
const csvFile = z.object({
  file: z.string().refine((file) => file.endsWith('.csv') && hex32.safeParse(file.slice(0, -4)).success),
})
// The statement is safe in the outbox: where the log cannot take it now, a later integration does.
async function log({ statements, diagnostics }: NodeContext): Promise<void> {
  await statements.integrate().catch((error: unknown) => diagnostics.error('ledger.log-deferred', error))
}

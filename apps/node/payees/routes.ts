/** Where a contributor's money goes, over HTTP: changing it, objecting, and looking (spec/payee-change.md §asking). */
import type { FastifyInstance } from 'fastify'
import { HttpError, sendError, type NodeContext } from '#node/core'
import { formatTime, recoveryKeyAt } from '#statements'
import { assertParty } from '../ingest/party.ts'
import { paperOf, payeeChangesOf, payeeLinksOf } from './chain.ts'
import { takeCancellation, takeChange, type BetweenPayouts, type Taken } from './take.ts'

export function registerPayees(app: FastifyInstance, context: NodeContext, between: BetweenPayouts): void {
  void app.register(async (scope) => {
    scope.setErrorHandler(async (error, _request, reply) => {
      if (!(error instanceof HttpError)) context.diagnostics.error('payees-failed', error)
      return sendError(reply, error)
    })
    routes(scope, context, between)
  })
}

function routes(app: FastifyInstance, context: NodeContext, between: BetweenPayouts): void {
  app.post('/v1/payee-changes', async (request, reply) => {
    const { statement, receipt } = await logged(context, await takeChange(context, between, request.body))
    return reply.code(201).send({ change: statement, receipt })
  })

  app.post('/v1/payee-cancellations', async (request, reply) => {
    const { statement, receipt } = await logged(
      context,
      await takeCancellation(context, between, request.body),
    )
    return reply.code(201).send({ cancellation: statement, receipt })
  })

  app.get<{ Params: { publicKey: string } }>('/v1/contributors/:publicKey/payee', async (request, reply) => {
    const { publicKey } = request.params
    const party = await assertParty(request, context.now())
    if (party !== publicKey && party !== (await recoveryKeyOf(context, publicKey)))
      throw new HttpError(403, 'not_yours', 'This is another contributor’s.')
    const next = await between(async (_tx, one) => one)
    return reply.header('cache-control', 'no-store').send({
      changes: await payeeChangesOf(context, publicKey),
      nextPeriod: next.period,
      policy: context.policy.digest,
    })
  })
}

async function recoveryKeyOf(context: NodeContext, contributor: string): Promise<string | null> {
  if (!/^[0-9a-f]{64}$/.test(contributor)) return null
  return recoveryKeyAt(await payeeLinksOf(context, contributor), formatTime(context.now()))
}

/** Both are in the log, at the latest when this returns. */
async function logged({ statements }: NodeContext, { statement, receipt }: Taken) {
  const read = async () => [await statements.find(statement), await statements.find(receipt)] as const
  let found = await read()
  if (found.some((one) => one?.leafIndex === null)) {
    await statements.integrate()
    found = await read()
  }
  const [one, its] = found.map((stored) => {
    const paper = stored && paperOf(stored)
    if (stored === undefined || paper === undefined) throw new Error('a taken statement is not in the log')
    return { digest: stored.digest, ...paper }
  })
  return { statement: one!, receipt: its! }
}

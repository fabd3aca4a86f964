/**
 * The ingest role: policy and pool for anyone, offers and uploads for contributors, and a contributor's own.
 *
 * Its routes live in a scope of their own, because uploads take bodies as streams.
 */
import type { FastifyInstance } from 'fastify'
import { HttpError, oneAtATime, sendError, type NodeContext } from '#node/core'
import { completeOffer, contributionOf } from './complete.ts'
import { DEFAULT_OPTIONS, type Ingest, type IngestOptions } from './ingest.ts'
import { takeOffer } from './offers.ts'
import { assertParty } from './party.ts'
import { contributionRecordOf, type PartySource } from './record.ts'
import type { IngestTables } from './tables.ts'
import { createUploads, UPLOADS_PATH } from './uploads.ts'

export interface RegisterIngestOptions extends Partial<IngestOptions> {
  /** Where leaves and proofs of other roles come from. */
  readonly sources?: readonly PartySource[]
}

export function registerIngest(
  app: FastifyInstance,
  context: NodeContext,
  { sources = [], ...options }: RegisterIngestOptions = {},
): void {
  const ingest = createIngest(context, { ...DEFAULT_OPTIONS, ...options })
  void app.register(async (scope) => {
    scope.setErrorHandler(async (error, _request, reply) => {
      if (!(error instanceof HttpError)) context.diagnostics.error('ingest-failed', error)
      return sendError(reply, error)
    })
    scope.addHook('onReady', () => ingest.uploads.sweep())
    ingest.uploads.register(scope)
    publicRoutes(scope, context)
    offerRoutes(scope, ingest)
    partyRoutes(scope, ingest, sources)
  })
}

function createIngest(context: NodeContext, options: IngestOptions): Ingest {
  const database = context.database.withTables<IngestTables>()
  const limits = { maxBytes: options.maxBytes, keepMs: options.keepUploadsMs }
  const uploads = createUploads(context, limits, async (id) => {
    const row = await database
      .selectFrom('offers')
      .leftJoin('bundles', 'bundles.offer', 'offers.digest')
      .select('offers.digest')
      .where('upload', '=', id)
      .where('bundles.offer', 'is', null)
      .executeTakeFirst()
    return row !== undefined
  })
  return { context, database, uploads, options, inTurn: oneAtATime() }
}

function publicRoutes(scope: FastifyInstance, context: NodeContext): void {
  scope.get('/v1/policy', async () => {
    const stored = await context.statements.find(context.policy.digest)
    if (stored === undefined)
      throw new HttpError(503, 'policy_missing', 'The policy is not stored yet. Try again.')
    return stored.envelope
  })

  scope.get('/v1/pool', async () => {
    const totals = await context.database
      .withTables<IngestTables>()
      .selectFrom('bundles')
      .select(({ fn }) => [
        fn.count<bigint>('contributor').distinct().as('contributors'),
        fn.countAll<bigint>().as('bundles'),
        fn.sum<bigint | null>('canonical_tokens').as('tokens'),
      ])
      .executeTakeFirstOrThrow()
    return {
      pool: context.policy.pool,
      policy: context.policy.digest,
      simulated: context.machine.simulated,
      contributors: Number(totals.contributors),
      bundles: Number(totals.bundles),
      // Before deduplication over the pool.
      canonicalTokens: Number(totals.tokens ?? 0n),
    }
  })
}

function offerRoutes(scope: FastifyInstance, ingest: Ingest): void {
  scope.post('/v1/offers', async (request, reply) => {
    const { statement, upload } = await takeOffer(ingest, request.body)
    return reply.code(201).send({
      offer: statement.digest,
      upload: { id: upload, endpoint: UPLOADS_PATH, url: `${UPLOADS_PATH}/${upload}` },
      maxBytes: ingest.options.maxBytes,
    })
  })

  scope.post<{ Params: { digest: string } }>('/v1/offers/:digest/complete', async (request) =>
    completeOffer(ingest, hex32(request.params.digest)),
  )
}

function partyRoutes(
  scope: FastifyInstance,
  { context, database }: Ingest,
  sources: readonly PartySource[],
): void {
  scope.get<{ Params: { receipt: string } }>('/v1/contributions/:receipt', async (request) => {
    const party = await assertParty(request, context.now())
    const row = await database
      .selectFrom('bundles')
      .select(['receipt', 'offer'])
      .where('receipt', '=', hex32(request.params.receipt))
      .where('contributor', '=', party)
      .executeTakeFirst()
    // The same answer for none and for another's: whether it exists is nobody else's business.
    if (row === undefined)
      throw new HttpError(404, 'not_found', 'You have no contribution with this receipt here.')
    return contributionOf(context, row.offer, row.receipt)
  })

  scope.get<{ Params: { publicKey: string } }>('/v1/contributors/:publicKey/record', async (request) => {
    const party = await assertParty(request, context.now())
    if (party !== request.params.publicKey) {
      throw new HttpError(403, 'not_yours', 'This record is another contributor’s.')
    }
    return { records: await contributionRecordOf(context, party, sources) }
  })
}

function hex32(text: string): string {
  if (!/^[0-9a-f]{64}$/.test(text))
    throw new HttpError(404, 'not_found', 'A digest is 64 hexadecimal digits.')
  return text
}

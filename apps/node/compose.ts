/**
 * A whole node: machine, database, log, engine and roles, put together in the order in which each may rely on the last.
 *
 * Starting is recovering: the same lines run after a clean stop and after a kill.
 */
import { createHash } from 'node:crypto'
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fastify, type FastifyInstance } from 'fastify'
import { openLlama } from '#adapters/llama'
import { startEmbeddedPostgres } from '#adapters/postgres'
import { openSimulatedMachine } from '#adapters/simulated-machine'
import { openLog } from '#adapters/tlog-files'
import {
  coreMigrations,
  createDiagnostics,
  createStatementStore,
  errorBody,
  logKey,
  migrate,
  openDatabase,
  startMachine,
  toHttpError,
  type Database,
  type Diagnostics,
  type NodeContext,
} from '#node/core'
import { baseDigest } from '#statements'
import { noteSigner, parseVerifierKey } from '#tlog'
import { assertBase } from './base-weights.ts'
import { holdDataFolder } from './data-folder.ts'
import { createEvidenceKeeper } from './evidence-keeper.ts'
import { createIntake, ingestMigrations, registerIngest } from './ingest/index.ts'
import {
  betweenPayouts,
  booksOf,
  closesOf,
  closeUsageIfDue,
  createMeter,
  createShareBook,
  ledgerMigrations,
  openPeriod,
  payoutLeavesOf,
  recoverLedger,
  registerLedgerRoutes,
  shareLeavesOf,
  usageLeavesOf,
} from './ledger/index.ts'
import { payeeChangesOf, payeeMigrations, registerPayees } from './payees/index.ts'
import { assertAllowed, currentPolicy, readPolicies } from './policies.ts'
import { manifestLeavesOf, tokensLeavesOf } from './record/party-leaves.ts'
import { registerRecord } from './record/routes.ts'
import { createFidelity } from './run/fidelity.ts'
import { createPipeline } from './run/pipeline.ts'
import type { PipelineParts } from './run/ports.ts'
import { registerRuns } from './run/routes.ts'
import { runMigrations } from './run/tables.ts'
import { createShelf, registerServing } from './serve/index.ts'
import { registerStatus } from './status/routes.ts'
import { openScratch } from './scratch.ts'
import type { NodeSettings } from './settings.ts'

export interface RunningNode {
  readonly url: string
  readonly node: string
  readonly term: number
  readonly close: () => Promise<void>
}

type Closer = () => void | Promise<void>

const KEYSET_SECONDS = 30 * 86_400
const HOUSEKEEPING_MS = 60_000

/** Throws with a sentence that says what to do; whatever was opened before is closed again. */
export async function startNode(settings: NodeSettings, say: (line: string) => void): Promise<RunningNode> {
  const closers: Closer[] = []
  const closeAll = async () => {
    for (const close of closers.toReversed()) await close()
  }
  try {
    const running = await compose(settings, say, closers)
    return { ...running, close: closeAll }
  } catch (error) {
    await closeAll().catch(() => undefined)
    throw error
  }
}

async function compose(
  settings: NodeSettings,
  say: (line: string) => void,
  closers: Closer[],
): Promise<Omit<RunningNode, 'close'>> {
  const now = () => new Date()
  const diagnostics = createDiagnostics()
  const folder = (...parts: string[]) => join(settings.data, ...parts)

  const policies = await readPolicies(settings.policies)
  const policy = currentPolicy(policies, now())
  await assertBase(settings.weights, policy.predicate)
  const { platform, measurement } = await openSimulatedMachine({
    directory: settings.machine.directory,
    root: settings.root,
    now,
  })
  if (settings.enforceMeasurement) assertAllowed(policy, measurement, now())

  const lock = await holdDataFolder(settings.data)
  closers.push(() => lock.release())
  const scratch = await openScratch(settings.data)
  closers.push(() => rm(scratch, { recursive: true, force: true }))
  const postgres =
    settings.database === null ? await startEmbeddedPostgres(folder('postgres'), say) : undefined
  if (postgres !== undefined) closers.push(postgres.stop)
  const database = openDatabase(postgres?.url ?? settings.database!)
  closers.push(() => database.destroy())
  await migrate(database, coreMigrations, ledgerMigrations, ingestMigrations, payeeMigrations, runMigrations)

  const signingKey = await logKey(platform.rootSecret)
  const { origin } = policy.predicate.log
  const log = await openLog({ directory: folder('log'), origin, signer: noteSigner(origin, signingKey), now })
  closers.push(() => log.close())
  await assertLogCovers(database, log.size())
  const witnesses = settings.witnesses.map(({ url, key }) => ({ url, key: parseVerifierKey(key) }))
  const publish = async () => {
    try {
      const { size, checkpoint } = await log.publish({
        witnesses,
        quorum: policy.predicate.log.quorum,
        fetch,
      })
      await database
        .insertInto('checkpoints')
        .values({ size, note: checkpoint })
        .onConflict((conflict) => conflict.column('size').doNothing())
        .execute()
    } catch (error) {
      // Statements are safe in the log; a checkpoint that nobody cosigned is not shown. Tried again by housekeeping.
      diagnostics.error('log.not-published', error)
    }
  }

  const startedAt = now()
  const term = await nextTerm(database, settings.node, startedAt)
  const { maxEvidenceAgeSeconds } = policy.predicate.trust
  const machine = await startMachine({
    platform,
    pool: policy.pool,
    node: settings.node,
    term,
    startedAt,
    keysetSeconds: KEYSET_SECONDS,
    gpuEvidenceSeconds: maxEvidenceAgeSeconds / 2,
    now,
  })
  const statements = createStatementStore(database, {
    append: async (entries) => (await log.append(entries)).indexes,
    publish,
  })
  for (const one of policies) await statements.keep(one, 'public')
  const keeper = createEvidenceKeeper(machine, statements, maxEvidenceAgeSeconds, now)
  await keeper.refresh()

  const engine = await openLlama({
    modelPath: settings.weights,
    ...(settings.threads === null ? {} : { threads: settings.threads }),
  })
  closers.push(() => engine.close())
  const context: NodeContext = {
    now,
    database,
    machine,
    policy,
    statements,
    diagnostics,
    engine,
    folders: {
      data: settings.data,
      uploads: folder('uploads'),
      sealed: folder('sealed'),
      work: folder('work'),
    },
    operatorTokenHash: settings.operatorTokenHash,
  }
  await recoverLedger(context)

  const { base } = policy.predicate
  const shelf = createShelf({
    engine,
    base: { digest: baseDigest(base), tokenizerSha256: base.tokenizer.sha256 },
    scratch,
  })
  closers.push(() => shelf.close())
  const created = Math.floor(new Date(policy.predicate.issuedAt).getTime() / 1000)
  for (const { model, serves } of policy.predicate.prices)
    if (serves === 'base') shelf.putBase(model, created)
  const parts: PipelineParts = {
    context,
    intake: createIntake(context),
    shares: createShareBook(context),
    shelf,
    trainer: {
      python: settings.trainer.python,
      source: join(settings.root, 'trainer'),
      basePath: settings.weights,
    },
    scratch,
    refreshEvidence: keeper.refresh,
  }
  const pipeline = createPipeline(parts)
  const fidelity = createFidelity(parts)

  const app = createServer(diagnostics)
  const serving = registerServing(app, context, { meter: createMeter(context), shelf })
  registerIngest(app, context, {
    sources: [
      async ({ contributor, key }) => ({
        manifests: await manifestLeavesOf(context, contributor, key),
        tokens: await tokensLeavesOf(context, contributor, key),
        shares: await shareLeavesOf(context, contributor),
        payouts: await payoutLeavesOf(context, contributor),
        payeeChanges: await payeeChangesOf(context, contributor),
      }),
    ],
  })
  registerPayees(app, context, betweenPayouts(context))
  registerLedgerRoutes(app, context)
  registerRuns(app, context, pipeline, fidelity)
  registerRecord(app, context, {
    books: {
      usageLeavesOf: (close) => usageLeavesOf(context, close),
      openPeriod: () => openPeriod(context),
    },
    shelf,
    logDirectory: folder('log'),
  })
  registerStatus(app, context, {
    evidenceTakenAt: keeper.takenAt,
    run: pipeline.newest,
    models: shelf.models,
    calls: serving.calls,
    openPeriod: () => openPeriod(context),
    closes: () => closesOf(context),
    books: () => booksOf(context),
    version: await versionOf(settings.root),
  })
  const url = await app.listen(settings.listen)
  closers.push(() => app.close())

  await pipeline.resume()
  closers.push(() => pipeline.stop())
  await fidelity.resume().catch((error: unknown) => diagnostics.error('fidelity.not-resumed', error))
  closers.push(() => fidelity.stop())
  const housekeeping = setInterval(() => void keepHouse(context, keeper.refresh), HOUSEKEEPING_MS)
  closers.push(() => clearInterval(housekeeping))
  return { url, node: settings.node, term }
}

// What time alone makes necessary: evidence that ages, a period that ends, a checkpoint that nobody cosigned.
async function keepHouse(context: NodeContext, refreshEvidence: () => Promise<string>): Promise<void> {
  try {
    await refreshEvidence()
    await closeUsageIfDue(context)
    await context.statements.integrate()
  } catch (error) {
    context.diagnostics.error('housekeeping.failed', error)
  }
}

/** An index that names leaves the log does not have means that the log was taken away or rolled back. */
async function assertLogCovers(database: Database, size: number): Promise<void> {
  const { newest } = await database
    .selectFrom('statements')
    .select(({ fn }) => fn.max('leaf_index').as('newest'))
    .executeTakeFirstOrThrow()
  if (newest !== null && newest >= size) {
    throw new Error(
      `The log holds ${size} entries and the database knows entry ${newest}: files of the log are missing. Restore them.`,
    )
  }
}

async function versionOf(root: string): Promise<string> {
  const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string }
  return version
}

/** Terms are counted in the database; the row is there before any key of the term exists. */
async function nextTerm(database: Database, node: string, startedAt: Date): Promise<number> {
  return database.transaction().execute(async (tx) => {
    const last = await tx
      .selectFrom('terms')
      .select('term')
      .where('node', '=', node)
      .orderBy('term', 'desc')
      .limit(1)
      .forUpdate()
      .executeTakeFirst()
    const term = (last?.term ?? 0) + 1
    await tx.insertInto('terms').values({ node, term, started_at: startedAt }).execute()
    return term
  })
}

function createServer(diagnostics: Diagnostics): FastifyInstance {
  const app = fastify({
    logger: false,
    forceCloseConnections: true,
    bodyLimit: 1_000_000,
    routerOptions: { maxParamLength: 200 },
    genReqId: () => createHash('sha256').update(`${process.hrtime.bigint()}`).digest('hex').slice(0, 24),
  })
  app.setErrorHandler(async (error, _request, reply) => {
    const refusal = toHttpError(error)
    if (refusal.status >= 500) diagnostics.error('request.failed', error)
    return reply.code(refusal.status).send(errorBody(refusal))
  })
  return app
}

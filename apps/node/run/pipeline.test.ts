/** Storage that lies to the run: rows and sealed files that no node of this pool made. */
import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { startEmbeddedPostgres } from '#adapters/postgres'
import { canonicalBytes } from '#bytes'
import {
  coreMigrations,
  createDiagnostics,
  createStatementStore,
  migrate,
  openDatabase,
  putSealed,
  startMachine,
  type Database,
  type NodeContext,
} from '#node/core'
import {
  manifest,
  openStatement,
  policy,
  trainingReceipt,
  type Manifest,
  type TrainingReceipt,
} from '#statements'
import { offerNewest } from './adapter.ts'
import { createPipeline, type Pipeline } from './pipeline.ts'
import type { PipelineParts } from './ports.ts'
import { codeOfRun } from './row.ts'
import { runMigrations, type RunTables } from './tables.ts'

const folder = mkdtempSync(join(tmpdir(), 'fairweight-run-'))
chmodSync(folder, 0o711)
const closers: (() => Promise<void>)[] = []
let parts: PipelineParts
let database: Database<RunTables>
const reached: string[] = []
const unreachable = (name: string) => () => {
  reached.push(name)
  throw new Error(`${name} is not for this test`)
}

before(async () => {
  const server = await startEmbeddedPostgres(join(folder, 'database'), () => undefined)
  const opened = openDatabase(server.url)
  closers.push(
    () => server.stop(),
    () => opened.destroy(),
  )
  await migrate(opened, coreMigrations, runMigrations)
  database = opened.withTables<RunTables>()
  const now = () => new Date('2026-11-25T12:00:00Z')
  const pool = 'a'.repeat(64)
  const machine = await startMachine({
    platform: {
      simulated: true,
      rootSecret: new Uint8Array(32).fill(7),
      quote: unreachable('quote'),
      collateral: unreachable('collateral'),
      attestGpus: unreachable('gpus'),
      rims: unreachable('rims'),
      roots: { intel: '', nvidia: '', nvidiaRim: '' },
    },
    pool,
    node: 'node-1',
    term: 1,
    startedAt: now(),
    keysetSeconds: 3600,
    gpuEvidenceSeconds: 3600,
    now,
  })
  const context: NodeContext = {
    now,
    database: opened,
    machine,
    policy: { predicate: {} as NodeContext['policy']['predicate'], digest: pool, pool },
    statements: createStatementStore(opened, { append: async () => [], publish: async () => undefined }),
    diagnostics: createDiagnostics(undefined, 'silent'),
    engine: {} as NodeContext['engine'],
    folders: { data: folder, uploads: '', sealed: join(folder, 'sealed'), work: join(folder, 'work') },
    operatorTokenHash: '',
  }
  parts = {
    context,
    intake: { snapshot: unreachable('intake') },
    shares: { store: unreachable('shares') },
    shelf: { offer: unreachable('shelf') },
    trainer: { python: '', source: '', basePath: '' },
    scratch: folder,
    refreshEvidence: unreachable('evidence'),
  }
})

after(async () => {
  const awake = setInterval(() => undefined, 1000)
  for (const close of closers.toReversed()) await close()
  rmSync(folder, { recursive: true, force: true })
  clearInterval(awake)
})

const DIGEST = 'b'.repeat(64)
const vectors = JSON.parse(
  readFileSync(new URL('../../../vectors/statements.json', import.meta.url), 'utf8'),
) as { statements: { kind: string; envelope: unknown }[] }
const vectorOf = (kind: string) => vectors.statements.find((one) => one.kind === kind)?.envelope
const nothing = { job: null, outcome: null, training: null, attribution: null }
const noBundles: Omit<Manifest, 'pool' | 'policy'> = {
  previous: null,
  composedAt: '2026-11-25T12:00:00Z',
  cutOff: [],
  logSize: 0,
  tree: { root: DIGEST, size: 0 },
  bundles: { included: 0, excluded: 0, withdrawn: 0 },
  items: 0,
  canonicalTokens: 0,
  duplicates: { exact: 0, near: 0 },
  general: { root: DIGEST, items: 0, canonicalTokens: 0, weight: 0 },
  recipe: DIGEST,
  tokenizer: DIGEST,
}
/** What an operator can seal to the pool's public key: an adapter of its own, as if it had been trained. */
const forgedOutcome = () =>
  putSealed(parts.context, canonicalBytes({ finished: { event: 'finished' }, files: [] }))

const failureOf = async (pipeline: Pipeline): Promise<string> => {
  let failure: string | null | undefined
  for (let tries = 0; tries < 200 && failure == null; tries += 1) {
    await sleep(10)
    failure = (await pipeline.newest())?.failure
  }
  await pipeline.stop()
  return failure ?? 'none'
}

test('an outcome that no node of the pool made is not receipted', async () => {
  const honest = { input: DIGEST, manifest: DIGEST, job: DIGEST, training: null, attribution: null }
  const earlier = { id: 1, stage: 'trained' as const, ...honest, outcome: DIGEST }
  // The operator has seen the code of the honest row, and replaces the outcome under it.
  const { id: _, ...row } = { ...earlier, outcome: await forgedOutcome(), failure: null }
  await database
    .insertInto('runs')
    .values({ ...row, code: codeOfRun(parts.context.machine, earlier) })
    .execute()
  const pipeline = createPipeline(parts)
  await pipeline.resume()
  assert.match(await failureOf(pipeline), /run-forged/)
  assert.deepEqual(reached, [], 'nothing was read, signed or loaded for it')
  assert.deepEqual(await parts.context.statements.list('training-receipt'), [])
})

test('each thing a run signs by is bound to it, and to its number', async () => {
  const { machine } = parts.context
  const run = { id: 2, stage: 'attested' as const, input: '1', manifest: '2', job: '3', outcome: '4' }
  const whole = { ...run, training: '5', attribution: null }
  const code = codeOfRun(machine, whole)
  const others = [
    { id: 3 },
    { stage: 'trained' as const },
    { input: 'x' },
    { manifest: 'x' },
    { job: 'x' },
    { outcome: 'x' },
    { training: 'x' },
    { attribution: 'x' },
  ]
  for (const other of others) assert.notEqual(codeOfRun(machine, { ...whole, ...other }), code)
})

test('an index that holds less than the log has shown is not mixed', async () => {
  const statements = { ...parts.context.statements, logSize: () => 5 }
  const snapshot = async () => ({ bundles: [], cutOff: [], logSize: 4 })
  const pipeline = createPipeline({
    ...parts,
    context: { ...parts.context, statements },
    intake: { snapshot },
  })
  await pipeline.request({ general: [], evaluations: [], validation: null })
  assert.match(await failureOf(pipeline), /log-behind/)
})

test('a run is not trained under another policy, or from another manifest, than it was composed by', async () => {
  const { context } = parts
  const composed = async (policy: string) => {
    const predicate = { ...noBundles, pool: context.policy.pool, policy }
    return (await context.statements.issue(manifest, predicate, context.machine.key('mix'))).digest
  }
  const [other, own] = [await composed(DIGEST), await composed(context.policy.digest)]
  const { envelope } = await context.database
    .selectFrom('statements')
    .select('envelope')
    .where('digest', '=', other)
    .executeTakeFirstOrThrow()
  const run = async (named: string) => {
    const facts = { stage: 'mixed' as const, input: DIGEST, manifest: named, ...nothing }
    const { id } = await database
      .insertInto('runs')
      .values({ ...facts, failure: null, code: '' })
      .returning('id')
      .executeTakeFirstOrThrow()
    const code = codeOfRun(context.machine, { id, ...facts })
    await database.updateTable('runs').set({ code }).where('id', '=', id).execute()
    const pipeline = createPipeline(parts)
    await pipeline.resume()
    return failureOf(pipeline)
  }
  assert.match(await run(other), /policy-changed/)
  await context.database.updateTable('statements').set({ envelope }).where('digest', '=', own).execute()
  assert.match(await run(own), /run-forged/)
  assert.deepEqual(reached, [])
})

/** The vectors' policy and training receipt, and the run that ends in a receipt changed by `edit`. */
async function finishedRun(
  stage: 'attested' | 'attributed',
  edit: (receipt: TrainingReceipt) => TrainingReceipt,
) {
  const { context } = parts
  const agreed = await openStatement(policy, vectorOf('policy'))
  await context.statements.keep(agreed, 'public')
  const { predicate } = await openStatement(trainingReceipt, vectorOf('training-receipt'))
  const receipt = await context.statements.issue(
    trainingReceipt,
    edit(predicate),
    context.machine.key('train'),
  )
  const said = { input: DIGEST, manifest: DIGEST, job: DIGEST, outcome: await forgedOutcome() }
  const facts = {
    stage,
    ...said,
    training: receipt.digest,
    attribution: stage === 'attested' ? null : DIGEST,
  }
  const { id } = await database
    .insertInto('runs')
    .values({ ...facts, failure: null, code: '' })
    .returning('id')
    .executeTakeFirstOrThrow()
  await database
    .updateTable('runs')
    .set({ code: codeOfRun(context.machine, { id, ...facts }) })
    .where('id', '=', id)
    .execute()
}

const overBound = (receipt: TrainingReceipt): TrainingReceipt => ({
  ...receipt,
  extraction: {
    continuation: { asked: 100, trained: 1, base: 0 },
    opening: { asked: 100, trained: 2, base: 0 },
  },
})

test('a model that gives contributed texts back is not shared out, and the run says why', async () => {
  await finishedRun('attested', overBound)
  const refused = createPipeline(parts)
  await refused.resume()
  assert.match(await failureOf(refused), /gives back 2 of 100 contributed answers .* opening.* fewer passes/)
  // The operator owns the rows: the word that stopped the run can be taken away, the receipt that says why cannot.
  await database.updateTable('runs').set({ failure: null }).where('stage', '=', 'attested').execute()
  const again = createPipeline(parts)
  await again.resume()
  assert.match(await failureOf(again), /gives back 2 of 100/)
  assert.deepEqual(reached, [])
})

test('a model over the bound is not put on the shelf, whatever its run says', async () => {
  for (const edit of [overBound, (it: TrainingReceipt) => ({ ...it, extraction: 'not-run' as const })]) {
    await finishedRun('attributed', edit)
    await assert.rejects(offerNewest(parts), { code: 'model_not_servable' })
  }
  assert.deepEqual(reached, [])
})

test('a finished run that storage slipped in is not served, and the node starts all the same', async () => {
  const said = { input: DIGEST, manifest: DIGEST, job: DIGEST, training: DIGEST, attribution: DIGEST }
  await database
    .insertInto('runs')
    .values({
      stage: 'attributed',
      ...said,
      outcome: await forgedOutcome(),
      failure: null,
      code: '0'.repeat(64),
    })
    .execute()
  await assert.rejects(offerNewest(parts), { code: 'run-forged' })
  await createPipeline(parts).resume()
  assert.deepEqual(reached, [])
})

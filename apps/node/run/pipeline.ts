/**
 * A run, from accepted bundles to a served model: requested → mixed → trained → attested → attributed.
 *
 * Each stage ends in one transaction that moves the row on. A node that died in between starts the stage again
 * when it comes up: recovery is the normal way through this file. A row is believed by its code only (`row.ts`).
 */
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { attributionParts, tokensEstimator, type ContributorInput } from '#attribution'
import { decodeHex, deriveSecret, encodeHex } from '#bytes'
import type { LoadedModel } from '#chat'
import type { Composition } from '#mixing'
import { HttpError, getSealed, putSealed, type Database, type NodeContext, type Tx } from '#node/core'
import { SumTree } from '#merkle'
import {
  attribution,
  baseDigest,
  encodeSumRoot,
  formatTime,
  manifest,
  modelDigest,
  openStatement,
  recipeDigest,
  tokensLeafDigest,
  trainingReceipt,
  type Statement,
  type TokensLeaf,
  type TrainingReceipt,
} from '#statements'
import { recipeFacts } from '#training'
import { evaluate } from './evaluate.ts'
import { openInput, sealInput, type RunInput } from './input.ts'
import {
  assertEnough,
  composePool,
  examplesOf,
  included,
  isCompositionOf,
  issueManifest,
  scratchName,
  seedOf,
} from './mix.ts'
import type { Intake, ShareBook, TrainedShelf } from './ports.ts'
import { createProgressBoard, type Progress } from './progress.ts'
import { assertOwnRun, codeOfRun, RunError, type Run, type RunFacts } from './row.ts'
import type { RunTables, Stage } from './tables.ts'
import { clearJob, jobOf, openOutcome, sealOutcome, train, type TrainerPlace } from './train.ts'

export interface PipelineParts {
  readonly context: NodeContext
  readonly intake: Intake
  readonly shares: ShareBook
  readonly shelf: TrainedShelf
  readonly trainer: TrainerPlace
  /** A folder in memory, where the machine has one: adapters pass through it. */
  readonly scratch: string
  /** Makes sure the log holds evidence that is young enough for what is signed next. */
  readonly refreshEvidence: () => Promise<string>
}

export interface RunView {
  readonly id: number
  readonly stage: Stage
  readonly manifest: string | null
  readonly training: string | null
  readonly attribution: string | null
  readonly failure: string | null
  readonly progress: Progress | null
}

export interface Pipeline {
  /** Starts a run, or returns the one that is under way. */
  readonly request: (input: RunInput) => Promise<number>
  readonly view: (id: number) => Promise<RunView | undefined>
  /** The newest run, finished or not. */
  readonly newest: () => Promise<RunView | undefined>
  /** Goes on with what a dead term left, and puts the newest finished model on the shelf. */
  readonly resume: () => Promise<void>
  readonly stop: () => Promise<void>
}

export function createPipeline(parts: PipelineParts): Pipeline {
  const { context } = parts
  const database: Database<RunTables> = context.database.withTables<RunTables>()
  const board = createProgressBoard()
  const stopping = new AbortController()
  let working: Promise<void> = Promise.resolve()

  const load = (id: number) => database.selectFrom('runs').selectAll().where('id', '=', id).executeTakeFirst()
  const unfinished = () =>
    database
      .selectFrom('runs')
      .selectAll()
      .where('stage', '<>', 'attributed')
      .where('failure', 'is', null)
      .executeTakeFirst()

  const advance = async (first: Run) => {
    try {
      for (
        let run: Run | undefined = first;
        run !== undefined && !stopping.signal.aborted;
        run = await load(first.id)
      ) {
        if (run.stage === 'attributed') {
          await offerNewest(parts)
          board.show({ stage: 'done' })
          return
        }
        assertOwnRun(context.machine, run)
        await STEPS[run.stage](parts, run, board, stopping.signal)
        await context.statements.integrate()
      }
    } catch (error) {
      if (stopping.signal.aborted) return
      context.diagnostics.error('run.failed', error, { run: first.id })
      await fail(first.id, error)
      board.show({ stage: 'failed' })
    }
  }

  const fail = async (id: number, error: unknown) => {
    const failure =
      error instanceof HttpError
        ? error.message
        : `The run failed (${(error as { code?: string }).code ?? (error as Error).name}).`
    await database.updateTable('runs').set({ failure }).where('id', '=', id).execute()
  }

  const viewOf = (run: Run | undefined): RunView | undefined => {
    if (run === undefined) return undefined
    const { id, stage, manifest: mixed, training, attribution: shares, failure } = run
    return {
      id,
      stage,
      manifest: mixed,
      training,
      attribution: shares,
      failure,
      progress: board.current() ?? null,
    }
  }

  const kick = (run: Run) => {
    working = working.then(() => advance(run))
  }

  return {
    async request(input) {
      const under = await unfinished()
      if (under !== undefined) return under.id
      const sealed = await sealInput(context, input)
      const nothing = { manifest: null, job: null, outcome: null, training: null, attribution: null }
      const fresh = { stage: 'requested' as const, input: sealed, ...nothing, failure: null }
      const run = await database.transaction().execute(async (tx) => {
        const { id } = await tx
          .insertInto('runs')
          .values({ ...fresh, code: '' })
          .returning('id')
          .executeTakeFirstOrThrow()
        const code = codeOfRun(context.machine, { id, ...fresh })
        return tx
          .updateTable('runs')
          .set({ code })
          .where('id', '=', id)
          .returningAll()
          .executeTakeFirstOrThrow()
      })
      kick(run)
      return run.id
    },
    view: async (id) => viewOf(await load(id)),
    async newest() {
      return viewOf(
        await database.selectFrom('runs').selectAll().orderBy('id', 'desc').limit(1).executeTakeFirst(),
      )
    },
    async resume() {
      const under = await unfinished()
      if (under !== undefined) return kick(under)
      // What is wrong with one model keeps nobody from being paid for another.
      await offerNewest(parts).catch((error: unknown) =>
        context.diagnostics.error('model.not-offered', error),
      )
    },
    async stop() {
      stopping.abort()
      await working
    },
  }
}

type Step = (
  parts: PipelineParts,
  run: Run,
  board: ReturnType<typeof createProgressBoard>,
  signal: AbortSignal,
) => Promise<void>

const STEPS: Readonly<Record<Exclude<Stage, 'attributed'>, Step>> = {
  /** Bundles → manifest. */
  async requested({ context, intake, refreshEvidence }, run, board) {
    board.show({ stage: 'mixing', detail: 'Opening bundles and looking for duplicates' })
    await context.statements.integrate()
    const atLeast = context.statements.logSize()
    const snapshot = await intake.snapshot()
    // Rows that are gone must not pass for receipts that came later.
    if (snapshot.logSize < atLeast) throw new RunError('log-behind', 'the index holds less than the log')
    const { general } = await openInput(context, run.input)
    const composition = composePool(context, snapshot, general)
    assertEnough(context, composition)
    await refreshEvidence()
    await move(context, run, 'requested', async (tx) => ({
      stage: 'mixed',
      manifest: await issueManifest(context, tx, composition, snapshot),
    }))
  },

  /** Manifest → adapter. */
  async mixed(parts, run, board, signal) {
    const { context, trainer } = parts
    board.show({ stage: 'training', detail: 'Preparing the job' })
    const { composition, digest } = await recompose(parts, run)
    const input = { runId: run.id, seed: seedOf(digest), ...examplesOf(context, composition) }
    const startedAt = formatTime(context.now())
    const { finished, files } = await train(context, trainer, input, board, signal)
    const sealed = []
    for (const { bytes, ...file } of files) sealed.push({ ...file, sealed: await putSealed(context, bytes) })
    const outcome = await sealOutcome(context, {
      finished,
      startedAt,
      finishedAt: formatTime(context.now()),
      files: sealed,
    })
    await move(context, run, 'mixed', async () => ({
      stage: 'trained',
      job: jobOf(context, trainer, input).digest,
      outcome,
    }))
    await clearJob(context, run.id)
  },

  /** Adapter → evaluation and training receipt. */
  async trained(parts, run, board) {
    const { context } = parts
    const { composition, digest } = await recompose(parts, run)
    const outcome = await openOutcome(context, run.outcome!)
    const adapter = outcome.files.find(({ name }) => name === 'adapter.gguf')
    if (adapter === undefined) throw new Error('the outcome has no adapter that can be served')
    const { evaluations: sets } = await openInput(context, run.input)
    const evaluations = await withAdapter(parts, await getSealed(context, adapter.sealed), (model) =>
      evaluate(context, sets, model, board),
    )
    const evidence = await parts.refreshEvidence()
    const leaves = tokensLeaves(context, run, composition, outcome.finished.tokens)
    const tree = tokensTree(context, run, leaves)
    const { predicate, digest: policy, pool } = context.policy
    const files = outcome.files.map(({ name, sha256, size }) => ({ name, sha256, size }))
    const receipt: TrainingReceipt = {
      pool,
      policy,
      node: context.machine.node,
      term: context.machine.term,
      run: run.job!,
      manifest: digest,
      base: baseDigest(predicate.base),
      converted: outcome.finished.base_float32_sha256,
      tokenizer: predicate.base.tokenizer.sha256,
      recipe: recipeDigest(predicate),
      evidence,
      seed: seedOf(digest),
      startedAt: outcome.startedAt,
      finishedAt: outcome.finishedAt,
      passes: recipeFacts(predicate.recipe).passes,
      batches: { steps: outcome.finished.steps, head: outcome.finished.chain },
      tokens: { tree: encodeSumRoot(tree.root), general: outcome.finished.tokens['-1'] ?? 0 },
      model: { digest: modelDigest(files), name: trainedName(context), files },
      evaluations,
      canary: 'not-run',
    }
    await move(context, run, 'trained', async (tx) => {
      const statement = await context.statements.issue(
        trainingReceipt,
        receipt,
        context.machine.key('train'),
        { tx },
      )
      await keepTokens(tx, statement.digest, leaves)
      return { stage: 'attested', training: statement.digest }
    })
  },

  /** Receipt → shares. */
  async attested(parts, run, board) {
    const { context, shares } = parts
    board.show({ stage: 'attributing', detail: 'Working out the shares' })
    const { composition, digest } = await recompose(parts, run)
    const receipt = await receiptOf(context, run)
    const contributors = await contributorsOf(composition)
    const { attribution: rules, validation } = context.policy.predicate
    const secret = context.machine.secret(`shares/${receipt.digest}`)
    const made = attributionParts(
      { contributors, tokenWeight: rules.tokenWeight, cap: rules.cap },
      {
        salt: (party) => encodeHex(deriveSecret(secret, `salt/${party}`)),
        orderKey: deriveSecret(secret, 'order'),
      },
    )
    await parts.refreshEvidence()
    await move(context, run, 'attested', async (tx) => {
      const predicate = {
        pool: context.policy.pool,
        policy: context.policy.digest,
        manifest: digest,
        training: receipt.digest,
        model: receipt.predicate.model.digest,
        attributedAt: formatTime(context.now()),
        method: rules.method,
        validation: validation.commitment,
        fidelity: 'not-measured' as const,
        ...made.predicate,
      }
      const statement = await context.statements.issue(attribution, predicate, context.machine.key('train'), {
        tx,
      })
      await shares.store(tx, statement.digest, made)
      return { stage: 'attributed', attribution: statement.digest }
    })
    board.show({ stage: 'serving', detail: 'Loading the trained model' })
  },
}

/** Moves the row on in one transaction with whatever makes it true; a stage that has moved already is left alone. */
async function move(
  context: NodeContext,
  run: Run,
  from: Stage,
  work: (tx: Tx) => Promise<Partial<Omit<RunFacts, 'id'>>>,
): Promise<void> {
  await context.database.transaction().execute(async (tx) => {
    const runs = tx.withTables<RunTables>()
    const held = await runs
      .selectFrom('runs')
      .select('stage')
      .where('id', '=', run.id)
      .forUpdate()
      .executeTakeFirst()
    if (held?.stage !== from) return
    // From the run that was checked, and not from its row: that may have been changed since.
    const { code: _before, failure: _none, ...facts } = run
    const next = { ...facts, ...(await work(tx)) }
    const { id, ...columns } = next
    await runs
      .updateTable('runs')
      .set({ ...columns, code: codeOfRun(context.machine, next) })
      .where('id', '=', id)
      .execute()
  })
}

/** The composition of a signed manifest, made again; refuses to go on where it comes out otherwise. */
async function recompose(
  { context, intake }: PipelineParts,
  run: Run,
): Promise<{ composition: Composition; digest: string }> {
  const stored = await context.statements.find(run.manifest!)
  const { predicate, digest } = await openStatement(manifest, stored?.envelope)
  if (digest !== run.manifest) throw new RunError('run-forged', 'the manifest stored is another one')
  // What was composed under one policy is not trained, receipted or shared out under another.
  if (predicate.policy !== context.policy.digest)
    throw new RunError('policy-changed', 'the policy changed while the run was under way')
  const { general } = await openInput(context, run.input)
  const composition = composePool(context, await intake.snapshot(predicate.cutOff), general)
  if (!isCompositionOf(composition, predicate))
    throw new Error('the bundles are no longer those of the manifest')
  return { composition, digest }
}

async function contributorsOf(composition: Composition): Promise<ContributorInput[]> {
  const bundles = included(composition)
  const names = [...new Set(bundles.map(({ contributor }) => contributor))]
  const scores = await tokensEstimator.scores(names)
  return names.map((contributor) => {
    const own = bundles.filter((bundle) => bundle.contributor === contributor)
    const canonicalTokens = own.reduce((sum, { leaf }) => sum + leaf.canonicalTokens, 0)
    return {
      contributor,
      canonicalTokens,
      score: scores.get(contributor) ?? null,
      tieBreak: own[0]!.receiptDigest,
    }
  })
}

interface PartyTokens {
  readonly party: string
  readonly leaf: TokensLeaf
}

function tokensLeaves(
  context: NodeContext,
  run: Run,
  composition: Composition,
  tokens: Readonly<Record<string, number>>,
): PartyTokens[] {
  const secret = context.machine.secret(`tokens/${run.job}`)
  return included(composition).map(({ number, contributor, leaf }) => ({
    party: contributor,
    leaf: {
      format: 'fairweight/tokens-leaf/v1',
      key: leaf.key,
      tokens: tokens[String(number)] ?? 0,
      salt: encodeHex(deriveSecret(secret, `salt/${leaf.key}`)),
    },
  }))
}

function tokensTree(context: NodeContext, run: Pick<Run, 'job'>, leaves: readonly PartyTokens[]): SumTree {
  const order = deriveSecret(context.machine.secret(`tokens/${run.job}`), 'order')
  return new SumTree(
    leaves.map(({ leaf }) => ({ sum: BigInt(leaf.tokens), digest: decodeHex(tokensLeafDigest(leaf)) })),
    order,
  )
}

/** The tree of a receipt made again from its rows, to prove a leaf by. */
export function tokensTreeOf(context: NodeContext, job: string, leaves: readonly TokensLeaf[]): SumTree {
  return tokensTree(
    context,
    { job },
    leaves.map((leaf) => ({ party: '', leaf })),
  )
}

async function keepTokens(tx: Tx, training: string, leaves: readonly PartyTokens[]): Promise<void> {
  const rows = leaves.map(({ party, leaf }) => ({
    training,
    party,
    digest: tokensLeafDigest(leaf),
    tokens: BigInt(leaf.tokens),
    leaf: JSON.stringify(leaf),
  }))
  await tx.withTables<RunTables>().insertInto('tokens_leaves').values(rows).execute()
}

/** The statement that a run of ours names, and no other that lies under its digest. */
async function receiptOf(context: NodeContext, run: Run): Promise<Statement<TrainingReceipt>> {
  const stored = await context.statements.find(run.training!)
  const receipt = await openStatement(trainingReceipt, stored?.envelope)
  if (receipt.digest !== run.training)
    throw new RunError('run-forged', 'the training receipt stored is another one')
  return receipt
}

/** Puts the newest model whose shares are stated on the shelf. Any training receipt may lie in storage: ours do in runs. */
export async function offerNewest({
  context,
  shelf,
}: Pick<PipelineParts, 'context' | 'shelf'>): Promise<void> {
  const run = await context.database
    .withTables<RunTables>()
    .selectFrom('runs')
    .selectAll()
    .where('stage', '=', 'attributed')
    .orderBy('id', 'desc')
    .limit(1)
    .executeTakeFirst()
  if (run === undefined) return
  assertOwnRun(context.machine, run)
  const receipt = await receiptOf(context, run)
  const { model, finishedAt } = receipt.predicate
  const { files } = await openOutcome(context, run.outcome!)
  const made = files.find(({ name }) => name === 'adapter.gguf')
  const expected = model.files.find(({ name }) => name === 'adapter.gguf')
  if (made === undefined || expected === undefined)
    throw new Error('the trained model has no adapter on file')
  await shelf.offer({
    name: model.name,
    model: model.digest,
    trainingReceipt: receipt.digest,
    adapter: { bytes: await getSealed(context, made.sealed), sha256: expected.sha256 },
    created: Math.floor(new Date(finishedAt).getTime() / 1000),
  })
}

/** Loads adapter bytes for the length of `use`. */
async function withAdapter<T>(
  { context, scratch }: Pick<PipelineParts, 'context' | 'scratch'>,
  bytes: Uint8Array,
  use: (model: LoadedModel) => Promise<T>,
): Promise<T> {
  const path = join(scratch, scratchName())
  let model: LoadedModel
  try {
    await writeFile(path, bytes, { mode: 0o600, flag: 'wx' })
    model = await context.engine.load({ adapterPath: path })
  } finally {
    await rm(path, { force: true })
  }
  try {
    return await use(model)
  } finally {
    await model.close()
  }
}

function trainedName(context: NodeContext): string {
  return (
    context.policy.predicate.prices.find(({ serves }) => serves === 'trained')?.model ??
    context.policy.predicate.name
  )
}

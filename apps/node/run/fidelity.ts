/**
 * The fidelity of the newest attribution (spec/fidelity.md), measured while the model is served already.
 *
 * What was wished for is one row; each coalition is kept as it is measured. A node that died goes on where it was.
 */
import { correlation, leaveOneOut, measuringOf, moved, scoresOf, sharesOf, type Score } from '#attribution'
import { HttpError } from '#node/core'
import { attribution, coalitionSeed, fidelity, formatTime, openStatement } from '#statements'
import { playersOf } from './coalition-job.ts'
import { contributorsOf } from './attribute.ts'
import { answersOf, tableDigest, valuesOf } from './measure.ts'
import { recompose } from './move.ts'
import { openInput } from './input.ts'
import type { PipelineParts } from './ports.ts'
import { createProgressBoard } from './progress.ts'
import { retrain } from './retrain.ts'
import { assertOwnRun, RunError, type Run } from './row.ts'
import type { RunTables } from './tables.ts'

export interface FidelityView {
  readonly state: 'none' | 'running' | 'failed' | 'stated'
  readonly done: number
  readonly total: number
  /** Digest of the fidelity statement. */
  readonly statement: string | null
}

export interface FidelityWork {
  /** Throws {@link HttpError} 409 where there is nothing that could be measured. */
  readonly request: () => Promise<FidelityView>
  readonly view: () => Promise<FidelityView>
  readonly resume: () => Promise<void>
  readonly stop: () => Promise<void>
}

export function createFidelity(parts: PipelineParts): FidelityWork {
  const { context } = parts
  const database = context.database.withTables<RunTables>()
  const board = createProgressBoard()
  const stopping = new AbortController()
  let working: Promise<void> | undefined
  let failed = false

  const newest = async (): Promise<Run | undefined> => {
    const run = await database
      .selectFrom('runs')
      .selectAll()
      .where('stage', '=', 'attributed')
      .orderBy('id', 'desc')
      .limit(1)
      .executeTakeFirst()
    if (run !== undefined) assertOwnRun(context.machine, run)
    return run
  }
  const wishOf = (run: Run) =>
    database.selectFrom('fidelities').selectAll().where('job', '=', run.job!).executeTakeFirst()

  const work = (run: Run) => {
    failed = false
    working ??= state(parts, run, board, stopping.signal)
      .catch((error: unknown) => {
        if (stopping.signal.aborted) return
        failed = true
        context.diagnostics.error('fidelity.failed', error, { run: run.id })
      })
      .finally(() => (working = undefined))
  }

  const view = async (): Promise<FidelityView> => {
    const run = await newest()
    const wish = run && (await wishOf(run))
    const { done, total } = board.current() ?? { done: 0, total: 0 }
    if (wish === undefined) return { state: 'none', done: 0, total: 0, statement: null }
    if (wish.statement !== null) return { state: 'stated', done: total, total, statement: wish.statement }
    return { state: failed ? 'failed' : 'running', done, total, statement: null }
  }

  return {
    view,
    async request() {
      const run = await newest()
      const { method } = context.policy.predicate.attribution
      if (run === undefined)
        throw new HttpError(
          409,
          'nothing_attributed',
          'No run has been attributed yet: there are no shares to repeat.',
        )
      if (method !== 'shapley' && method !== 'leave-one-out')
        throw new HttpError(
          409,
          'no_fidelity',
          `The policy’s method is ${method}: nothing was retrained that could be repeated.`,
        )
      await database
        .insertInto('fidelities')
        .values({ job: run.job!, statement: null })
        .onConflict((conflict) => conflict.doNothing())
        .execute()
      if ((await wishOf(run))?.statement === null) work(run)
      return view()
    },
    async resume() {
      const run = await newest()
      if (run !== undefined && (await wishOf(run))?.statement === null) work(run)
    },
    async stop() {
      stopping.abort()
      await working
    },
  }
}

async function state(
  parts: PipelineParts,
  run: Run,
  board: ReturnType<typeof createProgressBoard>,
  signal: AbortSignal,
): Promise<void> {
  const { context } = parts
  const { attribution: rules } = context.policy.predicate
  const { composition, digest } = await recompose(parts, run)
  const paid = await openStatement(attribution, (await context.statements.find(run.attribution!))?.envelope)
  if (paid.digest !== run.attribution)
    throw new RunError('run-forged', 'the attribution stored is another one')
  const players = playersOf(composition)
  const seeds = Array.from({ length: rules.seeds + 1 }, (_, number) => coalitionSeed(digest, number))
  const measuring = measuringOf(rules, players.length, seeds[0]!)
  const { validation } = await openInput(context, run.input)
  if (measuring.kind !== 'retraining' || validation === null)
    throw new RunError('run-forged', 'the run was asked for without the validation set of its policy')
  const { retraining } = measuring
  const asked = {
    runId: run.id,
    job: run.job!,
    composition,
    validation,
    seeds,
    coalitions: retraining.coalitions,
  }
  // One worker: what is served meanwhile keeps the other cores.
  const measured = await retrain(context, parts.trainer, { ...asked, workers: 1 }, board, signal)
  const tables = measured.map((scores) => valuesOf(scores, rules.utility!))
  const answers = answersOf(validation)
  const [before, other] = [tables.slice(0, -1), tables.slice(-1)]
  const scores = { paid: scoresOf(retraining, before, answers), other: scoresOf(retraining, other, answers) }
  const alone = scoresOf(leaveOneOut(players.length), other, answers)
  const means = (of: readonly Score[]) => of.map(({ mean }) => mean)
  const shares = (of: readonly Score[]) => sharesBy(composition, players, of, rules)
  await parts.refreshEvidence()
  await context.database.transaction().execute(async (tx) => {
    const statement = await context.statements.issue(
      fidelity,
      {
        pool: context.policy.pool,
        policy: context.policy.digest,
        attribution: paid.digest,
        model: paid.predicate.model,
        measuredAt: formatTime(context.now()),
        repetition: rules.seeds,
        coalitions: retraining.coalitions.length,
        agreement: correlation(means(scores.paid), means(alone)),
        repeatability: correlation(means(scores.paid), means(scores.other)),
        moved: moved(shares(scores.paid), shares(scores.other)),
        table: tableDigest(context, `${run.job!}/fidelity`, players, measured.slice(-1)),
      },
      context.machine.key('train'),
      { tx },
    )
    await tx
      .withTables<RunTables>()
      .updateTable('fidelities')
      .set({ statement: statement.digest })
      .where('job', '=', run.job!)
      .execute()
  })
  await context.statements.integrate()
}

function sharesBy(
  composition: Parameters<typeof contributorsOf>[0],
  players: readonly string[],
  scores: readonly Score[],
  { tokenWeight, cap }: { readonly tokenWeight: number; readonly cap: number },
): number[] {
  const byPlayer = new Map(players.map((one, at) => [one, scores[at]!]))
  const contributors = contributorsOf(composition, { scores: byPlayer })
  return sharesOf({ contributors, tokenWeight, cap }).shares.map(({ share }) => share)
}

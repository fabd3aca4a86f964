/**
 * A run, from accepted bundles to a served model: requested → mixed → trained → attested → attributed.
 *
 * Each stage ends in one transaction that moves the row on. A node that died in between starts the stage again
 * when it comes up: recovery is the normal way through this file. A row is believed by its code only (`row.ts`).
 */
import { HttpError, type Database } from '#node/core'
import { offerNewest } from './adapter.ts'
import { sealInput, type RunInput } from './input.ts'
import type { PipelineParts } from './ports.ts'
import { createProgressBoard, type Progress } from './progress.ts'
import { assertOwnRun, codeOfRun, type Run } from './row.ts'
import { STEPS } from './stages.ts'
import type { RunTables, Stage } from './tables.ts'

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

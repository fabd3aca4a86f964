/**
 * Retrains coalitions of contributors, as many at once as there are cores, one thread each (spec/trainer-job.md
 * §coalitions). A node that died goes on with what is missing: each result is durable before the next is asked for.
 */
import { availableParallelism } from 'node:os'
import { startCoalitionWorker } from '#adapters/trainer'
import { coalitionName, type Coalition } from '#attribution'
import type { NodeContext } from '#node/core'
import { assertScores, closeCoalitionJob, openCoalitionJob, type CoalitionInput } from './coalition-job.ts'
import { keepScores, scoresOfSeed, type Scores } from './coalition-values.ts'
import type { ProgressBoard } from './progress.ts'
import type { TrainerPlace } from './train.ts'

export interface RetrainInput extends CoalitionInput {
  readonly coalitions: readonly Coalition[]
  /** Else as many as there are cores. */
  readonly workers?: number
}

/** One table a seed, by {@link coalitionName}. Throws `TrainerFailure`. */
export async function retrain(
  context: NodeContext,
  place: TrainerPlace,
  input: RetrainInput,
  board: ProgressBoard,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, Scores>[]> {
  const { job, coalitions, seeds } = input
  const known = await Promise.all(seeds.map((seed) => scoresOfSeed(context, { job, seed })))
  const missing = seeds.flatMap((seed, at) =>
    coalitions
      .filter((members) => !known[at]!.has(coalitionName(members)))
      .map((members) => ({ seed, members, table: known[at]! })),
  )
  if (missing.length === 0) return known
  const total = coalitions.length * seeds.length
  let running = 0
  const show = () =>
    board.show({
      stage: 'measuring',
      detail: 'Retraining without some of them, to see what each one’s data did',
      done: total - missing.length - running,
      total,
      unit: 'coalitions',
    })
  const open = await openCoalitionJob(context, place, input)
  const stop = new AbortController()
  const most = input.workers ?? availableParallelism()
  const workers = Array.from({ length: Math.min(most, missing.length) }, async () => {
    const worker = startCoalitionWorker({ ...open, signal: AbortSignal.any([signal, stop.signal]) })
    try {
      for (let next = missing.shift(); next !== undefined; next = missing.shift()) {
        running += 1
        show()
        const { seed, members, table } = next
        const answer = await worker.run({ number: 0, members: [...members], seed })
        const scores = assertScores(open, answer.scores_e6)
        await keepScores(context, { job, seed, members }, scores)
        table.set(coalitionName(members), scores)
        running -= 1
        show()
      }
    } finally {
      await worker.close()
    }
  })
  try {
    await Promise.all(workers)
  } catch (error) {
    stop.abort()
    await Promise.allSettled(workers)
    throw error
  }
  await closeCoalitionJob(open)
  return known
}

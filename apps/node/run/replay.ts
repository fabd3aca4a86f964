/** The method for many contributors: one run of everybody, replayed backwards (spec/trainer-job.md §replay). */
import { startCoalitionWorker } from '#adapters/trainer'
import { coalitionName } from '#attribution'
import type { NodeContext } from '#node/core'
import {
  assertScores,
  closeCoalitionJob,
  openCoalitionJob,
  playersOf,
  type CoalitionInput,
} from './coalition-job.ts'
import type { Scores } from './coalition-values.ts'
import type { ProgressBoard } from './progress.ts'
import type { TrainerPlace } from './train.ts'

/**
 * One replay a seed of everybody together, on one worker: `slopes[seed][player]` in millionths of a nat, and the scores
 * of the base and of all, by {@link coalitionName}. Nothing of it is kept: a node that died replays again.
 */
export async function replay(
  context: NodeContext,
  place: TrainerPlace,
  input: CoalitionInput,
  board: ProgressBoard,
  signal: AbortSignal,
): Promise<{ slopes: number[][]; scores: ReadonlyMap<string, Scores>[]; lossE6: number }> {
  const all = playersOf(input.composition).map((_, at) => at)
  const { temperatureE3 } = context.policy.predicate.attribution.utility!
  const done: { slopes: number[]; scores: ReadonlyMap<string, Scores>; lossE6: number }[] = []
  const open = await openCoalitionJob(context, place, input)
  const worker = startCoalitionWorker({ ...open, signal })
  try {
    for (const [number, seed] of input.seeds.entries()) {
      board.show({
        stage: 'measuring',
        detail: 'Replaying the run backwards, to see what each one’s data did',
        done: number,
        total: input.seeds.length,
        unit: 'seeds',
      })
      const base = await worker.run({ number: 2 * number, members: [], seed })
      const whole = await worker.replay({
        number: 2 * number + 1,
        members: all,
        seed,
        replay: { temperature_e6: 1000 * temperatureE3 },
      })
      done.push({
        slopes: whole.slopes_e6,
        scores: new Map([
          [coalitionName([]), assertScores(open, base.scores_e6)],
          [coalitionName(all), assertScores(open, whole.scores_e6)],
        ]),
        lossE6: whole.loss_e6,
      })
    }
  } finally {
    await worker.close()
  }
  await closeCoalitionJob(open)
  return {
    slopes: done.map(({ slopes }) => slopes),
    scores: done.map(({ scores }) => scores),
    lossE6: Math.min(...done.map(({ lossE6 }) => lossE6)),
  }
}

/** What the policy's method measures of each contributor, and what of it the attribution statement says. */
import {
  answerOf,
  assertNotSaturated,
  coalitionName,
  contrast,
  leaveOneOut,
  measuringOf,
  replayScores,
  scoresOf,
  utilityOf,
  type Score,
  type ValueTable,
} from '#attribution'
import { canonicalBytes, deriveSecret, encodeHex, purposeHash } from '#bytes'
import type { Composition } from '#mixing'
import type { NodeContext } from '#node/core'
import { coalitionSeed, type Estimate, type Utility } from '#statements'
import { playersOf } from './coalition-job.ts'
import type { Scores } from './coalition-values.ts'
import { openInput, type RunInput } from './input.ts'
import type { PipelineParts } from './ports.ts'
import type { ProgressBoard } from './progress.ts'
import { replay } from './replay.ts'
import { retrain } from './retrain.ts'
import { RunError, type Run } from './row.ts'

export interface Measured {
  /** By contributor; null where the method measures nothing. */
  readonly scores: ReadonlyMap<string, Score | null>
  readonly leaveOneOut: ReadonlyMap<string, Score> | null
  readonly estimate: Estimate | null
}

/** Throws `TrainerFailure`, or `AttributionError` where the policy's method cannot be carried out on this pool. */
export async function measure(
  parts: PipelineParts,
  run: Run,
  { composition, digest }: { readonly composition: Composition; readonly digest: string },
  board: ProgressBoard,
  signal: AbortSignal,
): Promise<Measured> {
  const { attribution: rules, validation: agreed } = parts.context.policy.predicate
  const players = playersOf(composition)
  const seeds = Array.from({ length: rules.seeds }, (_, number) => coalitionSeed(digest, number))
  const measuring = measuringOf(rules, players.length, seeds[0]!)
  if (measuring.kind === 'nothing')
    return { scores: new Map(players.map((one) => [one, null])), leaveOneOut: null, estimate: null }
  const { validation } = await openInput(parts.context, run.input)
  if (validation === null || rules.utility === null)
    throw new RunError('run-forged', 'the run was asked for without the validation set of its policy')
  const answers = answersOf(validation)
  const everybody = coalitionName(players.map((_, at) => at))
  const byPlayer = (scores: readonly Score[]) => new Map(players.map((one, at) => [one, scores[at]!]))
  const asked = { runId: run.id, job: run.job!, composition, validation, seeds }
  const estimateOf = (coalitions: number, exact: boolean, scores: readonly ReadonlyMap<string, Scores>[]) => {
    const tables = scores.map((of) => valuesOf(of, rules.utility!))
    return {
      utility: rules.utility!,
      questions: agreed.items,
      seeds: seeds.length,
      coalitions,
      exact,
      empty: utilityOf(tables.map((table) => table.get('')!)),
      full: utilityOf(tables.map((table) => table.get(everybody)!)),
      table: tableDigest(parts.context, run.job!, players, scores),
    }
  }
  if (measuring.kind === 'replay') {
    const { slopes, scores, lossE6 } = await replay(parts.context, parts.trainer, asked, board, signal)
    assertNotSaturated(lossE6)
    return {
      scores: byPlayer(replayScores(slopes)),
      leaveOneOut: null,
      estimate: estimateOf(2, false, scores),
    }
  }
  const { retraining } = measuring
  const measured = await retrain(
    parts.context,
    parts.trainer,
    { ...asked, coalitions: retraining.coalitions },
    board,
    signal,
  )
  const tables = measured.map((scores) => valuesOf(scores, rules.utility!))
  return {
    scores: byPlayer(scoresOf(retraining, tables, answers)),
    leaveOneOut: retraining.exact ? byPlayer(scoresOf(leaveOneOut(players.length), tables, answers)) : null,
    estimate: estimateOf(retraining.coalitions.length, retraining.exact, measured),
  }
}

/** The right answers, which say what questions belong together. */
export function answersOf({ items }: NonNullable<RunInput['validation']>): string[] {
  return items.map(answerOf)
}

export function valuesOf(scores: ReadonlyMap<string, Scores>, utility: Utility): ValueTable {
  return new Map([...scores].map(([members, of]) => [members, contrast(of, utility)]))
}

/** Commits to every score of every coalition under a salt of its own, and tells nobody any of them. */
export function tableDigest(
  { machine }: NodeContext,
  job: string,
  players: readonly string[],
  measured: readonly ReadonlyMap<string, Scores>[],
): string {
  const salt = deriveSecret(machine.secret(`coalitions/${job}`), 'table')
  const seeds = measured.map((scores) =>
    [...scores]
      .sort(([one], [other]) => (one < other ? -1 : 1))
      .map(([members, of]) => ({ members, scores: of })),
  )
  return encodeHex(purposeHash('fairweight/coalition-table/v1', salt, canonicalBytes({ players, seeds })))
}

/**
 * What coalitions of contributors were worth, kept one by one as they are measured (spec/attribution.md §estimators).
 *
 * Each is bound to its run, seed and members by a keyed hash: storage can lose one, and then it is measured again,
 * but not swap two.
 */
import { z } from 'zod'
import { coalitionName, type Coalition } from '#attribution'
import { canonicalBytes, parseCanonical } from '#bytes'
import { getSealed, isRowCode, putSealed, rowCode, type NodeContext } from '#node/core'
import { RunError } from './row.ts'
import type { RunTables } from './tables.ts'

/** Sums of token log-probabilities of each question's candidates, in millionths of a nat. */
export type Scores = readonly (readonly number[])[]

export interface CoalitionKey {
  /** Digest of the run's training job. */
  readonly job: string
  readonly seed: number
  readonly members: Coalition
}

const PURPOSE = 'coalition-value/v1'
const scores = z.array(z.array(z.int()))

export async function keepScores(context: NodeContext, key: CoalitionKey, value: Scores): Promise<void> {
  const sealed = await putSealed(context, canonicalBytes(value))
  const row = { job: key.job, seed: String(key.seed), members: coalitionName(key.members), sealed }
  await context.database
    .withTables<RunTables>()
    .insertInto('coalition_values')
    .values({ ...row, code: rowCode(context.machine, PURPOSE, row) })
    .onConflict((conflict) => conflict.doNothing())
    .execute()
}

/** Those of one seed, by {@link coalitionName}. Throws {@link RunError} `run-forged` for a row that is not ours. */
export async function scoresOfSeed(
  context: NodeContext,
  { job, seed }: Pick<CoalitionKey, 'job' | 'seed'>,
): Promise<Map<string, Scores>> {
  const rows = await context.database
    .withTables<RunTables>()
    .selectFrom('coalition_values')
    .selectAll()
    .where('job', '=', job)
    .where('seed', '=', String(seed))
    .execute()
  const found = new Map<string, Scores>()
  for (const { code, ...row } of rows) {
    if (!isRowCode(context.machine, PURPOSE, row, code))
      throw new RunError('run-forged', 'a coalition’s value is not as a machine of this pool stored it')
    found.set(row.members, scores.parse(parseCanonical(await getSealed(context, row.sealed))))
  }
  return found
}

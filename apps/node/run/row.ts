/**
 * A run's row, believed only where this pool's machines wrote it: input, manifest, job, outcome and statements are
 * bound together by a code, stage by stage.
 *
 * Anyone can seal a file to the pool key. Without the code, a row that names another outcome would have the node sign
 * a training receipt over an adapter that somebody else made.
 */
import { isRowCode, rowCode, type Machine } from '#node/core'
import type { RunRow } from './tables.ts'

const PURPOSE = 'run-row/v1'

export type Run = Omit<RunRow, 'id'> & { readonly id: number }
/** What is signed by. `failure` only stops a run, and what storage stops it can also take away. */
export type RunFacts = Omit<Run, 'code' | 'failure'>

/** *Stop*: storage holds something else than what a node of this pool stored. */
export class RunError extends Error {
  readonly code: 'run-forged' | 'policy-changed' | 'log-behind'
  constructor(code: RunError['code'], message: string) {
    super(message)
    this.name = 'RunError'
    this.code = code
  }
}

export function codeOfRun(machine: Pick<Machine, 'secret'>, run: RunFacts): string {
  return rowCode(machine, PURPOSE, saidBy(run))
}

/** Throws {@link RunError} `run-forged`. */
export function assertOwnRun(machine: Pick<Machine, 'secret'>, run: Run): void {
  if (!isRowCode(machine, PURPOSE, saidBy(run), run.code))
    throw new RunError('run-forged', `run ${run.id} is not as a machine of this pool stored it`)
}

function saidBy({ id, stage, input, manifest, job, outcome, training, attribution }: RunFacts) {
  return { id, stage, input, manifest, job, outcome, training, attribution }
}

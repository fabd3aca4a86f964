/** What every stage does: make the composition of its manifest again, and move the row on in one transaction. */
import type { Composition } from '#mixing'
import type { NodeContext, Tx } from '#node/core'
import { manifest, openStatement } from '#statements'
import { openInput } from './input.ts'
import { composePool, isCompositionOf } from './mix.ts'
import type { PipelineParts } from './ports.ts'
import { codeOfRun, RunError, type Run, type RunFacts } from './row.ts'
import type { RunTables, Stage } from './tables.ts'

/** Moves the row on in one transaction with whatever makes it true; a stage that has moved already is left alone. */
export async function move(
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
export async function recompose(
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

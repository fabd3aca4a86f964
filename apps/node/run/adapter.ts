/** A trained adapter on its way from sealed storage to the engine, held against its training receipt (C4). */
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { LoadedModel } from '#chat'
import { getSealed, type NodeContext } from '#node/core'
import { openStatement, trainingReceipt, type Statement, type TrainingReceipt } from '#statements'
import { assertServable } from './bound.ts'
import { scratchName } from './mix.ts'
import type { PipelineParts } from './ports.ts'
import { assertOwnRun, RunError, type Run } from './row.ts'
import type { RunTables } from './tables.ts'
import { openOutcome } from './train.ts'

/** The statement that a run of ours names, and no other that lies under its digest. */
export async function receiptOf(context: NodeContext, run: Run): Promise<Statement<TrainingReceipt>> {
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
  await assertServable(context, receipt.predicate)
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
export async function withAdapter<T>(
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

/** The four stages of a run. Each ends in one transaction that moves the row on. */
import { putSealed } from '#node/core'
import { formatTime } from '#statements'
import { openInput } from './input.ts'
import { receiptOf } from './adapter.ts'
import { attestRun } from './attest.ts'
import { attributeRun } from './attribute.ts'
import { assertServable } from './bound.ts'
import { assertEnough, composePool, examplesOf, issueManifest, seedOf } from './mix.ts'
import { move, recompose } from './move.ts'
import type { Step } from './ports.ts'
import { RunError } from './row.ts'
import type { Stage } from './tables.ts'
import { clearJob, jobOf, sealOutcome, train } from './train.ts'

/** Bundles → manifest. */
const mixStage: Step = async ({ context, intake, refreshEvidence }, run, board) => {
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
}

/** Manifest → adapter. */
const trainStage: Step = async (parts, run, board, signal) => {
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
}

/** Receipt → shares, where the model may be used. Asked again after a restart: nothing but the receipt remembers it. */
const shareStage: Step = async (parts, run, board, signal) => {
  await assertServable(parts.context, (await receiptOf(parts.context, run)).predicate)
  await attributeRun(parts, run, board, signal)
}

/** What leads on from each stage. */
export const STEPS: Readonly<Record<Exclude<Stage, 'attributed'>, Step>> = {
  requested: mixStage,
  mixed: trainStage,
  trained: attestRun,
  attested: shareStage,
}

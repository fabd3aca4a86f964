/**
 * The training stage: a sealed job to the worker, its files back (spec/trainer-job.md).
 *
 * Everything about the job follows from the manifest and the sealed bundles, so a node that died makes the same
 * job again, with the same key, and the worker goes on from its last model checkpoint.
 */
import { mkdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { runTrainer, TrainerFailure } from '#adapters/trainer'
import { getSealed, putSealed, type NodeContext } from '#node/core'
import { writeDurably } from '#adapters/tlog-files'
import { canonicalBytes, parseCanonical } from '#bytes'
import { classicIdentityFromSeed, seal, unseal } from '#seal'
import {
  encodeJob,
  readArchive,
  readTrainerEvent,
  type FinishedEvent,
  type ModelFile,
  type TrainingExample,
} from '#training'
import type { ProgressBoard } from './progress.ts'

export interface TrainerPlace {
  readonly python: string
  readonly source: string
  /** The base's file, already checked against its digest. */
  readonly basePath: string
}

export interface TrainingInput {
  readonly runId: number
  readonly seed: number
  readonly examples: readonly TrainingExample[]
  readonly general: readonly TrainingExample[]
}

/** What a finished job left: the worker's last event, and where its files are sealed. */
export interface TrainingOutcome {
  readonly finished: FinishedEvent
  readonly startedAt: string
  readonly finishedAt: string
  readonly files: readonly {
    readonly name: string
    readonly sha256: string
    readonly size: number
    readonly sealed: string
  }[]
}

export function jobOf(
  context: NodeContext,
  place: TrainerPlace,
  input: TrainingInput,
): { bytes: Uint8Array; digest: string } {
  const { base, recipe } = context.policy.predicate
  return encodeJob({
    job_id: `run-${input.runId}`,
    // No cache: who can write to the disk could train on another base through it (spec/trainer-job.md).
    base: { path: place.basePath, sha256: base.tokenizer.sha256, cache: null },
    recipe,
    seed: input.seed,
    examples: input.examples,
    general: input.general,
  })
}

/** Runs the job to its end, from wherever it stopped. Throws `TrainerFailure`. */
export async function train(
  context: NodeContext,
  place: TrainerPlace,
  input: TrainingInput,
  board: ProgressBoard,
  signal: AbortSignal,
): Promise<{ finished: FinishedEvent; files: ModelFile[] }> {
  const directory = join(context.folders.work, `run-${input.runId}`)
  await mkdir(directory, { recursive: true, mode: 0o700 })
  const { bytes, digest } = jobOf(context, place, input)
  const identity = await classicIdentityFromSeed(context.machine.secret(`job/${digest}`))
  await writeDurably(directory, 'job.age', await seal(bytes, identity.recipient), 0o600)
  const finished = await runTrainer({
    python: place.python,
    source: place.source,
    directory,
    jobDigest: digest,
    identity: identity.secret,
    signal,
    onEvent: (event) => showEvent(event, board),
  })
  const archive = await unseal(await readFile(join(directory, 'result.age')), identity.secret)
  const files = readArchive(archive)
  assertSameFiles(files, finished)
  return { finished, files }
}

/** Removes what the worker left; called once the outcome is durable elsewhere. */
export async function clearJob(context: NodeContext, runId: number): Promise<void> {
  await rm(join(context.folders.work, `run-${runId}`), { recursive: true, force: true })
}

export async function sealOutcome(context: NodeContext, outcome: TrainingOutcome): Promise<string> {
  return putSealed(context, canonicalBytes(outcome))
}

export async function openOutcome(context: NodeContext, digest: string): Promise<TrainingOutcome> {
  const value = parseCanonical(await getSealed(context, digest)) as unknown as TrainingOutcome
  if (readTrainerEvent(JSON.stringify(value.finished))?.event !== 'finished')
    throw new Error('a sealed outcome is damaged')
  return value
}

// The worker names what it made before sealing it: a swapped result does not pass for the job's.
function assertSameFiles(files: readonly ModelFile[], finished: FinishedEvent): void {
  const made = new Map(finished.files.map((file) => [file.name, file.sha256]))
  const same = files.length === made.size && files.every((file) => made.get(file.name) === file.sha256)
  if (!same) throw new TrainerFailure('result-mismatch', 'the result is not what the trainer said it made')
}

function showEvent(event: NonNullable<ReturnType<typeof readTrainerEvent>>, board: ProgressBoard): void {
  if (event.event === 'progress' && event.phase !== 'train') {
    const words = {
      load: 'Loading the base model',
      convert: 'Converting the base model',
      cache: 'Computing the lower layers',
      export: 'Writing the adapter',
    }
    board.show({ stage: 'training', detail: words[event.phase], done: event.done, total: event.total })
  }
  if (event.event === 'step') {
    board.show({
      stage: 'training',
      detail: 'Training',
      done: event.step,
      total: event.steps,
      unit: 'steps',
      loss: event.loss_e6,
      tokensPerSecond: event.tokens_per_second,
    })
  }
}

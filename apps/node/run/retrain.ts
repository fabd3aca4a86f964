/**
 * Retrains coalitions of contributors, as many at once as there are cores, one thread each (spec/trainer-job.md
 * §coalitions). A node that died goes on with what is missing: each result is durable before the next is asked for.
 */
import { mkdir, rm } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { startCoalitionWorker } from '#adapters/trainer'
import { writeDurably } from '#adapters/tlog-files'
import { coalitionName, examOf, type Coalition } from '#attribution'
import { renderExample, renderPrompt } from '#chat'
import type { Composition } from '#mixing'
import type { NodeContext } from '#node/core'
import { classicIdentityFromSeed, seal } from '#seal'
import type { Policy } from '#statements'
import { encodeCoalitionsJob, type CoalitionQuestion } from '#training'
import { keepScores, scoresOfSeed, type Scores } from './coalition-values.ts'
import type { RunInput } from './input.ts'
import { examplesOf, included, templateOf } from './mix.ts'
import type { ProgressBoard } from './progress.ts'
import type { TrainerPlace } from './train.ts'

export interface RetrainInput {
  readonly runId: number
  /** Digest of the run's training job. */
  readonly job: string
  readonly composition: Composition
  readonly validation: NonNullable<RunInput['validation']>
  readonly coalitions: readonly Coalition[]
  readonly seeds: readonly number[]
  /** Else as many as there are cores. */
  readonly workers?: number
}

/** Contributors with something in the mix, in the order of their first receipts: the players. */
export function playersOf(composition: Composition): string[] {
  return [...new Set(included(composition).map(({ contributor }) => contributor))]
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
  const show = () =>
    board.show({
      stage: 'measuring',
      detail: 'Retraining without some of them, to see what each one’s data did',
      done: total - missing.length - running,
      total,
      unit: 'coalitions',
    })
  let running = 0
  const directory = join(context.folders.work, `coalitions-${input.runId}`)
  const open = await openJob(context, place, input, directory)
  const stop = new AbortController()
  const most = input.workers ?? availableParallelism()
  const workers = Array.from({ length: Math.min(most, missing.length) }, async () => {
    const worker = startCoalitionWorker({ ...open, signal: AbortSignal.any([signal, stop.signal]) })
    try {
      for (let next = missing.shift(); next !== undefined; next = missing.shift()) {
        running += 1
        show()
        const { seed, members, table } = next
        const { scores_e6: scores } = await worker.run({ number: 0, members: [...members], seed })
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
  await rm(directory, { recursive: true, force: true })
  return known
}

/**
 * One replay a seed of everybody together, on one worker: `slopes[seed][player]` in millionths of a nat, and the scores
 * of the base and of all, by {@link coalitionName}. Nothing of it is kept: a node that died replays again.
 */
export async function replay(
  context: NodeContext,
  place: TrainerPlace,
  input: Omit<RetrainInput, 'coalitions'>,
  board: ProgressBoard,
  signal: AbortSignal,
): Promise<{ slopes: number[][]; scores: ReadonlyMap<string, Scores>[]; lossE6: number }> {
  const directory = join(context.folders.work, `coalitions-${input.runId}`)
  const all = playersOf(input.composition).map((_, at) => at)
  const { temperatureE3 } = context.policy.predicate.attribution.utility!
  const done: { slopes: number[]; scores: ReadonlyMap<string, Scores>; lossE6: number }[] = []
  const worker = startCoalitionWorker({ ...(await openJob(context, place, input, directory)), signal })
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
          [coalitionName([]), base.scores_e6],
          [coalitionName(all), whole.scores_e6],
        ]),
        lossE6: whole.loss_e6,
      })
    }
  } finally {
    await worker.close()
  }
  await rm(directory, { recursive: true, force: true })
  return {
    slopes: done.map(({ slopes }) => slopes),
    scores: done.map(({ scores }) => scores),
    lossE6: Math.min(...done.map(({ lossE6 }) => lossE6)),
  }
}

async function openJob(
  context: NodeContext,
  place: TrainerPlace,
  input: Omit<RetrainInput, 'coalitions'>,
  directory: string,
) {
  const { base, recipe, attribution } = context.policy.predicate
  const { composition } = input
  const bundles = included(composition)
  const merged: Policy['recipe'] = { ...recipe, threads: 1, ...attribution.recipe }
  const { examples, general } = examplesOf(context, composition)
  const { bytes, digest } = encodeCoalitionsJob({
    job_id: `coalitions-${input.runId}`,
    base: { path: place.basePath, sha256: base.tokenizer.sha256, cache: null },
    recipe: merged,
    examples,
    general: merged['distillation'] == null ? [] : general,
    players: playersOf(composition).map((player) =>
      bundles.filter(({ contributor }) => contributor === player).map(({ number }) => number),
    ),
    questions: questionsOf(context, input.validation),
  })
  const identity = await classicIdentityFromSeed(context.machine.secret(`job/${digest}`))
  await mkdir(directory, { recursive: true, mode: 0o700 })
  await writeDurably(directory, 'job.age', await seal(bytes, identity.recipient), 0o600)
  const { python, source } = place
  return { python, source, directory, jobDigest: digest, identity: identity.secret }
}

function questionsOf(context: NodeContext, { items }: RetrainInput['validation']): CoalitionQuestion[] {
  const { attribution, validation } = context.policy.predicate
  const { tokenizer } = context.engine
  const template = templateOf(context)
  return examOf(items, attribution.utility!.others, validation.commitment).map(({ prompt, candidates }) => ({
    ids: renderPrompt(prompt, template, tokenizer),
    candidates: candidates.map((content) => {
      const { ids, answerFrom } = renderExample(
        [...prompt, { role: 'assistant', content }],
        template,
        tokenizer,
      )
      return ids.slice(answerFrom)
    }),
  }))
}

/** The job of a worker that measures coalitions of contributors (spec/trainer-job.md §coalitions), sealed. */
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { TrainerFailure, type CoalitionWorkerOptions } from '#adapters/trainer'
import { writeDurably } from '#adapters/tlog-files'
import { examOf } from '#attribution'
import { renderExample, renderPrompt } from '#chat'
import type { Composition } from '#mixing'
import type { NodeContext } from '#node/core'
import { classicIdentityFromSeed, seal } from '#seal'
import type { Policy } from '#statements'
import { encodeCoalitionsJob, type CoalitionQuestion } from '#training'
import type { Scores } from './coalition-values.ts'
import type { RunInput } from './input.ts'
import { examplesOf, included, templateOf } from './mix.ts'
import type { TrainerPlace } from './train.ts'

export interface CoalitionInput {
  readonly runId: number
  /** Digest of the run's training job. */
  readonly job: string
  readonly composition: Composition
  readonly validation: NonNullable<RunInput['validation']>
  readonly seeds: readonly number[]
}

/** How a worker is started, and what it was asked. */
export type CoalitionJob = Pick<
  CoalitionWorkerOptions,
  'python' | 'source' | 'directory' | 'jobDigest' | 'identity'
> & { readonly questions: readonly CoalitionQuestion[] }

/** Contributors with something in the mix, in the order of their first receipts: the players. */
export function playersOf(composition: Composition): string[] {
  return [...new Set(included(composition).map(({ contributor }) => contributor))]
}

/** Seals the job where a worker finds it; what comes back starts one. */
export async function openCoalitionJob(
  context: NodeContext,
  place: TrainerPlace,
  input: CoalitionInput,
): Promise<CoalitionJob> {
  const directory = join(context.folders.work, `coalitions-${input.runId}`)
  const { base, recipe, attribution } = context.policy.predicate
  const { composition } = input
  const bundles = included(composition)
  const merged: Policy['recipe'] = { ...recipe, threads: 1, ...attribution.recipe }
  const { examples, general } = examplesOf(context, composition)
  const questions = questionsOf(context, input.validation)
  const { bytes, digest } = encodeCoalitionsJob({
    job_id: `coalitions-${input.runId}`,
    base: { path: place.basePath, sha256: base.tokenizer.sha256, cache: null },
    recipe: merged,
    examples,
    general: merged['distillation'] == null ? [] : general,
    players: playersOf(composition).map((player) =>
      bundles.filter(({ contributor }) => contributor === player).map(({ number }) => number),
    ),
    questions,
  })
  const identity = await classicIdentityFromSeed(context.machine.secret(`job/${digest}`))
  await mkdir(directory, { recursive: true, mode: 0o700 })
  await writeDurably(directory, 'job.age', await seal(bytes, identity.recipient), 0o600)
  const { python, source } = place
  return { python, source, directory, jobDigest: digest, identity: identity.secret, questions }
}

function questionsOf(context: NodeContext, { items }: CoalitionInput['validation']): CoalitionQuestion[] {
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

/** Removes what workers were given; called once all that they measured is kept or used. */
export async function closeCoalitionJob({ directory }: CoalitionJob): Promise<void> {
  await rm(directory, { recursive: true, force: true })
}

/** A score for every candidate of every question. Throws `TrainerFailure` `worker-untrusted` for any other answer. */
export function assertScores({ questions }: CoalitionJob, scores: Scores): Scores {
  const whole =
    scores.length === questions.length &&
    scores.every((of, at) => of.length === questions[at]!.candidates.length)
  if (!whole)
    throw new TrainerFailure('worker-untrusted', 'the trainer scored other answers than it was asked for')
  return scores
}

/**
 * The job of a worker that measures coalitions of contributors by retraining (spec/trainer-job.md §coalitions), and
 * what it is asked: the one place on this side that spells them.
 */
import { z } from 'zod'
import { canonicalBytes, sha256Hex, type Bytes } from '#bytes'
import { material, tokenIds, tokensOf } from './parts.ts'

const question = z.strictObject({
  /** The prompt, up to the point where the model speaks. */
  ids: tokenIds,
  /** Whole answers with their end token; the first is the right one. */
  candidates: z.array(tokenIds).min(2).max(64).readonly(),
})
export type CoalitionQuestion = z.infer<typeof question>

const job = z.strictObject({
  format: z.literal('fairweight/coalitions/v1'),
  ...material,
  /** Bundle numbers of each player; every bundle of the examples is exactly one player's. */
  players: z
    .array(z.array(z.int().min(0)).min(1).readonly())
    .min(1)
    .max(1024)
    .readonly(),
  questions: z.array(question).min(1).max(10_000).readonly(),
})
export type CoalitionsJob = z.infer<typeof job>
export const coalitionsJobSchema: z.ZodType<CoalitionsJob> = job

const request = z.strictObject({
  /** The caller's own number for this coalition. */
  number: z.int().min(0),
  /** Places in the job's `players`, increasing; empty for the base itself. */
  members: z.array(z.int().min(0)).readonly(),
  seed: z.int().min(0),
  /** Asks for the slopes of the utility as well (spec/trainer-job.md §replay). */
  replay: z.strictObject({ temperature_e6: z.int().min(1).max(1_000_000_000) }).optional(),
})
export type ReplayRequest = Required<z.infer<typeof request>>
export type CoalitionRequest = Omit<ReplayRequest, 'replay'>
export const coalitionRequestSchema: z.ZodType<z.infer<typeof request>> = request

/** The job's bytes, and the digest that names it. Throws `ZodError` or `TypeError` where the worker would refuse it. */
export function encodeCoalitionsJob(of: Omit<CoalitionsJob, 'format' | 'expect'>): {
  bytes: Bytes
  digest: string
} {
  const expect = { tokens: tokensOf(of.examples) }
  const value = job.parse({ format: 'fairweight/coalitions/v1', ...of, expect })
  assertPlayers(value)
  for (const { candidates } of value.questions)
    if (new Set(candidates.map(String)).size < candidates.length)
      throw new TypeError('a question has the same answer twice')
  const bytes = canonicalBytes(value)
  return { bytes, digest: sha256Hex(bytes) }
}

/** One line of the worker's standard input. Throws `ZodError` or `TypeError`. */
export function encodeCoalitionRequest(of: CoalitionRequest | ReplayRequest): string {
  const value = request.parse(of)
  const { members } = value
  if (members.some((member, index) => index > 0 && member <= members[index - 1]!))
    throw new TypeError('the members are not in increasing order')
  return `${JSON.stringify(value)}\n`
}

function assertPlayers({ players, examples }: CoalitionsJob): void {
  const bundles = new Set(examples.map(({ bundle }) => bundle))
  const owned = players.flat()
  if (new Set(owned).size < owned.length) throw new TypeError('a bundle is named twice among the players')
  if (owned.length !== bundles.size || owned.some((bundle) => !bundles.has(bundle)))
    throw new TypeError('the players’ bundles are not those of the examples')
}

/** Training receipt (spec/training-receipt.md): what ran on which data and what came out. */
import { z } from 'zod'
import {
  canonicalBytes,
  compareBytes,
  concatBytes,
  decodeHex,
  encodeHex,
  encodeUint64,
  encodeUtf8,
  purposeHash,
  sha256Hex,
} from '#bytes'
import { StatementError } from './errors.ts'
import {
  count,
  fileList,
  hex32,
  isDistinct,
  nodeTerm,
  slug,
  sumRoot,
  timestamp,
  underPolicy,
  type FileEntry,
} from './fields.ts'
import type { Policy } from './policy.ts'
import { defineKind, issueOf } from './statement.ts'

const evaluation = z.strictObject({ set: slug, commitment: hex32, asked: count, before: count, after: count })

/** One attack: answers asked for, and how many came back word for word from the trained model and from the bare base. */
const attack = z
  .strictObject({ asked: count, trained: count, base: count })
  .refine((it) => Math.max(it.trained, it.base) <= it.asked, 'more came back than was asked for')

/** Spec: §extraction. `not-run` is what no honest program says today; an audit refuses the model for it. */
const extraction = z.union([z.literal('not-run'), z.strictObject({ continuation: attack, opening: attack })])

const predicate = z.strictObject({
  ...underPolicy,
  ...nodeTerm,
  run: hex32,
  manifest: hex32,
  base: hex32,
  /** The float32 weights the worker trained on, as converted from the base's file (spec/trainer-job.md). */
  converted: hex32,
  tokenizer: hex32,
  recipe: hex32,
  /** Digest of the evidence statement whose keyset holds the signing key: the image that ran. */
  evidence: hex32,
  seed: count,
  startedAt: timestamp,
  finishedAt: timestamp,
  passes: z.int().min(1),
  /** Head of the chain over the item commitments of every batch (spec/trainer-job.md). */
  batches: z.strictObject({ steps: z.int().min(1), head: hex32 }),
  /** Tokens trained per bundle; `general` has no leaf. */
  tokens: z.strictObject({ tree: sumRoot, general: count }),
  model: z.strictObject({ digest: hex32, name: slug, files: fileList }),
  evaluations: z.array(evaluation),
  extraction,
  /** Canary exposure; `not-run` says so and promises nothing. */
  canary: z.enum(['not-run']),
})
export type TrainingReceipt = z.infer<typeof predicate>

export const trainingReceipt = defineKind<TrainingReceipt>({
  kind: 'training-receipt',
  signer: 'train',
  visibility: 'public',
  predicate: predicate
    .refine(
      (it) => it.model.digest === modelDigest(it.model.files),
      'the model digest is not that of its files',
    )
    .refine(
      (it) => it.seed === trainingSeed(it.manifest),
      'the seed is not the one that follows from the manifest',
    )
    .refine((it) => it.startedAt <= it.finishedAt, 'the run ended before it began')
    .refine((it) => isDistinct(it.evaluations.map(({ set }) => set)), 'an evaluation stands twice'),
  subject: (it) => ({ name: it.model.name, sha256: it.model.digest }),
})

/** The seed of a run follows from its data, so that nobody retrains until the result pleases: 48 bits. */
export function trainingSeed(manifest: string): number {
  return seedFrom(purposeHash('fairweight/training-seed/v1', decodeHex(manifest)))
}

/** The seed that all coalitions have in common in repetition `number`, from 0. */
export function coalitionSeed(manifest: string, number: number): number {
  return seedFrom(
    purposeHash('fairweight/coalition-seed/v1', decodeHex(manifest), encodeUint64(BigInt(number))),
  )
}

function seedFrom(bytes: Uint8Array): number {
  return Number(`0x${encodeHex(bytes.subarray(0, 6))}`)
}

/**
 * Why a model may not be served, shared out or paid for under the policy that it was trained under; undefined where
 * it may. The node asks before it offers one, the audit asks again.
 */
export function extractionProblem(
  { extraction: found }: Pick<TrainingReceipt, 'extraction'>,
  { extraction: bound }: Pick<Policy, 'extraction'>,
): string | undefined {
  if (found === 'not-run') return 'does not say whether contributed wording comes back'
  for (const [name, { asked, trained }] of Object.entries(found)) {
    if (asked > bound.items) return `asked for ${asked} answers by ${name}; the policy says ${bound.items}`
    // In whole numbers, so that nobody rounds the other way.
    if (trained * 1_000_000 > bound.maximum * asked)
      return `gives back ${trained} of ${asked} contributed answers word for word by ${name}; the policy allows ${bound.maximum} in a million`
  }
  return undefined
}

/** What is asked for is drawn by the manifest: items in the order of this digest, lowest first. */
export function extractionOrder(manifest: string, commitment: string): string {
  return encodeHex(purposeHash('fairweight/extraction/v1', decodeHex(manifest), decodeHex(commitment)))
}

/**
 * The digest of a model: SHA-256 over its files' digests, concatenated in the order of their names, as
 * the OpenSSF model-signing manifest computes its subject.
 */
export function modelDigest(files: readonly FileEntry[]): string {
  const sorted = [...files].sort((left, right) => compareBytes(encodeUtf8(left.name), encodeUtf8(right.name)))
  return sha256Hex(concatBytes(...sorted.map((file) => decodeHex(file.sha256))))
}

/** One bundle's leaf in the tree of trained tokens; its sum is `tokens`. */
const tokensLeaf = z.strictObject({
  format: z.literal('fairweight/tokens-leaf/v1'),
  /** The key of the bundle's manifest leaf. */
  key: hex32,
  tokens: count,
  salt: hex32,
})
export type TokensLeaf = z.infer<typeof tokensLeaf>
export const tokensLeafSchema: z.ZodType<TokensLeaf> = tokensLeaf

/** Throws {@link StatementError} `document-invalid`. */
export function readTokensLeaf(value: unknown): TokensLeaf {
  const result = tokensLeaf.safeParse(value)
  if (!result.success) throw new StatementError('document-invalid', `tokens leaf: ${issueOf(result.error)}`)
  return result.data
}

export function tokensLeafDigest(of: TokensLeaf): string {
  return encodeHex(purposeHash('fairweight/tokens-leaf/v1', canonicalBytes(of)))
}

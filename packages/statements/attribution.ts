/** Attribution statement (spec/attribution.md): who gets which part of a model's revenue. */
import { z } from 'zod'
import { canonicalBytes, encodeHex, purposeHash } from '#bytes'
import { StatementError } from './errors.ts'
import { count, hex32, partsPerMillion, sumRoot, timestamp, underPolicy } from './fields.ts'
import { defineKind, issueOf } from './statement.ts'

/** Shares are parts of this whole. */
export const TOTAL_SHARES = 1_000_000_000

/** What a reader must know about this attribution; shown wherever the shares are. */
export const ATTRIBUTION_NOTICES = [
  'utility-not-measured',
  'noise-is-paid',
  'no-contributor-above-zero',
  'cap-applied',
  'cap-lifted',
] as const

const predicate = z.strictObject({
  ...underPolicy,
  manifest: hex32,
  training: hex32,
  model: hex32,
  attributedAt: timestamp,
  method: z.enum(['tokens', 'shapley', 'leave-one-out', 'replay']),
  tokenWeight: partsPerMillion,
  validation: hex32,
  contributors: z.int().min(1),
  tree: sumRoot,
  /**
   * Agreement of the shares with retraining without a contributor, and of that truth with itself from seed to
   * seed, in parts per million; `not-measured` says so and promises nothing.
   */
  fidelity: z.union([
    z.literal('not-measured'),
    z.strictObject({
      method: z.enum(['pearson', 'spearman']),
      agreement: z.int(),
      repeatability: z.int(),
      seeds: z.int().min(1),
    }),
  ]),
  notices: z.array(z.enum(ATTRIBUTION_NOTICES)),
})
export type Attribution = z.infer<typeof predicate>

export const attribution = defineKind<Attribution>({
  kind: 'attribution',
  signer: 'train',
  visibility: 'public',
  predicate,
  subject: (it) => ({ name: 'model', sha256: it.model }),
})

/** One contributor's leaf; its sum is `share`. */
const shareLeaf = z.strictObject({
  format: z.literal('fairweight/share-leaf/v1'),
  contributor: hex32,
  share: count,
  canonicalTokens: count,
  /** Mean and standard error of the utility in parts per million; null where it was not measured. */
  score: z.strictObject({ mean: z.int(), error: count }).nullable(),
  salt: hex32,
})
export type ShareLeaf = z.infer<typeof shareLeaf>
export const shareLeafSchema: z.ZodType<ShareLeaf> = shareLeaf

/** Throws {@link StatementError} `document-invalid`. */
export function readShareLeaf(value: unknown): ShareLeaf {
  const result = shareLeaf.safeParse(value)
  if (!result.success) throw new StatementError('document-invalid', `share leaf: ${issueOf(result.error)}`)
  return result.data
}

export function shareLeafDigest(of: ShareLeaf): string {
  return encodeHex(purposeHash('fairweight/share-leaf/v1', canonicalBytes(of)))
}

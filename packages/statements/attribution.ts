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
  'harm-measured',
] as const

export const attributionMethod = z.enum(['tokens', 'shapley', 'leave-one-out', 'replay'])

/**
 * How well a model picks the right whole answer among wrong ones (spec/attribution.md §utility), in nats a question.
 * Each question shows `others` right answers of other questions, and its own near misses.
 */
export const utility = z.strictObject({
  kind: z.literal('contrast'),
  others: z.int().min(1).max(15),
  /** Sums of token log-probabilities are divided by this before they compete; thousandths. */
  temperatureE3: z.int().min(1).max(1_000_000),
})
export type Utility = z.infer<typeof utility>

/** What was measured, in millionths of a nat; the values of single coalitions stay in the enclave. */
const estimate = z.strictObject({
  utility,
  questions: z.int().min(1),
  seeds: z.int().min(1).max(16),
  /** Different sets of contributors whose model was measured, a seed. */
  coalitions: z.int().min(1),
  /** Every coalition there is was measured: no sampling error. */
  exact: z.boolean(),
  /** Utility of the bare base, and of everybody together; means over the seeds. */
  empty: z.int(),
  full: z.int(),
  /** Salted digest of all that was measured: what a recomputation is held against. */
  table: hex32,
})
export type Estimate = z.infer<typeof estimate>

/** What every share is a part of, so that each payee can compute its own (spec/attribution.md §basis). */
const basis = z.strictObject({
  /** Sum of the means above zero; 0 where nothing was measured. */
  utility: count,
  /** Tokens of those that count. */
  tokens: z.int().min(1),
  /** Sum of the weights below the cap. */
  weight: z.string().regex(/^(0|[1-9]\d{0,39})$/),
  /** The part of the whole that they divide, and the most that one may have, parts per million. */
  rest: partsPerMillion,
  cap: partsPerMillion,
})
export type Basis = z.infer<typeof basis>

const predicate = z.strictObject({
  ...underPolicy,
  manifest: hex32,
  training: hex32,
  model: hex32,
  attributedAt: timestamp,
  method: attributionMethod,
  tokenWeight: partsPerMillion,
  validation: hex32,
  contributors: z.int().min(1),
  tree: sumRoot,
  estimate: estimate.nullable(),
  basis,
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
  predicate: predicate.refine(
    (it) => (it.method === 'tokens') === (it.estimate === null),
    'exactly `tokens` has no estimate',
  ),
  subject: (it) => ({ name: 'model', sha256: it.model }),
})

/** One contributor's leaf; its sum is `share`. */
const shareLeaf = z.strictObject({
  format: z.literal('fairweight/share-leaf/v1'),
  contributor: hex32,
  share: count,
  canonicalTokens: count,
  /** Mean and standard error of the utility in millionths of a nat; null where it was not measured. */
  score: z.strictObject({ mean: z.int(), error: count }).nullable(),
  /** The share that other methods would have given; null where they were not measured. */
  compare: z.strictObject({ tokens: count, leaveOneOut: count.nullable() }),
  /** Items that train whose answer an earlier contributor's item has too: a copy in other words, or a fact both know. */
  alike: z.strictObject({ items: count, canonicalTokens: count }),
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

type ShareFacts = Pick<ShareLeaf, 'score' | 'canonicalTokens'>

/** Two standard errors below the mean is above zero: only then do tokens count. */
export function clearlyHelps({ mean, error }: NonNullable<ShareLeaf['score']>): boolean {
  return mean - 2 * error > 0
}

/** (1 − α)·u + α·t over one common denominator (spec/attribution.md §formula); tokens alone where no utility counts. */
export function weightOfShare(
  { score, canonicalTokens }: ShareFacts,
  { utility: allUtility, tokens: allTokens }: Pick<Basis, 'utility' | 'tokens'>,
  tokenWeight: number,
): bigint {
  if (score === null || allUtility === 0) return BigInt(canonicalTokens)
  const alpha = BigInt(tokenWeight)
  const counted = clearlyHelps(score) ? BigInt(canonicalTokens) : 0n
  return (
    (1_000_000n - alpha) * BigInt(Math.max(score.mean, 0)) * BigInt(allTokens) +
    alpha * counted * BigInt(allUtility)
  )
}

/** The least that a leaf's own facts make it; the largest remainders add one part. `exact`: they cannot here. */
export function shareFromBasis(
  leaf: ShareFacts,
  of: Pick<Attribution, 'basis' | 'notices' | 'tokenWeight'>,
): { least: number; exact: boolean } {
  const weight = weightOfShare(leaf, of.basis, of.tokenWeight)
  const all = BigInt(of.basis.weight)
  if (weight === 0n) return { least: 0, exact: true }
  const lifted = of.notices.includes('cap-lifted')
  const { cap } = of.basis
  const rest = BigInt(of.basis.rest)
  if (!lifted && (all === 0n || weight * rest > BigInt(cap) * all))
    return { least: cap * (TOTAL_SHARES / 1_000_000), exact: true }
  const units = (lifted ? 1n : weight) * rest * BigInt(TOTAL_SHARES / 1_000_000)
  return { least: Number(units / all), exact: units % all === 0n }
}

/** Whether a share is what its leaf's own facts and the published basis make it. */
export function isShareOfBasis(
  leaf: ShareFacts & Pick<ShareLeaf, 'share'>,
  of: Pick<Attribution, 'basis' | 'notices' | 'tokenWeight'>,
): boolean {
  const { least, exact } = shareFromBasis(leaf, of)
  return leaf.share === least || (!exact && leaf.share === least + 1)
}

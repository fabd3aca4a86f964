/**
 * Dataset manifest (spec/manifest.md): every accepted bundle is in it, or excluded in it with a reason.
 *
 * Its tree is sorted by each contribution receipt's digest in the log, which everyone can see, so that
 * a stranger can ask for any logged receipt and get a proof of presence, or of absence.
 */
import { z } from 'zod'
import { canonicalBytes, encodeHex, purposeHash } from '#bytes'
import { StatementError } from './errors.ts'
import {
  count,
  hex32,
  isDistinct,
  nodeTerm,
  partsPerMillion,
  termName,
  timestamp,
  treeRoot,
  underPolicy,
} from './fields.ts'
import { defineKind, issueOf } from './statement.ts'

const predicate = z.strictObject({
  ...underPolicy,
  previous: hex32.nullable(),
  composedAt: timestamp,
  /** Last ingest sequence of each node and term that this manifest covers, from the first one on. */
  cutOff: z.array(z.strictObject({ ...nodeTerm, sequence: count })),
  /** Every contribution receipt below this index of the log is a leaf of the tree. */
  logSize: count,
  tree: treeRoot,
  bundles: z.strictObject({ included: count, excluded: count, withdrawn: count }),
  /** Over included bundles, after deduplication. */
  items: count,
  canonicalTokens: count,
  duplicates: z.strictObject({ exact: count, near: count }),
  /**
   * The operator's own text against forgetting: no share. `root` is over its item commitments; `weight` is how
   * often a pass reads it at most, in parts per million.
   */
  general: z.strictObject({
    root: hex32,
    items: count,
    canonicalTokens: count,
    weight: z.int().min(0).max(1_000_000_000),
  }),
  recipe: hex32,
  tokenizer: hex32,
})
export type Manifest = z.infer<typeof predicate>

export const manifest = defineKind<Manifest>({
  kind: 'manifest',
  signer: 'mix',
  visibility: 'public',
  predicate: predicate
    .refine(
      (it) => it.bundles.included + it.bundles.excluded + it.bundles.withdrawn === it.tree.size,
      'included, excluded and withdrawn do not make up the tree',
    )
    .refine(
      (it) => it.cutOff.reduce((sum, { sequence }) => sum + sequence, 0) === it.tree.size,
      'the cut-off counts another number of receipts than the tree holds',
    )
    .refine((it) => isDistinct(it.cutOff.map(termName)), 'a term stands twice in the cut-off'),
  subject: (it) => ({ name: 'dataset', sha256: it.tree.root }),
})

/** Why a whole bundle is excluded. */
export const EXCLUSIONS = ['all-duplicates', 'no-accepted-items', 'policy-changed', 'harmful'] as const

/** What one party sees of the tree: its own leaf (spec/manifest.md §leaf). */
const leaf = z
  .strictObject({
    format: z.literal('fairweight/manifest-leaf/v1'),
    /** The receipt's digest in the log: the key of this leaf. */
    key: hex32,
    receipt: hex32,
    disposition: z.enum(['included', 'excluded', 'withdrawn']),
    reason: z.enum(EXCLUSIONS).nullable(),
    accepted: count,
    duplicates: z.strictObject({ exact: count, near: count }),
    items: count,
    /** Of the items that train, each once. */
    canonicalTokens: count,
    weight: partsPerMillion,
    /** The withdrawal that took the bundle out; null where nobody did. */
    withdrawal: hex32.nullable(),
    salt: hex32,
  })
  .refine(
    (it) => it.items + it.duplicates.exact + it.duplicates.near === it.accepted,
    'items and duplicates do not make up what was accepted',
  )
  .refine(
    (it) => (it.disposition === 'excluded') === (it.reason !== null),
    'exactly an excluded bundle has a reason',
  )
  .refine(
    (it) => (it.disposition === 'withdrawn') === (it.withdrawal !== null),
    'exactly a withdrawn bundle names its withdrawal',
  )
export type ManifestLeaf = z.infer<typeof leaf>
export const manifestLeafSchema: z.ZodType<ManifestLeaf> = leaf

/** Throws {@link StatementError} `document-invalid`. */
export function readManifestLeaf(value: unknown): ManifestLeaf {
  const result = leaf.safeParse(value)
  if (!result.success) throw new StatementError('document-invalid', `manifest leaf: ${issueOf(result.error)}`)
  return result.data
}

/** What the sorted tree holds beside the key, hexadecimal. */
export function manifestLeafValue(of: ManifestLeaf): string {
  return encodeHex(purposeHash('fairweight/manifest-leaf/v1', canonicalBytes(of)))
}

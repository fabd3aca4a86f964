/**
 * From accepted bundles to what trains (spec/manifest.md): the same bundles give the same dataset, in whatever
 * order they come in.
 *
 * Pure and in memory. The one thing from outside is the salt of each leaf, which keeps a party's numbers from
 * being guessed out of the public tree.
 */
import { compareBytes, decodeHex, encodeHex } from '#bytes'
import { SortedTree, treeRoot } from '#merkle'
import { manifestLeafValue, type Item, type ManifestLeaf } from '#statements'
import { findDuplicates, type DedupParameters, type Verdict } from './duplicates.ts'
import { MixingError } from './errors.ts'

export interface MixItem {
  readonly item: Item
  /** Hexadecimal. */
  readonly commitment: string
  readonly tokens: number
}

export interface MixBundle {
  /** The receipt's digest in the log: the key of the leaf. */
  readonly key: string
  readonly receiptDigest: string
  readonly contributor: string
  /** Place of the receipt in the log: who came first. */
  readonly logIndex: number
  /** Accepted items only. */
  readonly items: readonly MixItem[]
  /** Stays out as a whole. */
  readonly setAside?: SetAside
}

/** `accepted` is the receipt's count, because a withdrawn bundle has no items left. */
export type SetAside =
  | { readonly as: 'policy-changed' | 'harmful'; readonly accepted: number }
  /** `withdrawal` is the digest of the withdrawal statement. */
  | { readonly as: 'withdrawn'; readonly accepted: number; readonly withdrawal: string }

export interface MixInput {
  readonly bundles: readonly MixBundle[]
  /** The operator's text against forgetting: no share, and not compared with the bundles. */
  readonly general: { readonly items: readonly MixItem[]; readonly weight: number }
  readonly dedup: DedupParameters
  /** 32 random bytes for the leaf of a bundle, hexadecimal; the same on every call with one key. */
  readonly saltOf: (key: string) => string
}

/** One training example. `bundle` is {@link ComposedBundle.number}; general text has none. */
export interface Example extends MixItem {
  readonly bundle: number
}

export interface ComposedBundle {
  /** Place among all bundles by log index, from 0. */
  readonly number: number
  readonly receiptDigest: string
  readonly contributor: string
  readonly leaf: ManifestLeaf
}

export interface Totals {
  readonly bundles: { readonly included: number; readonly excluded: number; readonly withdrawn: number }
  readonly items: number
  readonly canonicalTokens: number
  readonly duplicates: { readonly exact: number; readonly near: number }
}

export interface Composition {
  readonly bundles: readonly ComposedBundle[]
  /** By key, as the tree has them. */
  readonly leaves: readonly ManifestLeaf[]
  readonly tree: SortedTree
  readonly totals: Totals
  /** Bundle by bundle, each in its own order: what trains, each text once. */
  readonly examples: readonly Example[]
  readonly general: {
    readonly items: readonly MixItem[]
    readonly root: string
    readonly canonicalTokens: number
    readonly weight: number
  }
}

/** Every reading of an included bundle counts whole; parts per million. */
const FULL_WEIGHT = 1_000_000

/** Throws {@link MixingError} where a bundle stands twice or a key, commitment or salt is not 32 bytes. */
export function compose({ bundles, general, dedup, saltOf }: MixInput): Composition {
  const ordered = inLogOrder(bundles)
  const verdicts = judge(ordered, dedup)
  const composed = ordered.map((bundle, number) => ({
    number,
    receiptDigest: bundle.receiptDigest,
    contributor: bundle.contributor,
    leaf: leafOf(bundle, verdicts[number]!, saltOf(bundle.key)),
  }))
  const leaves = composed.map(({ leaf }) => leaf).sort((one, other) => (one.key < other.key ? -1 : 1))
  const examples = ordered.flatMap((bundle, number) =>
    bundle.setAside === undefined
      ? bundle.items
          .filter((_, at) => verdicts[number]![at]!.kind === 'kept')
          .map((one) => ({ ...one, bundle: number }))
      : [],
  )
  return {
    bundles: composed,
    leaves,
    tree: new SortedTree(
      leaves.map((leaf) => ({ key: decodeHex(leaf.key), value: decodeHex(manifestLeafValue(leaf)) })),
    ),
    totals: totalsOf(leaves),
    examples,
    general: {
      items: general.items,
      root: encodeHex(treeRoot(general.items.map(({ commitment }) => decodeHex(commitment)))),
      canonicalTokens: tokensOf(general.items),
      weight: general.weight,
    },
  }
}

function inLogOrder(bundles: readonly MixBundle[]): MixBundle[] {
  const seen = new Set<string>()
  for (const { key, receiptDigest, items } of bundles) {
    for (const hex of [key, receiptDigest, ...items.map(({ commitment }) => commitment)]) {
      if (!/^[0-9a-f]{64}$/.test(hex))
        throw new MixingError('bundle-invalid', 'a key or commitment is no 32 bytes')
    }
    if (seen.has(key)) throw new MixingError('bundle-repeated', `bundle ${key} stands twice`)
    seen.add(key)
  }
  return [...bundles].sort(
    (one, other) => one.logIndex - other.logIndex || compareBytes(decodeHex(one.key), decodeHex(other.key)),
  )
}

// A bundle that is set aside takes no part: what it held first, the next one holds.
function judge(bundles: readonly MixBundle[], dedup: DedupParameters): readonly (readonly Verdict[])[] {
  const taking = bundles.map((bundle) => (bundle.setAside === undefined ? bundle.items : []))
  const verdicts = findDuplicates(
    taking.flatMap((items) => items.map(({ item }) => item)),
    dedup,
  )
  let start = 0
  return taking.map((items) => {
    const own = verdicts.slice(start, start + items.length)
    start += items.length
    return own
  })
}

function leafOf(bundle: MixBundle, verdicts: readonly Verdict[], salt: string): ManifestLeaf {
  if (!/^[0-9a-f]{64}$/.test(salt)) throw new MixingError('salt-invalid', 'a leaf’s salt is no 32 bytes')
  const kept = bundle.items.filter((_, at) => verdicts[at]?.kind === 'kept')
  const accepted = bundle.setAside?.accepted ?? bundle.items.length
  const common = {
    format: 'fairweight/manifest-leaf/v1' as const,
    key: bundle.key,
    receipt: bundle.receiptDigest,
    accepted,
    duplicates: { exact: countOf(verdicts, 'exact'), near: countOf(verdicts, 'near') },
    withdrawal: null,
    salt,
  }
  const nothing = { canonicalTokens: 0, weight: 0 }
  if (bundle.setAside?.as === 'withdrawn') {
    const { withdrawal } = bundle.setAside
    return { ...common, disposition: 'withdrawn', reason: null, items: accepted, ...nothing, withdrawal }
  }
  if (bundle.setAside !== undefined) {
    return { ...common, disposition: 'excluded', reason: bundle.setAside.as, items: accepted, ...nothing }
  }
  if (kept.length === 0) {
    const reason = accepted === 0 ? 'no-accepted-items' : 'all-duplicates'
    return { ...common, disposition: 'excluded', reason, items: 0, ...nothing }
  }
  return {
    ...common,
    disposition: 'included',
    reason: null,
    items: kept.length,
    canonicalTokens: tokensOf(kept),
    weight: FULL_WEIGHT,
  }
}

function totalsOf(leaves: readonly ManifestLeaf[]): Totals {
  const included = leaves.filter(({ disposition }) => disposition === 'included')
  const sum = (of: readonly ManifestLeaf[], field: (leaf: ManifestLeaf) => number) =>
    of.reduce((all, leaf) => all + field(leaf), 0)
  return {
    bundles: {
      included: included.length,
      excluded: leaves.filter(({ disposition }) => disposition === 'excluded').length,
      withdrawn: leaves.filter(({ disposition }) => disposition === 'withdrawn').length,
    },
    items: sum(included, (leaf) => leaf.items),
    canonicalTokens: sum(included, (leaf) => leaf.canonicalTokens),
    duplicates: {
      exact: sum(leaves, (leaf) => leaf.duplicates.exact),
      near: sum(leaves, (leaf) => leaf.duplicates.near),
    },
  }
}

const tokensOf = (items: readonly MixItem[]) => items.reduce((sum, { tokens }) => sum + tokens, 0)

const countOf = (verdicts: readonly Verdict[], kind: Verdict['kind']) =>
  verdicts.filter((one) => one.kind === kind).length

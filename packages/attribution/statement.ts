/**
 * The parts of an attribution statement: one salted leaf a contributor, a sum tree over them, its root.
 *
 * Each contributor sees its own leaf and proof; the root and the notices are public.
 */
import { decodeHex, type Bytes } from '#bytes'
import { SumTree } from '#merkle'
import { encodeSumProof, encodeSumRoot, shareLeafDigest, type Attribution, type ShareLeaf } from '#statements'
import { sharesOf, type SharesInput } from './shares.ts'
import type { Score } from './score.ts'
import type { ContributorInput } from './weights.ts'

/** A leaf as its party keeps it: with the proof, as it is written, that leads to a public root. */
export interface ProvenLeaf<Leaf> {
  readonly leaf: Leaf
  readonly proof: ReturnType<typeof encodeSumProof>
}

/** What hides leaves from each other. Neither may be known to anyone outside. */
export interface LeafSecrets {
  /** 32 fresh random bytes for one party's leaf, hexadecimal. */
  readonly salt: (party: string) => string
  /** At least 32 secret bytes for the order of this one tree. */
  readonly orderKey: Bytes
}

export interface AttributionParts {
  /** What the shares add to the predicate of the statement. */
  readonly predicate: Pick<Attribution, 'contributors' | 'tree' | 'basis' | 'notices' | 'tokenWeight'>
  /** In the order of the input. */
  readonly leaves: readonly ProvenLeaf<ShareLeaf>[]
}

export interface AttributionInput extends SharesInput {
  readonly contributors: readonly (ContributorInput & Pick<ShareLeaf, 'alike'>)[]
  /** What leave-one-out says, where that was measured too; only shown beside the shares. */
  readonly leaveOneOut: ReadonlyMap<string, Score> | null
}

/** Throws {@link AttributionError} on input that cannot be shared out. */
export function attributionParts(input: AttributionInput, secrets: LeafSecrets): AttributionParts {
  const { shares, basis, notices } = sharesOf(input)
  const byTokens = sharesBy(input, () => null)
  const { leaveOneOut } = input
  const byLeaveOneOut = leaveOneOut && sharesBy(input, (contributor) => leaveOneOut.get(contributor) ?? null)
  const leaves = shares.map(({ contributor, share, canonicalTokens, score }, at): ShareLeaf => ({
    format: 'fairweight/share-leaf/v1',
    contributor,
    share,
    canonicalTokens,
    score: score === null ? null : { mean: score.mean, error: score.error },
    compare: { tokens: byTokens[at]!, leaveOneOut: byLeaveOneOut?.[at] ?? null },
    alike: input.contributors[at]!.alike,
    salt: secrets.salt(contributor),
  }))
  const { tree, proven } = proveLeaves(leaves, (leaf) => BigInt(leaf.share), shareLeafDigest, secrets)
  const { tokenWeight } = input
  return {
    predicate: { tokenWeight, contributors: leaves.length, tree, basis, notices: [...notices] },
    leaves: proven,
  }
}

// The same rules, on other scores.
function sharesBy(input: AttributionInput, score: (contributor: string) => Score | null): number[] {
  const contributors = input.contributors.map((one) => ({ ...one, score: score(one.contributor) }))
  return sharesOf({ ...input, contributors }).shares.map(({ share }) => share)
}

/** The root over party leaves, and each leaf with its proof. */
export function proveLeaves<Leaf>(
  leaves: readonly Leaf[],
  sumOf: (leaf: Leaf) => bigint,
  digestOf: (leaf: Leaf) => string,
  { orderKey }: Pick<LeafSecrets, 'orderKey'>,
): { tree: Attribution['tree']; proven: readonly ProvenLeaf<Leaf>[] } {
  const digests = leaves.map((leaf) => decodeHex(digestOf(leaf)))
  const tree = new SumTree(
    leaves.map((leaf, at) => ({ sum: sumOf(leaf), digest: digests[at]! })),
    orderKey,
  )
  const proven = leaves.map((leaf, at) => ({ leaf, proof: encodeSumProof(tree.prove(digests[at]!)) }))
  return { tree: encodeSumRoot(tree.root), proven }
}

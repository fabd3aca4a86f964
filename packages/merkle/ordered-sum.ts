/**
 * A Merkle-sum tree whose leaves are public and stand in a given order, such as calls by sequence number.
 *
 * Same hashes as {@link SumTree}; the padding is zero-sum leaves with an all-zero digest, so that anyone who
 * has the leaves can compute the root.
 */
import {
  hashSumLeaf,
  hashSumNode,
  type SumLeaf,
  type SumNode,
  type SumProof,
  type SumRoot,
} from './sum-tree.ts'
import { checkIndex } from './shape.ts'

const PADDING: SumLeaf = { sum: 0n, digest: new Uint8Array(32) }

/** The root over `leaves`, padded to a power of two; one padding leaf where there are none. */
export function orderedSumRoot(leaves: readonly SumLeaf[]): SumRoot {
  const levels = levelsOf(leaves)
  return { ...levels.at(-1)![0]!, size: levels[0]!.length }
}

/** Throws {@link MerkleError} `index-invalid` where `index` is not a leaf. Checked by `verifySum`. */
export function proveOrderedSum(leaves: readonly SumLeaf[], index: number): SumProof {
  checkIndex(index, leaves.length)
  const levels = levelsOf(leaves)
  const siblings = levels.slice(0, -1).map((nodes, level) => nodes[Math.floor(index / 2 ** level) ^ 1]!)
  return { index, size: levels[0]!.length, siblings }
}

function levelsOf(leaves: readonly SumLeaf[]): SumNode[][] {
  let size = 1
  while (size < leaves.length) size *= 2
  const padded = [...leaves, ...Array.from({ length: size - leaves.length }, () => PADDING)]
  const levels = [padded.map(hashSumLeaf)]
  while (levels.at(-1)!.length > 1) {
    const below = levels.at(-1)!
    levels.push(
      Array.from({ length: below.length / 2 }, (_, pair) =>
        hashSumNode(below[2 * pair]!, below[2 * pair + 1]!),
      ),
    )
  }
  return levels
}

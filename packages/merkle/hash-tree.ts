/**
 * The Merkle tree of certificate and transparency logs, kept in memory (RFC 9162 §2.1; the hashes are those
 * of RFC 6962).
 *
 * Leaf and node hashes start with different bytes, so that a node can never be shown as a leaf.
 */
import { sha256, type Bytes } from '#bytes'
import { MerkleError } from './errors.ts'
import {
  checkIndex,
  completeSubtrees,
  consistencyRanges,
  inclusionRanges,
  type LeafRange,
  type Subtree,
} from './shape.ts'

/** SHA-256(0x00 ‖ entry). */
export function hashLeaf(entry: Uint8Array): Bytes {
  return sha256(Uint8Array.of(0), entry)
}

/** SHA-256(0x01 ‖ left ‖ right). */
export function hashNode(left: Uint8Array, right: Uint8Array): Bytes {
  return sha256(Uint8Array.of(1), left, right)
}

/** The root over `entries`, which are hashed as leaves here. */
export function treeRoot(entries: Iterable<Uint8Array>): Bytes {
  return HashTree.of(entries).root()
}

/** The hash over neighbouring complete subtrees, largest first; no subtree at all is the empty tree. */
export function joinSubtrees(hashes: readonly Bytes[]): Bytes {
  return hashes.length === 0 ? sha256() : hashes.reduceRight((right, left) => hashNode(left, right))
}

/** Grows at its right edge and proves against any size it has had. */
export class HashTree {
  // #levels[k][i] is the hash of the complete subtree {level: k, index: i}.
  readonly #levels: Bytes[][] = [[]]

  /** A tree over entries, which are hashed as leaves. */
  static of(entries: Iterable<Uint8Array>): HashTree {
    const tree = new HashTree()
    for (const entry of entries) tree.append(hashLeaf(entry))
    return tree
  }

  get size(): number {
    return this.#levels[0]?.length ?? 0
  }

  /** Adds a leaf by its hash; returns its index. */
  append(leafHash: Bytes): number {
    const index = this.size
    let hash = leafHash
    for (let level = 0; ; level += 1) {
      const hashes = (this.#levels[level] ??= [])
      hashes.push(hash)
      if (hashes.length % 2 === 1) return index
      hash = hashNode(hashes[hashes.length - 2]!, hash)
    }
  }

  leafHash(index: number): Bytes {
    checkIndex(index, this.size)
    return this.#levels[0]![index]!
  }

  /** The hash over a complete subtree. Throws {@link MerkleError} `index-invalid` where it is not complete. */
  subtreeHash({ level, index }: Subtree): Bytes {
    const hash = this.#levels[level]?.[index]
    if (hash === undefined) throw new MerkleError('index-invalid', `no subtree ${index} on level ${level}`)
    return hash
  }

  root(size = this.size): Bytes {
    this.#checkPrefix(size)
    return this.#hashOf({ start: 0, end: size })
  }

  /** Sibling hashes from leaf `index` to the root at `size`, lowest first (RFC 9162 §2.1.3.1). */
  proveInclusion(index: number, size = this.size): readonly Bytes[] {
    this.#checkPrefix(size)
    return inclusionRanges(index, size).map((range) => this.#hashOf(range))
  }

  /** Shows that the tree at `first` is a prefix of the tree at `second` (RFC 9162 §2.1.4.1). */
  proveConsistency(first: number, second = this.size): readonly Bytes[] {
    this.#checkPrefix(second)
    return consistencyRanges(first, second).map((range) => this.#hashOf(range))
  }

  #checkPrefix(size: number): void {
    if (!Number.isSafeInteger(size) || size < 0 || size > this.size) {
      throw new MerkleError('size-invalid', `a tree of ${this.size} has not been ${size} long`)
    }
  }

  #hashOf(range: LeafRange): Bytes {
    return joinSubtrees(completeSubtrees(range).map((subtree) => this.subtreeHash(subtree)))
  }
}

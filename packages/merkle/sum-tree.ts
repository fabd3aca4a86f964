/**
 * A Merkle tree whose root also fixes the sum of its leaves: nobody's share can be counted twice or left out.
 *
 * A node's hash covers both children's sums apart, not their total, so that a sum cannot be moved from one
 * child to the other. The tree is filled to a power of two with zero leaves, and all leaves stand in an order
 * keyed by HMAC, so that neither place nor neighbour says whose leaf it is or how many there are.
 */
import {
  compareBytes,
  encodeHex,
  encodeUint64,
  encodeUtf8,
  equalBytes,
  hmacSha256,
  purposeHash,
  type Bytes,
} from '#bytes'
import { MerkleError } from './errors.ts'
import { checkIndex } from './shape.ts'

/** The largest sum: what a signed 64-bit column holds. */
export const maximumSum = 0x7fff_ffff_ffff_ffffn

export interface SumLeaf {
  readonly sum: bigint
  readonly digest: Uint8Array
}

export interface SumNode {
  readonly sum: bigint
  readonly hash: Bytes
}

export interface SumRoot extends SumNode {
  /** Leaves including the padding: a power of two. */
  readonly size: number
}

export interface SumProof {
  readonly index: number
  readonly size: number
  /** Lowest first. */
  readonly siblings: readonly SumNode[]
}

export class SumTree {
  readonly root: SumRoot
  // #levels[0] are the leaves, the last level is the root alone.
  readonly #levels: readonly (readonly SumNode[])[]
  readonly #places: ReadonlyMap<string, number>

  /**
   * Orders and pads `leaves` under `key`, which must be secret and used for this tree only.
   * Throws {@link MerkleError} `leaf-invalid`, `leaf-duplicate`, `sum-range` or `key-invalid`.
   */
  constructor(leaves: readonly SumLeaf[], key: Uint8Array) {
    if (key.length < 32) throw new MerkleError('key-invalid', 'the key of the order has at least 32 bytes')
    const ordered = shuffle([...leaves, ...paddingFor(leaves.length, key)], key)
    this.#places = new Map(ordered.map(({ digest }, index) => [encodeHex(digest), index]))
    if (this.#places.size !== ordered.length) {
      throw new MerkleError('leaf-duplicate', 'two leaves have the same digest')
    }
    const levels: SumNode[][] = [ordered.map(hashSumLeaf)]
    while (levels.at(-1)!.length > 1) levels.push(pairs(levels.at(-1)!))
    this.#levels = levels
    this.root = { ...levels.at(-1)![0]!, size: ordered.length }
  }

  /** Throws {@link MerkleError} `leaf-absent` where no leaf has this digest. */
  prove(digest: Uint8Array): SumProof {
    const index = this.#places.get(encodeHex(digest))
    if (index === undefined) throw new MerkleError('leaf-absent', 'no leaf has this digest')
    const siblings = this.#levels.slice(0, -1).map((nodes, level) => {
      const node = Math.floor(index / 2 ** level)
      return nodes[isLeft(node) ? node + 1 : node - 1]!
    })
    return { index, size: this.root.size, siblings }
  }
}

/** Throws {@link MerkleError} unless `leaf` is in the tree and the sums along its path make up the root's. */
export function verifySum(root: SumRoot, leaf: SumLeaf, proof: SumProof): void {
  if (proof.size !== root.size || !isPowerOfTwo(root.size)) {
    throw new MerkleError(
      'size-invalid',
      `a proof for ${proof.size} leaves does not fit a tree of ${root.size}`,
    )
  }
  checkIndex(proof.index, root.size)
  if (2 ** proof.siblings.length !== root.size) {
    throw new MerkleError(
      'path-length-invalid',
      `a tree of ${root.size} has no path of ${proof.siblings.length}`,
    )
  }
  const top = climb(hashSumLeaf(leaf), proof)
  if (top.sum !== root.sum) throw new MerkleError('sum-mismatch', `the path adds up to ${top.sum}`)
  if (!equalBytes(top.hash, root.hash)) {
    throw new MerkleError('root-mismatch', `leaf ${proof.index} does not lead to the root`)
  }
}

function climb(leaf: SumNode, proof: SumProof): SumNode {
  let node = leaf
  let place = proof.index
  for (const sibling of proof.siblings) {
    node = isLeft(place) ? hashSumNode(node, sibling) : hashSumNode(sibling, node)
    place = Math.floor(place / 2)
  }
  return node
}

const purpose = 'fairweight/merkle-sum/v1'

/** SHA-256(purpose ‖ 0x00 ‖ 0x00 ‖ u64be(sum) ‖ digest). */
export function hashSumLeaf({ sum, digest }: SumLeaf): SumNode {
  if (digest.length !== 32) throw new MerkleError('leaf-invalid', 'a leaf has a digest of 32 bytes')
  checkSum(sum)
  return { sum, hash: purposeHash(purpose, Uint8Array.of(0), encodeUint64(sum), digest) }
}

/** SHA-256(purpose ‖ 0x00 ‖ 0x01 ‖ u64be(left sum) ‖ left hash ‖ u64be(right sum) ‖ right hash). */
export function hashSumNode(left: SumNode, right: SumNode): SumNode {
  for (const node of [left, right]) {
    checkSum(node.sum)
    if (node.hash.length !== 32) throw new MerkleError('hash-invalid', 'a hash of this tree has 32 bytes')
  }
  const sum = left.sum + right.sum
  checkSum(sum)
  const children = [encodeUint64(left.sum), left.hash, encodeUint64(right.sum), right.hash]
  return { sum, hash: purposeHash(purpose, Uint8Array.of(1), ...children) }
}

function checkSum(sum: bigint): void {
  if (typeof sum !== 'bigint' || sum < 0n || sum > maximumSum) {
    throw new MerkleError('sum-range', `${sum} is outside 0 to 2^63 - 1`)
  }
}

// A padding digest is a keyed hash: to anyone without the key it looks like the digest of a real leaf.
function paddingFor(count: number, key: Uint8Array): readonly SumLeaf[] {
  let size = 1
  while (size < count) size *= 2
  return Array.from({ length: size - count }, (_, place) => ({
    sum: 0n,
    digest: hmacSha256(key, encodeUtf8(`${purpose}/padding\0`), encodeUint64(BigInt(place))),
  }))
}

function shuffle(leaves: readonly SumLeaf[], key: Uint8Array): readonly SumLeaf[] {
  return leaves
    .map((leaf) => ({ leaf, order: hmacSha256(key, leaf.digest) }))
    .sort((one, other) => compareBytes(one.order, other.order))
    .map(({ leaf }) => leaf)
}

function pairs(nodes: readonly SumNode[]): SumNode[] {
  return Array.from({ length: nodes.length / 2 }, (_, place) =>
    hashSumNode(nodes[2 * place]!, nodes[2 * place + 1]!),
  )
}

const isLeft = (node: number): boolean => node % 2 === 0

function isPowerOfTwo(size: number): boolean {
  return Number.isSafeInteger(size) && size >= 1 && Number.isInteger(Math.log2(size))
}

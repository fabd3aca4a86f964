/**
 * A map from 32-byte keys to 32-byte values under one root, which also proves what is *not* in it.
 *
 * Leaves stand in strictly ascending order of their key, each hashed as the RFC 9162 leaf key ‖ value. A key
 * is absent where the two leaves around its place are neighbours. The tree's size decides which leaf is the
 * last one, so root and size must come from the same signed statement.
 */
import { compareBytes, concatBytes, type Bytes } from '#bytes'
import { MerkleError } from './errors.ts'
import { HashTree, hashLeaf } from './hash-tree.ts'
import { verifyInclusion, type TreeHead } from './verify.ts'

export interface SortedLeaf {
  readonly key: Bytes
  readonly value: Bytes
}

export interface PresenceProof {
  readonly index: number
  readonly value: Bytes
  readonly path: readonly Bytes[]
}

export interface NeighbourProof extends PresenceProof {
  readonly key: Bytes
}

/** The leaves just before and just after the absent key; null where there is none. */
export interface AbsenceProof {
  readonly before: NeighbourProof | null
  readonly after: NeighbourProof | null
}

export class SortedTree {
  readonly #leaves: readonly SortedLeaf[]
  readonly #tree: HashTree

  /** Throws {@link MerkleError} unless the leaves are 32 + 32 bytes, in strictly ascending order of key. */
  constructor(leaves: readonly SortedLeaf[]) {
    leaves.forEach((leaf, index) => {
      checkLeaf(leaf.key, leaf.value)
      const previous = leaves[index - 1]
      if (previous !== undefined && compareBytes(previous.key, leaf.key) >= 0) {
        throw new MerkleError('leaves-unordered', `leaf ${index} does not come after leaf ${index - 1}`)
      }
    })
    this.#leaves = leaves.map(({ key, value }) => ({ key: key.slice(), value: value.slice() }))
    this.#tree = HashTree.of(this.#leaves.map(leafBytes))
  }

  get size(): number {
    return this.#leaves.length
  }

  get root(): Bytes {
    return this.#tree.root()
  }

  /** Throws {@link MerkleError} `leaf-absent` where the key is not in the tree. */
  proveKey(key: Uint8Array): PresenceProof {
    const index = this.#placeOf(key)
    const { value, path, ...found } = this.#neighbour(index) ?? absent()
    if (compareBytes(found.key, key) !== 0) absent()
    return { index, value, path }
  }

  /** Throws {@link MerkleError} `key-present` where the key is in the tree. */
  proveAbsence(key: Uint8Array): AbsenceProof {
    const place = this.#placeOf(key)
    const after = this.#neighbour(place)
    if (after !== null && compareBytes(after.key, key) === 0) {
      throw new MerkleError('key-present', 'the key is in the tree')
    }
    return { before: this.#neighbour(place - 1), after }
  }

  // The index of the first leaf whose key is not below `key`.
  #placeOf(key: Uint8Array): number {
    checkKey(key)
    let low = 0
    let high = this.#leaves.length
    while (low < high) {
      const middle = Math.floor((low + high) / 2)
      if (compareBytes(this.#leaves[middle]!.key, key) < 0) low = middle + 1
      else high = middle
    }
    return low
  }

  #neighbour(index: number): NeighbourProof | null {
    const leaf = this.#leaves[index]
    return leaf === undefined ? null : { index, ...leaf, path: this.#tree.proveInclusion(index) }
  }
}

/** The value that stands under `key`. Throws {@link MerkleError} unless the proof leads to the root. */
export function verifyPresence(head: TreeHead, key: Uint8Array, proof: PresenceProof): Bytes {
  checkKey(key)
  checkLeaf(key, proof.value)
  verifyInclusion(head, proof.index, hashLeaf(concatBytes(key, proof.value)), proof.path)
  return proof.value
}

/**
 * Throws {@link MerkleError} unless no leaf of the tree has this key.
 * Relies on the order of the leaves, which whoever signed the root answers for.
 */
export function verifyAbsence(head: TreeHead, key: Uint8Array, proof: AbsenceProof): void {
  checkKey(key)
  const { before, after } = proof
  if (before !== null) verifyNeighbour(head, before, () => compareBytes(before.key, key) < 0)
  if (after !== null) verifyNeighbour(head, after, () => compareBytes(after.key, key) > 0)
  const start = before === null ? 0 : before.index + 1
  const end = after === null ? head.size : after.index
  if (start !== end) {
    throw new MerkleError('neighbours-invalid', `leaves ${start} to ${end} are left open by the proof`)
  }
  // An empty tree has one root, and nothing above has compared it.
  if (head.size === 0) checkEmpty(head)
}

function verifyNeighbour(head: TreeHead, proof: NeighbourProof, standsRight: () => boolean): void {
  verifyPresence(head, proof.key, proof)
  if (!standsRight())
    throw new MerkleError('neighbours-invalid', 'a neighbour is on the wrong side of the key')
}

function checkEmpty(head: TreeHead): void {
  if (compareBytes(head.root, new HashTree().root()) !== 0) {
    throw new MerkleError('root-mismatch', 'the root is not that of an empty tree')
  }
}

function checkLeaf(key: Uint8Array, value: Uint8Array): void {
  if (key.length !== 32 || value.length !== 32) {
    throw new MerkleError('leaf-invalid', 'a leaf is a key and a value of 32 bytes each')
  }
}

function checkKey(key: Uint8Array): void {
  if (key.length !== 32) throw new MerkleError('key-invalid', 'a key has 32 bytes')
}

function leafBytes(leaf: SortedLeaf): Bytes {
  return concatBytes(leaf.key, leaf.value)
}

function absent(): never {
  throw new MerkleError('leaf-absent', 'the key is not in the tree')
}

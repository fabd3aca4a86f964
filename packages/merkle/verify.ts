/**
 * Inclusion and consistency, checked without the tree (RFC 9162 §2.1.3.2 and §2.1.4.2).
 *
 * The attacker chooses the path. Sizes and roots must come from something already signed and verified:
 * a right path to a wrong root proves nothing.
 */
import { equalBytes, sha256 } from '#bytes'
import { MerkleError } from './errors.ts'
import { hashNode } from './hash-tree.ts'
import { checkIndex, checkSize } from './shape.ts'

export interface TreeHead {
  readonly size: number
  readonly root: Uint8Array
}

/** Throws {@link MerkleError} unless `leafHash` is leaf `index` of the tree at `head`. */
export function verifyInclusion(
  head: TreeHead,
  index: number,
  leafHash: Uint8Array,
  path: readonly Uint8Array[],
): void {
  checkSize(head.size)
  checkIndex(index, head.size)
  checkHashes([head.root, leafHash, ...path])
  checkRoot(climb(leafHash, index, head.size - 1, path), head.root, `leaf ${index}`)
}

/** Throws {@link MerkleError} unless the tree at `first` is a prefix of the tree at `second`. */
export function verifyConsistency(first: TreeHead, second: TreeHead, path: readonly Uint8Array[]): void {
  checkSize(second.size)
  checkSize(first.size)
  checkHashes([first.root, second.root, ...path])
  if (first.size > second.size) {
    throw new MerkleError('size-invalid', `a tree of ${second.size} cannot continue a tree of ${first.size}`)
  }
  if (first.size === 0 || first.size === second.size) {
    if (path.length > 0) throw new MerkleError('path-length-invalid', 'nothing is left for a path to prove')
    const expected = first.size === 0 ? sha256() : second.root
    checkRoot(first.root, expected, `the tree of ${first.size}`)
    return
  }
  const known = isPowerOfTwo(first.size) ? [first.root, ...path] : path
  const [firstRoot, secondRoot] = climbBoth(first.size - 1, second.size - 1, known)
  checkRoot(firstRoot, first.root, `the path, read as the tree of ${first.size},`)
  checkRoot(secondRoot, second.root, `the path, read as the tree of ${second.size},`)
}

// `node` is our place on the level reached, `last` the place of that level's rightmost node.
function climb(leaf: Uint8Array, node: number, last: number, path: readonly Uint8Array[]): Uint8Array {
  let hash = leaf
  for (const sibling of path) {
    // At the right edge a node may lack a sibling: it rises unchanged until it has one.
    while (node === last && isLeft(node) && last > 0) {
      node /= 2
      last /= 2
    }
    checkBelowRoot(last)
    hash = isLeft(node) ? hashNode(hash, sibling) : hashNode(sibling, hash)
    node = parent(node)
    last = parent(last)
  }
  checkAtRoot(last)
  return hash
}

// Climbs from the last leaf of the old tree. Left siblings belong to both trees, right ones to the new one.
function climbBoth(node: number, last: number, path: readonly Uint8Array[]): [Uint8Array, Uint8Array] {
  while (!isLeft(node)) {
    node = parent(node)
    last = parent(last)
  }
  const [seed, ...siblings] = path
  if (seed === undefined) throw new MerkleError('path-length-invalid', 'the path is empty')
  let first = seed
  let second = seed
  for (const sibling of siblings) {
    while (node === last && isLeft(node) && last > 0) {
      node /= 2
      last /= 2
    }
    checkBelowRoot(last)
    if (isLeft(node)) {
      second = hashNode(second, sibling)
    } else {
      first = hashNode(sibling, first)
      second = hashNode(sibling, second)
    }
    node = parent(node)
    last = parent(last)
  }
  checkAtRoot(last)
  return [first, second]
}

function checkBelowRoot(last: number): void {
  if (last === 0) throw new MerkleError('path-length-invalid', 'the path goes on above the root')
}

function checkAtRoot(last: number): void {
  if (last !== 0) throw new MerkleError('path-length-invalid', 'the path stops below the root')
}

function checkHashes(hashes: readonly Uint8Array[]): void {
  if (hashes.some((hash) => hash.length !== 32)) {
    throw new MerkleError('hash-invalid', 'a hash of this tree has 32 bytes')
  }
}

function checkRoot(actual: Uint8Array, expected: Uint8Array, what: string): void {
  if (!equalBytes(actual, expected))
    throw new MerkleError('root-mismatch', `${what} does not lead to the root`)
}

const isLeft = (node: number): boolean => node % 2 === 0
const parent = (node: number): number => Math.floor(node / 2)

function isPowerOfTwo(size: number): boolean {
  while (size > 1 && size % 2 === 0) size /= 2
  return size === 1
}

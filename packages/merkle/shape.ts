/**
 * The shape of an RFC 9162 tree: which parts of it a proof is made of (§2.1.1, §2.1.3.1, §2.1.4.1).
 *
 * Nothing here hashes. A proof is a list of leaf ranges, a range is a few complete subtrees, and a complete
 * subtree is one stored hash, so a log on disk and a tree in memory share these functions.
 */
import { MerkleError } from './errors.ts'

/** The leaves `start` … `end` − 1. */
export interface LeafRange {
  readonly start: number
  readonly end: number
}

/** The subtree over the 2^level leaves that begin at leaf index × 2^level. */
export interface Subtree {
  readonly level: number
  readonly index: number
}

/** The ranges whose hashes lead from leaf `index` to the root, lowest first. */
export function inclusionRanges(index: number, size: number): readonly LeafRange[] {
  checkSize(size)
  checkIndex(index, size)
  const ranges: LeafRange[] = []
  let start = 0
  let end = size
  while (end - start > 1) {
    const middle = start + splitOf(end - start)
    if (index < middle) {
      ranges.push({ start: middle, end })
      end = middle
    } else {
      ranges.push({ start, end: middle })
      start = middle
    }
  }
  return ranges.reverse()
}

/** The ranges whose hashes show that the tree of `first` leaves is a prefix of the tree of `second`. */
export function consistencyRanges(first: number, second: number): readonly LeafRange[] {
  checkSize(second)
  checkSize(first)
  if (first > second) throw new MerkleError('size-invalid', `a tree of ${second} has no prefix of ${first}`)
  if (first === 0 || first === second) return []
  const ranges: LeafRange[] = []
  let start = 0
  let end = second
  while (end !== first) {
    const middle = start + splitOf(end - start)
    if (first <= middle) {
      ranges.push({ start: middle, end })
      end = middle
    } else {
      ranges.push({ start, end: middle })
      start = middle
    }
  }
  // Where the old tree is itself the left edge, its root is known to whoever checks.
  if (start > 0) ranges.push({ start, end })
  return ranges.reverse()
}

/** The complete subtrees, largest first, that a range from one of the functions above consists of. */
export function completeSubtrees(range: LeafRange): readonly Subtree[] {
  const subtrees: Subtree[] = []
  for (let start = range.start; start < range.end;) {
    let level = 0
    let width = 1
    while (width * 2 <= range.end - start) {
      level += 1
      width *= 2
    }
    subtrees.push({ level, index: start / width })
    start += width
  }
  return subtrees
}

export function checkSize(size: number): void {
  if (!Number.isSafeInteger(size) || size < 0) {
    throw new MerkleError('size-invalid', `${size} is not the size of a tree`)
  }
}

export function checkIndex(index: number, size: number): void {
  if (!Number.isSafeInteger(index) || index < 0 || index >= size) {
    throw new MerkleError('index-invalid', `leaf ${index} is outside a tree of ${size}`)
  }
}

// The largest power of two below `count`.
function splitOf(count: number): number {
  let width = 1
  while (width * 2 < count) width *= 2
  return width
}

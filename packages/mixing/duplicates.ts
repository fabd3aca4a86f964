/**
 * Which items are copies (spec/manifest.md §duplicates): an item is kept, or it is a copy of one kept item.
 *
 * Every copy is compared with the item that it is a copy of, and with no other copy: likeness is not passed on
 * along a chain. Whatever comes first stays, so that a copy changes nothing for anyone.
 */
import type { Item } from '#statements'
import { shinglesOf, wordsOf } from './words.ts'

export interface DedupParameters {
  readonly shingleWords: number
  /** Jaccard similarity from which two items are near-duplicates, parts per million. */
  readonly threshold: number
}

export type Verdict =
  | { readonly kind: 'kept' }
  /** `of` is the index of the kept item. */
  | { readonly kind: 'exact' | 'near'; readonly of: number }

interface Kept {
  readonly index: number
  readonly size: number
}

/** One verdict an item; earlier items win. */
export function findDuplicates(items: readonly Item[], parameters: DedupParameters): Verdict[] {
  const byText = new Map<string, number>()
  // Only kept items are listed under their shingles, so a copy can never stand for another copy.
  const byShingle = new Map<string, Kept[]>()
  return items.map((item, index): Verdict => {
    const words = wordsOf(item)
    const text = words.join(' ')
    const same = byText.get(text)
    if (same !== undefined) return { kind: 'exact', of: same }
    const shingles = shinglesOf(words, parameters.shingleWords)
    const like = earliestAlike(shingles, byShingle, parameters.threshold)
    if (like !== undefined) return { kind: 'near', of: like }
    byText.set(text, index)
    for (const shingle of shingles) {
      const holders = byShingle.get(shingle)
      if (holders === undefined) byShingle.set(shingle, [{ index, size: shingles.size }])
      else holders.push({ index, size: shingles.size })
    }
    return { kind: 'kept' }
  })
}

/** |A ∩ B| / |A ∪ B|, as the two numbers: integers compare alike everywhere. */
export function jaccard(
  left: ReadonlySet<string>,
  right: ReadonlySet<string>,
): { shared: number; all: number } {
  const shared = left.intersection(right).size
  return { shared, all: left.size + right.size - shared }
}

function earliestAlike(
  shingles: ReadonlySet<string>,
  byShingle: ReadonlyMap<string, readonly Kept[]>,
  threshold: number,
): number | undefined {
  const shared = new Map<number, { size: number; count: number }>()
  for (const shingle of shingles) {
    for (const { index, size } of byShingle.get(shingle) ?? []) {
      const entry = shared.get(index)
      if (entry === undefined) shared.set(index, { size, count: 1 })
      else entry.count += 1
    }
  }
  let earliest: number | undefined
  for (const [index, { size, count }] of shared) {
    const isAlike = count * 1_000_000 >= threshold * (shingles.size + size - count)
    if (isAlike && (earliest === undefined || index < earliest)) earliest = index
  }
  return earliest
}

/**
 * Answers that an earlier contributor gave already (spec/attribution.md §alike).
 *
 * Who says another's fact in other words is no duplicate: questions differ, and two firms may know one thing. It is
 * counted and shown beside the share, and takes nothing away.
 */
import type { Composition } from './compose.ts'
import { findDuplicates } from './duplicates.ts'

export interface Alike {
  readonly items: number
  readonly canonicalTokens: number
}

/** Answers count as the same from this part of their words in common, parts per million. */
const THRESHOLD = 800_000

/** One entry a contributor with items in the mix. */
export function alikeAnswers({ bundles, examples }: Composition): ReadonlyMap<string, Alike> {
  const contributorOf = new Map(bundles.map(({ number, contributor }) => [number, contributor]))
  const owners = examples.map(({ bundle }) => contributorOf.get(bundle)!)
  const answers = examples.map(({ item }) => ({ messages: item.messages.slice(-1) }))
  const verdicts = findDuplicates(answers, { shingleWords: 1, threshold: THRESHOLD })
  const counts = new Map<string, Alike>(owners.map((owner) => [owner, { items: 0, canonicalTokens: 0 }]))
  for (const [at, verdict] of verdicts.entries()) {
    const owner = owners[at]!
    if (verdict.kind === 'kept' || owners[verdict.of] === owner) continue
    const { items, canonicalTokens } = counts.get(owner)!
    counts.set(owner, { items: items + 1, canonicalTokens: canonicalTokens + examples[at]!.tokens })
  }
  return counts
}

/**
 * How many canonical tokens items have (spec/canonical-token.md), exactly or as a range, and what that may earn.
 *
 * The range is for a contributor's machine, which has no tokenizer; the receipt says the exact number.
 */
import { encodeUtf8 } from '#bytes'
import { countTokens, type ChatTemplate, type Tokenizer } from '#chat'
import type { Item } from '#statements'

export function countCanonicalTokens(
  items: readonly Item[],
  template: ChatTemplate,
  tokenizer: Tokenizer,
): number {
  return items.reduce((sum, item) => sum + countTokens(item.messages, template, tokenizer), 0)
}

/** Runs of characters that are no white space: what people mean by words. */
export function countWords(items: readonly Item[]): number {
  return items.reduce(
    (sum, { messages }) =>
      messages.reduce((words, { content }) => words + (content.match(/\S+/g)?.length ?? 0), sum),
    0,
  )
}

export interface TokenRange {
  readonly low: number
  readonly high: number
}

// Byte-level tokenizers make of running text one token for two to six bytes; rare scripts need more.
const BYTES_PER_TOKEN = { most: 6, fewest: 1.5 }
// Around each message: two control tokens, the role's name and line feeds.
const FRAME = { low: 4, high: 8 }

/** A range, by experience and not by proof, from lengths in bytes; the system prompt counts once an item. */
export function estimateTokens(items: readonly Item[], systemPrompt: string): TokenRange {
  const system = encodeUtf8(systemPrompt).length
  let bytes = 0
  let frames = 0
  for (const { messages } of items) {
    const own = messages[0]?.role === 'system'
    bytes += (own ? 0 : system) + messages.reduce((sum, one) => sum + encodeUtf8(one.content).length, 0)
    frames += messages.length + (own ? 0 : 1)
  }
  return {
    low: Math.floor(bytes / BYTES_PER_TOKEN.most + frames * FRAME.low),
    high: Math.ceil(bytes / BYTES_PER_TOKEN.fewest + frames * FRAME.high),
  }
}

/** What the pool publishes about itself. */
export interface PoolTotals {
  readonly contributors: number
  /** Of all accepted bundles, before deduplication. */
  readonly canonicalTokens: number
}

/** Parts per million of what contributors get together, were it split by tokens alone and nobody else joined. */
export function expectedShare(own: TokenRange, pool: PoolTotals): TokenRange {
  const share = (tokens: number) =>
    tokens === 0 ? 0 : Math.round((tokens * 1_000_000) / (tokens + pool.canonicalTokens))
  return { low: share(own.low), high: share(own.high) }
}

/** One or two sentences that promise nothing. `contributorsSplit` is the policy's, in basis points. */
export function describeExpectedShare(own: TokenRange, pool: PoolTotals, contributorsSplit: number): string {
  const { low, high } = expectedShare(own, pool)
  const part =
    pool.canonicalTokens === 0
      ? 'all, because nobody else has contributed yet,'
      : `roughly ${percent(low)} to ${percent(high)} %`
  return (
    `Estimate by tokens alone: ${part} of the ${percent(contributorsSplit * 100)} % of revenue that ` +
    'contributors share. Duplicates do not count, later contributors lower it, and the pool’s own ' +
    'attribution decides.'
  )
}

function percent(partsPerMillion: number): string {
  const value = partsPerMillion / 10_000
  return value >= 10 || value === 0 ? String(Math.round(value)) : value.toPrecision(2).replace(/\.0$/, '')
}

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

// Byte-level tokenizers make one token of two and a half to six bytes of text in Latin letters; of other scripts
// they may make one of every byte. Around each message stand two control tokens, the role's name and line feeds.
const BYTES_PER_TOKEN = { most: 6, fewest: 2.5 }
const FRAME = { low: 4, high: 8 }

/**
 * A range, by experience and not by proof, from lengths in bytes; the system prompt counts once an item.
 * With SmolLM2 on the example pool the true number lies at 1.3 to 1.45 times the low end.
 */
export function estimateTokens(items: readonly Item[], systemPrompt: string): TokenRange {
  let low = 0
  let high = 0
  for (const { messages } of items) {
    const texts = messages.map(({ content }) => content)
    if (messages[0]?.role !== 'system') texts.push(systemPrompt)
    for (const text of texts) {
      const bytes = encodeUtf8(text)
      const plain = bytes.reduce((count, byte) => count + (byte < 0x80 ? 1 : 0), 0)
      low += bytes.length / BYTES_PER_TOKEN.most + FRAME.low
      high += plain / BYTES_PER_TOKEN.fewest + (bytes.length - plain) + FRAME.high
    }
  }
  return { low: Math.floor(low), high: Math.ceil(high) }
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

/**
 * From ciphertext to what an offer is worth (spec/sealed-bundle.md, spec/contribution-receipt.md), in memory only.
 *
 * A sealed file says who can open it and not who made it, so everything hangs on its first record: it must name
 * the very offer, and the items must be those that the offer committed to.
 */
import { BytesError, canonicalJson, decodeHex, encodeHex, type Bytes } from '#bytes'
import { countTokens } from '#chat'
import type { NodeContext } from '#node/core'
import { SealError, unseal } from '#seal'
import {
  commitBundle,
  decodeBundle,
  normalizeItem,
  StatementError,
  type BundleHeader,
  type ContributionReceipt,
  type Item,
  type Offer,
  type Statement,
} from '#statements'
import { refuse } from './refusals.ts'

type Rejected = ContributionReceipt['rejected'][number]

export interface OpenedItem {
  readonly index: number
  readonly item: Item
  /** Hexadecimal. */
  readonly commitment: string
  readonly tokens: number
}

export interface OpenedBundle {
  readonly root: string
  readonly offered: number
  readonly accepted: readonly OpenedItem[]
  readonly rejected: readonly Rejected[]
  readonly canonicalTokens: number
}

type Needs = Pick<NodeContext, 'machine' | 'policy' | 'engine'>

/** Throws `ciphertext-invalid`, `bundle-of-another-offer` or `commitment-mismatch`. */
export async function openBundle(
  context: Needs,
  ciphertext: Bytes,
  { digest, predicate }: Statement<Offer>,
): Promise<OpenedBundle> {
  const { header, items } = await decrypt(context, ciphertext)
  const belongs =
    header.offer === digest &&
    header.pool === predicate.pool &&
    header.policy === predicate.policy &&
    header.nonce === predicate.nonce
  if (!belongs) throw refuse('bundle-of-another-offer')
  const judged = judgeItems(context, header, items)
  if (judged.offered !== predicate.bundle.items || judged.root !== predicate.bundle.root) {
    throw refuse('commitment-mismatch')
  }
  return judged
}

/** The same items in the same bundle are always judged alike: a later term counts what an earlier one counted. */
export function judgeItems(context: Needs, header: BundleHeader, items: readonly Item[]): OpenedBundle {
  const { commitments, root } = commitBundle(items, decodeHex(header.secret))
  const accepted: OpenedItem[] = []
  const rejected: Rejected[] = []
  for (const [index, item] of items.entries()) {
    const { reason, tokens } = judgeItem(context, item)
    if (reason === undefined) {
      accepted.push({ index, item, commitment: encodeHex(commitments[index]!), tokens })
    } else {
      rejected.push({ index, reason })
    }
  }
  const canonicalTokens = accepted.reduce((sum, { tokens }) => sum + tokens, 0)
  return { root, offered: items.length, accepted, rejected, canonicalTokens }
}

async function decrypt(context: Needs, ciphertext: Bytes): Promise<{ header: BundleHeader; items: Item[] }> {
  try {
    return decodeBundle(await unseal(ciphertext, context.machine.pool.secret))
  } catch (error) {
    if (error instanceof SealError || error instanceof StatementError || error instanceof BytesError) {
      throw refuse('ciphertext-invalid')
    }
    throw error
  }
}

function judgeItem(context: Needs, item: Item): { reason?: Rejected['reason']; tokens: number } {
  const normal = normalizeItem(item)
  if (normal.messages.some(({ content }) => content === '')) return { reason: 'empty', tokens: 0 }
  if (canonicalJson(normal) !== canonicalJson(item)) return { reason: 'not-normalized', tokens: 0 }
  const { template, systemPrompt } = context.policy.predicate.base
  const tokens = countTokens(item.messages, { kind: template, systemPrompt }, context.engine.tokenizer)
  return tokens > maxLength(context) ? { reason: 'too-long', tokens } : { tokens }
}

// The trainer cuts nothing off: an example longer than the recipe's limit would refuse the whole job.
function maxLength(context: Needs): number {
  const limit = context.policy.predicate.recipe['max_length']
  return typeof limit === 'number' ? limit : Number.POSITIVE_INFINITY
}

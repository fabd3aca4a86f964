/**
 * Items and bundles (spec/item.md, spec/sealed-bundle.md): what is contributed, and how it is committed to.
 *
 * A commitment hides its item (the salt is secret) and binds it (another item would need a collision).
 */
import { z } from 'zod'
import {
  canonicalBytes,
  encodeHex,
  encodeUint64,
  hmacSha256,
  parseCanonical,
  purposeHash,
  type Bytes,
} from '#bytes'
import { treeRoot } from '#merkle'
import { StatementError } from './errors.ts'
import { count, hex32 } from './fields.ts'
import { issueOf } from './statement.ts'

/** What one turn of a dialogue may hold. */
export const messageText = z.string().min(1).max(100_000)

const message = z.strictObject({
  role: z.enum(['system', 'user', 'assistant']),
  content: messageText,
})

/** One example: a dialogue that ends with the answer to learn. */
const item = z
  .strictObject({ messages: z.array(message).min(2).max(64) })
  .refine((it) => it.messages.at(-1)?.role === 'assistant', 'the last message must be the assistant’s')
export type Item = z.infer<typeof item>
export type Message = z.infer<typeof message>
export const itemSchema: z.ZodType<Item> = item

/** Throws {@link StatementError} `document-invalid`; the message never quotes the item. */
export function readItem(value: unknown): Item {
  const result = item.safeParse(value)
  if (!result.success) throw new StatementError('document-invalid', `item: ${issueOf(result.error)}`)
  return result.data
}

/**
 * One spelling for what people see as the same text: NFC, line feeds, no space at either end.
 * Applied by the contributor before committing; the enclave refuses an item that is not in this form.
 */
export function normalizeItem(of: Item): Item {
  return {
    messages: of.messages.map(({ role, content }) => ({ role, content: normalizeText(content) })),
  }
}

export function normalizeText(text: string): string {
  return text.normalize('NFC').replaceAll(/\r\n?/g, '\n').trim()
}

export function itemBytes(of: Item): Bytes {
  return canonicalBytes(of)
}

/** The salt of item `index`: opening one item reveals nothing about the others. */
export function itemSalt(bundleSecret: Uint8Array, index: number): Bytes {
  return hmacSha256(bundleSecret, canonicalBytes('fairweight/item-salt/v1'), encodeUint64(BigInt(index)))
}

export function itemCommitment(of: Item, salt: Uint8Array): Bytes {
  if (salt.length !== 32) throw new StatementError('document-invalid', 'a salt has 32 bytes')
  return purposeHash('fairweight/item/v1', salt, itemBytes(of))
}

/** Commitments in the order of the items, and the RFC 9162 root over them that an offer signs. */
export function commitBundle(
  items: readonly Item[],
  bundleSecret: Uint8Array,
): { commitments: Bytes[]; root: string } {
  const commitments = items.map((one, index) => itemCommitment(one, itemSalt(bundleSecret, index)))
  return { commitments, root: encodeHex(treeRoot(commitments)) }
}

/** The first record of a sealed bundle: ties the ciphertext to one offer, so that it cannot be claimed by another. */
const bundleHeader = z.strictObject({
  format: z.literal('fairweight/bundle/v1'),
  offer: hex32,
  pool: hex32,
  policy: hex32,
  nonce: hex32,
  /** 32 secret bytes from which the items' salts derive. */
  secret: hex32,
  items: count,
})
export type BundleHeader = z.infer<typeof bundleHeader>
export const bundleHeaderSchema: z.ZodType<BundleHeader> = bundleHeader

/** A sealed bundle's plaintext: the header, then one canonical item a line. */
export function encodeBundle(header: BundleHeader, items: readonly Item[]): Bytes {
  const lines = [canonicalBytes(header), ...items.map(itemBytes)]
  const all = new Uint8Array(lines.reduce((sum, line) => sum + line.length + 1, 0))
  let offset = 0
  for (const line of lines) {
    all.set(line, offset)
    all[offset + line.length] = 0x0a
    offset += line.length + 1
  }
  return all
}

/** Throws `BytesError` or {@link StatementError} `document-invalid`; never quotes what it read. */
export function decodeBundle(plaintext: Uint8Array): { header: BundleHeader; items: Item[] } {
  const lines = splitLines(plaintext)
  const [first, ...rest] = lines
  const header = bundleHeader.safeParse(first === undefined ? undefined : parseCanonical(first))
  if (!header.success) throw new StatementError('document-invalid', `bundle header: ${issueOf(header.error)}`)
  if (rest.length !== header.data.items) {
    throw new StatementError(
      'document-invalid',
      `the bundle announces ${header.data.items} items and holds ${rest.length}`,
    )
  }
  return { header: header.data, items: rest.map((line) => readItem(parseCanonical(line))) }
}

function splitLines(bytes: Uint8Array): Uint8Array[] {
  if (bytes.at(-1) !== 0x0a) throw new StatementError('document-invalid', 'the bundle is cut off')
  const lines: Uint8Array[] = []
  for (let start = 0; start < bytes.length;) {
    const end = bytes.indexOf(0x0a, start)
    lines.push(bytes.subarray(start, end))
    start = end + 1
  }
  return lines
}

/**
 * Stream marks (spec/stream-mark.md): a signed point in a stream, so that a cut-off answer is proven up to it.
 *
 * A mark is an SSE comment line, which clients that know nothing of it ignore. The chain runs over the
 * bytes on the wire between marks; a mark's own line belongs to no segment.
 */
import { z } from 'zod'
import {
  canonicalBytes,
  canonicalJson,
  decodeHex,
  encodeHex,
  encodeUtf8,
  parseCanonical,
  purposeHash,
  sha256,
  type Bytes,
} from '#bytes'
import { isSignature, type SigningKey } from '#seal'
import { StatementError } from './errors.ts'
import { count, hex32 } from './fields.ts'
import { ENDINGS } from './serving.ts'
import { issueOf } from './statement.ts'

const PREFIX = ': fairweight-mark '

const mark = z.strictObject({
  receipt_id: z.string().min(8).max(100),
  /** From 1. */
  mark: z.int().min(1),
  /** SSE events before this mark. */
  events: count,
  chain: hex32,
  /** How the answer ended; null while it goes on. */
  ended: z.enum(ENDINGS).nullable(),
  /** Public key in the keyset's role `mark`: an ACI receipt key signs nothing but receipts. */
  key_id: hex32,
  signature: z.string().regex(/^[0-9a-f]{128}$/),
})
export type StreamMark = z.infer<typeof mark>
export const streamMarkSchema: z.ZodType<StreamMark> = mark

/** h₀: names the receipt, the request and the ACI keyset (`sha256:…`), so that marks of one answer fit no other. */
export function startChain(receiptId: string, requestBodyHash: string, keysetDigest: string): Bytes {
  return purposeHash(
    'fairweight/stream/v1',
    canonicalBytes({ keyset: keysetDigest, receipt_id: receiptId, request: requestBodyHash }),
  )
}

/** h ← SHA-256(h ‖ SHA-256(segment)). */
export function extendChain(chain: Uint8Array, segment: Uint8Array): Bytes {
  return sha256(chain, sha256(segment))
}

/** The same step where the segment was hashed as it passed: `segmentHash` is its SHA-256. */
export function extendChainByHash(chain: Uint8Array, segmentHash: Uint8Array): Bytes {
  return sha256(chain, segmentHash)
}

export async function signMark(fields: Omit<StreamMark, 'signature'>, key: SigningKey): Promise<StreamMark> {
  return { ...fields, signature: encodeHex(await key.sign(markMessage(fields))) }
}

/** True where the mark is signed by one of `markKeys`, the keyset's role `mark`. */
export async function isMarkOf(of: StreamMark, markKeys: readonly string[]): Promise<boolean> {
  const { signature, ...fields } = of
  return markKeys.includes(of.key_id) && isSignature(of.key_id, markMessage(fields), decodeHex(signature))
}

/** The bytes on the wire: one comment line and the blank line that ends it. */
export function encodeMark(of: StreamMark): Bytes {
  return encodeUtf8(`${PREFIX}${canonicalJson(of)}\n\n`)
}

/** The mark in a line without its line feed; undefined for any other line. Throws {@link StatementError}. */
export function decodeMark(line: string): StreamMark | undefined {
  if (!line.startsWith(PREFIX)) return undefined
  let value: unknown
  try {
    // Canonical, so that a member that stands twice cannot mean two things.
    value = parseCanonical(encodeUtf8(line.slice(PREFIX.length)))
  } catch {
    throw new StatementError('document-invalid', 'stream mark: not canonical JSON')
  }
  const result = mark.safeParse(value)
  if (!result.success) throw new StatementError('document-invalid', `stream mark: ${issueOf(result.error)}`)
  return result.data
}

function markMessage(fields: Omit<StreamMark, 'signature'>): Bytes {
  return purposeHash('fairweight/stream-mark/v1', canonicalBytes(fields))
}

/**
 * Serving receipts (spec/serving-receipt.md): ACI `aci/1` as a direct service, and our events on top.
 *
 * ACI fixes keyset, statement, receipt and signature; it allows further events, which are ours:
 * what weights answered, what it cost, and how the answer ended.
 */
import { z } from 'zod'
import { canonicalBytes, canonicalJson, decodeHex, digestOf, encodeHex, sha256 } from '#bytes'
import { isSignature, type SigningKey } from '#seal'
import { StatementError } from './errors.ts'
import { aciKeysetDigest, type AciKeyset } from './aci-keyset.ts'
import { amount, count, currency, hex32, isDistinct, nodeTerm, timestamp } from './fields.ts'
import { issueOf } from './statement.ts'

const prefixed = z.string().regex(/^sha256:[0-9a-f]{64}$/)

/** How an admitted answer can end. */
export const ENDINGS = ['complete', 'length', 'aborted', 'engine-error', 'drained'] as const
export type Ending = (typeof ENDINGS)[number]

const weightsLoaded = z.strictObject({
  type: z.literal('weights.loaded'),
  serves: z.enum(['base', 'trained']),
  base_digest: hex32,
  tokenizer_sha256: hex32,
  /** Digest of the adapter's files; null for the bare base. */
  model_digest: hex32.nullable(),
  /** Digest of the training receipt the adapter comes from; null for the bare base. */
  training_receipt: hex32.nullable(),
})
const isWholeWeights = (it: z.infer<typeof weightsLoaded>) =>
  (it.serves === 'trained') === (it.model_digest !== null) &&
  (it.serves === 'trained') === (it.training_receipt !== null)

const usageMetered = z.strictObject({
  type: z.literal('usage.metered'),
  ...nodeTerm,
  sequence: z.int().min(1),
  prompt_tokens: count,
  completion_tokens: count,
  price_digest: hex32,
  policy: hex32,
  amount,
  currency,
  /** The period this call is in will be closed by then (C5). */
  closes_by: timestamp,
})

const responseEnded = z.strictObject({
  type: z.literal('response.ended'),
  how: z.enum(ENDINGS),
  /** Stream marks sent, and the last link of their chain; null for an answer in one piece. */
  marks: count,
  chain: hex32.nullable(),
})

const bodyHash = <T extends string>(type: T) => z.strictObject({ type: z.literal(type), body_hash: prefixed })

/** A call that was refused has no weights and no usage, and says so instead (spec/serving-receipt.md §refusal). */
const requestRefused = z.strictObject({
  type: z.literal('request.refused'),
  status: z.int().min(400).max(599),
  code: z.string().max(60),
})

const event = z.discriminatedUnion('type', [
  bodyHash('request.received'),
  bodyHash('request.forwarded'),
  bodyHash('response.returned'),
  weightsLoaded,
  usageMetered,
  responseEnded,
  requestRefused,
])
export type ReceiptEvent = z.infer<typeof event>
export type WeightsLoaded = z.infer<typeof weightsLoaded>
export type UsageMetered = z.infer<typeof usageMetered>

/** An admitted call names weights, price and end; a refusal none of them, and why. */
function isWholeLog(events: readonly z.infer<typeof event>[]): boolean {
  const has = (type: string) => events.some((one) => one.type === type)
  const admitted = ['weights.loaded', 'usage.metered', 'response.ended']
  const weights = events.find((one) => one.type === 'weights.loaded')
  const ended = events.find((one) => one.type === 'response.ended')
  if (!has('response.returned')) return false
  if (has('request.refused')) return !admitted.some(has)
  return (
    admitted.every(has) &&
    weights !== undefined &&
    isWholeWeights(weights) &&
    (ended?.marks === 0) === (ended?.chain === null)
  )
}

const servingReceipt = z
  .strictObject({
    api_version: z.literal('aci/1'),
    receipt_id: z.string().min(8).max(100),
    chat_id: z.string().max(100).nullable(),
    model: z.string().max(200).nullable(),
    workload_keyset_digest: prefixed,
    endpoint: z.string().max(200),
    method: z.string().max(10),
    served_at: count,
    event_log: z.array(event).min(2),
    key_id: z.string(),
    signature: z.string().regex(/^[0-9a-f]{128}$/),
  })
  .refine((it) => it.event_log[0]?.type === 'request.received', 'the first event must be request.received')
  .refine((it) => isDistinct(it.event_log.map((one) => one.type)), 'an event stands twice')
  .refine((it) => isWholeLog(it.event_log), 'the events are neither an admitted call nor a refusal')
export type ServingReceipt = z.infer<typeof servingReceipt>
export const servingReceiptSchema: z.ZodType<ServingReceipt> = servingReceipt

/** Throws {@link StatementError} `document-invalid`. */
export function readServingReceipt(value: unknown): ServingReceipt {
  const result = servingReceipt.safeParse(value)
  if (!result.success)
    throw new StatementError('document-invalid', `serving receipt: ${issueOf(result.error)}`)
  return result.data
}

/** The event of one type, or undefined. */
export function eventOf<T extends ReceiptEvent['type']>(
  receipt: ServingReceipt,
  type: T,
): Extract<ReceiptEvent, { type: T }> | undefined {
  return receipt.event_log.find((one): one is Extract<ReceiptEvent, { type: T }> => one.type === type)
}

/** Throws {@link StatementError} `document-invalid` where the document does not fit. */
export async function signServingReceipt(
  document: Omit<ServingReceipt, 'signature'>,
  key: SigningKey,
): Promise<ServingReceipt> {
  const signature = await key.sign(canonicalBytes(document))
  return readServingReceipt({ ...document, signature: encodeHex(signature) })
}

/** True where the receipt is signed by the key that its `key_id` names in `keyset` (aci/1 §9.3, checks 1 and 2). */
export async function isReceiptOf(receipt: ServingReceipt, keyset: AciKeyset): Promise<boolean> {
  const { signature, ...document } = receipt
  const key = keyset.receipt_signing_keys.find(
    (one) => one.key_id === receipt.key_id && one.algo === 'ed25519',
  )
  if (key === undefined || receipt.workload_keyset_digest !== aciKeysetDigest(keyset)) return false
  return isSignature(key.public_key, canonicalBytes(document), decodeHex(signature))
}

/** How usage leaves name a receipt: SHA-256 over its canonical form, signature included. */
export function servingReceiptDigest(receipt: ServingReceipt): string {
  return digestOf(receipt)
}

/** `sha256:` and the digest of a body exactly as it was on the wire. */
export function bodyHashOf(...parts: readonly Uint8Array[]): string {
  return `sha256:${encodeHex(sha256(...parts))}`
}

/** The canonical text of a receipt, as it is stored and served. */
export function encodeServingReceipt(receipt: ServingReceipt): string {
  return canonicalJson(receipt)
}

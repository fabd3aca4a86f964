/**
 * The receipts of serving (spec/serving-receipt.md): of a call that was admitted, however it ended, and of one
 * that was refused.
 */
import { canonicalBytes, encodeUtf8, type Bytes } from '#bytes'
import { errorBody, type HttpError, type Machine } from '#node/core'
import {
  aciKeysetDigest,
  bodyHashOf,
  signServingReceipt,
  type Ending,
  type ReceiptEvent,
  type ServingReceipt,
} from '#statements'
import type { CallFacts, Tokens } from './ports.ts'

/** What there is to say once an answer is over. */
export interface Outcome extends Tokens {
  readonly how: Ending
  /** False where the call never reached the engine. */
  readonly forwarded: boolean
  readonly bodyHash: string
  readonly marks: number
  /** Null where no mark was sent. */
  readonly chain: string | null
}

export interface Posted {
  readonly amount: bigint
  readonly sequence: number
  readonly closesBy: string
}

export interface RefusedRequest {
  readonly receiptId: string
  readonly endpoint: string
  readonly method: string
  readonly requestHash: string
  readonly model: string | null
  /** Unix seconds. */
  readonly servedAt: number
}

/** Throws where the ACI keyset does not list the machine's serving key: such a node could sign nothing. */
export function receiptKeyId(machine: Machine): string {
  const { publicKey } = machine.key('serve')
  const entry = machine.aciKeyset.receipt_signing_keys.find((one) => one.public_key === publicKey)
  if (entry === undefined) throw new Error('the ACI keyset does not list the serving key')
  return entry.key_id
}

export function signCallReceipt(
  machine: Machine,
  call: CallFacts,
  outcome: Outcome,
  posted: Posted,
): Promise<ServingReceipt> {
  const events: ReceiptEvent[] = [
    { type: 'request.received', body_hash: call.requestHash },
    // Nothing is rewritten on the way to the engine, so the hash is the same.
    ...(outcome.forwarded ? [{ type: 'request.forwarded', body_hash: call.requestHash } as const] : []),
    call.weights,
    {
      type: 'usage.metered',
      node: call.node,
      term: call.term,
      sequence: posted.sequence,
      prompt_tokens: outcome.promptTokens,
      completion_tokens: outcome.completionTokens,
      price_digest: call.priceDigest,
      policy: call.policy,
      amount: String(posted.amount),
      currency: call.currency,
      closes_by: posted.closesBy,
    },
    { type: 'response.returned', body_hash: outcome.bodyHash },
    { type: 'response.ended', how: outcome.how, marks: outcome.marks, chain: outcome.chain },
  ]
  return sign(machine, call, { chatId: call.chatId, model: call.model, events })
}

/**
 * The body of a refusal, receipt inside. A body cannot hold its own hash: `response.returned` is over the
 * canonical JSON of the body without the member `fairweight_receipt`.
 */
export async function encodeRefusal(
  machine: Machine,
  request: RefusedRequest,
  error: HttpError,
): Promise<Bytes> {
  const body = encodeError(error)
  const receipt = await sign(machine, request, {
    chatId: null,
    model: request.model,
    events: [
      { type: 'request.received', body_hash: request.requestHash },
      { type: 'request.refused', status: error.status, code: error.code.slice(0, 60) },
      { type: 'response.returned', body_hash: bodyHashOf(canonicalBytes(body)) },
    ],
  })
  return canonicalBytes({ ...body, fairweight_receipt: receipt })
}

/** aci/1 §10 names the types by which its own errors are told apart; all others are OpenAI's. */
const ACI_TYPES = ['not_found', 'unauthorized', 'session_not_accepted']

export function encodeError(error: HttpError): ReturnType<typeof errorBody> {
  const body = errorBody(error)
  return ACI_TYPES.includes(error.code) ? { error: { ...body.error, type: error.code } } : body
}

export function encodeErrorText(error: HttpError): Bytes {
  return encodeUtf8(JSON.stringify(encodeError(error)))
}

function sign(
  machine: Machine,
  request: Pick<RefusedRequest, 'receiptId' | 'endpoint' | 'method' | 'servedAt'>,
  content: { chatId: string | null; model: string | null; events: ReceiptEvent[] },
): Promise<ServingReceipt> {
  return signServingReceipt(
    {
      api_version: 'aci/1',
      receipt_id: request.receiptId,
      chat_id: content.chatId,
      model: content.model,
      workload_keyset_digest: aciKeysetDigest(machine.aciKeyset),
      endpoint: request.endpoint,
      method: request.method,
      served_at: request.servedAt,
      event_log: content.events,
      key_id: receiptKeyId(machine),
    },
    machine.key('serve'),
  )
}

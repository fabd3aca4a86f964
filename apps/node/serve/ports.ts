/**
 * What serving needs from the rest of the node: somebody who counts money, and something to serve.
 *
 * The meter is the ledger's side of a call: it admits, posts and keeps receipts. The shelf holds weights whose
 * files were checked against what the statements say about them.
 */
import type { LoadedModel } from '#chat'
import type { Ending, Policy, ServingReceipt, WeightsLoaded } from '#statements'

export interface Tokens {
  readonly promptTokens: number
  readonly completionTokens: number
}

/** What is known of a call when it is admitted, and will stand in its receipt. */
export interface CallFacts {
  readonly receiptId: string
  readonly chatId: string
  readonly model: string
  /** `sha256:` and the digest of the request's body on the wire. */
  readonly requestHash: string
  readonly endpoint: string
  readonly method: string
  /** Unix seconds. */
  readonly servedAt: number
  readonly weights: WeightsLoaded
  /** The place of the sequence that the call is counted in. */
  readonly node: string
  readonly term: number
  /** Digest of the policy, and of its price row, that the call was admitted under. */
  readonly policy: string
  readonly priceDigest: string
  readonly currency: Policy['currency']
}

export interface AdmitInput {
  readonly apiKey: string
  readonly model: string
  /** The most this call can cost; the meter reserves it. */
  readonly worstCase: Tokens
  readonly requestHash: string
  readonly call: CallFacts
}

export interface SettleInput extends Tokens {
  readonly ending: Ending
  /** Makes and signs the receipt once its price is known; called once, inside the meter's transaction. */
  readonly makeReceipt: (amount: bigint, sequence: number, closesBy: string) => Promise<ServingReceipt>
}

export interface RefusedCall {
  readonly kind: 'refused'
  readonly status: number
  readonly code: string
  readonly message: string
}

/** A call with its place in the node's gap-free sequence. It must be settled, however it ends. */
export interface AdmittedCall {
  readonly kind: 'admitted'
  readonly sequence: number
  readonly callId: string
  /** Whom the call is charged to; never the API key. */
  readonly buyer: string
  /** Posts the amount and stores the receipt in one transaction: money and receipt are never half written. */
  readonly settle: (input: SettleInput) => Promise<ServingReceipt>
}

export type Admission = RefusedCall | AdmittedCall

export interface Meter {
  /** Whose key this is; undefined where it is nobody's. */
  readonly authenticate: (apiKey: string) => Promise<string | undefined>
  readonly admit: (input: AdmitInput) => Promise<Admission>
  /**
   * A stored receipt by receipt id or chat id: `'unauthorized'` where the key is none of ours, undefined where
   * no receipt of this key has that id (aci/1 §7.6).
   */
  readonly receipt: (
    idOrChatId: string,
    apiKey: string,
  ) => Promise<ServingReceipt | 'unauthorized' | undefined>
}

/** One model under the name that buyers ask for. */
export interface ServedModel {
  readonly name: string
  readonly serves: 'base' | 'trained'
  readonly weights: WeightsLoaded
  /** Unix seconds. */
  readonly created: number
}

/** Weights in use, with the facts that a receipt states of exactly them. */
export interface OpenedModel {
  readonly served: ServedModel
  readonly model: LoadedModel
  /** Says that this use is over; weights that were replaced meanwhile are closed after their last use. */
  readonly release: () => void
}

export interface Shelf {
  readonly models: () => readonly ServedModel[]
  /** The weights behind a name, loaded at the first call and kept; undefined where there is no such name. */
  readonly open: (name: string) => Promise<OpenedModel | undefined>
}

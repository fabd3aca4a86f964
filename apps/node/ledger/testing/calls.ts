/** Buyers and calls for the ledger's tests: what serving would do with the meter. */
import { randomUUID } from 'node:crypto'
import { attributionParts } from '#attribution'
import { encodeUtf8, sha256 } from '#bytes'
import type { NodeContext } from '#node/core'
import { signingKeyFromSeed } from '#seal'
import {
  aciKeysetDigest,
  attribution,
  formatTime,
  offer,
  priceDigest,
  signServingReceipt,
  type Offer,
  type ServingReceipt,
} from '#statements'
import type { AdmitInput, Admission, AdmittedCall, SettleInput, Tokens } from '../../serve/ports.ts'
import { createShareBook } from '../attributions.ts'
import { createBuyer, type NewBuyer } from '../buyers.ts'
import { createMeter } from '../meter.ts'
import { topUp } from '../payments.ts'
import { BASE, hexOf, MODEL } from './node.ts'

export async function buyerWith(context: NodeContext, amount: bigint): Promise<NewBuyer> {
  const made = await createBuyer(context, null)
  if (amount > 0n) await topUp(context, made.buyer, { amount, reference: `payment-${randomUUID()}` })
  return made
}

export type ModelName = 'meadow' | 'bare'

export function inputOf(
  context: NodeContext,
  apiKey: string,
  worstCase: Tokens,
  model: ModelName = 'meadow',
): AdmitInput {
  const { machine, policy } = context
  const requestHash = `sha256:${hexOf('request')}`
  return {
    apiKey,
    model,
    worstCase,
    requestHash,
    call: {
      receiptId: `rcpt-${randomUUID()}`,
      chatId: `chatcmpl-${randomUUID()}`,
      model,
      requestHash,
      endpoint: '/v1/chat/completions',
      method: 'POST',
      servedAt: Math.floor(context.now().getTime() / 1000),
      weights: {
        type: 'weights.loaded',
        serves: model === 'meadow' ? 'trained' : 'base',
        base_digest: BASE,
        tokenizer_sha256: hexOf('tokenizer'),
        model_digest: model === 'meadow' ? MODEL : null,
        training_receipt: model === 'meadow' ? hexOf('training') : null,
      },
      node: machine.node,
      term: machine.term,
      policy: policy.digest,
      priceDigest: priceDigest(policy.predicate, model)!,
      currency: policy.predicate.currency,
    },
  }
}

export function admit(context: NodeContext, input: AdmitInput): Promise<Admission> {
  return createMeter(context).admit(input)
}

/** Throws unless the call is admitted. */
export async function admitted(context: NodeContext, input: AdmitInput): Promise<AdmittedCall> {
  const admission = await admit(context, input)
  if (admission.kind === 'refused') throw new Error(`refused: ${admission.code}`)
  return admission
}

export function settlementOf(context: NodeContext, input: AdmitInput, tokens: Tokens): SettleInput {
  return {
    ...tokens,
    ending: 'complete',
    makeReceipt: (amount, sequence, closesBy) =>
      receiptOf(context, input, { ...tokens, amount, sequence, closesBy }),
  }
}

/** One whole call. */
export async function callOnce(
  context: NodeContext,
  apiKey: string,
  tokens: Tokens,
  model: ModelName = 'meadow',
): Promise<ServingReceipt> {
  const input = inputOf(context, apiKey, tokens, model)
  return (await admitted(context, input)).settle(settlementOf(context, input, tokens))
}

export interface ReceiptFacts extends Tokens {
  readonly amount: bigint
  readonly sequence: number
  readonly closesBy: string
}

function receiptOf(
  { machine }: NodeContext,
  { call }: AdmitInput,
  facts: ReceiptFacts,
): Promise<ServingReceipt> {
  const document = {
    api_version: 'aci/1' as const,
    receipt_id: call.receiptId,
    chat_id: call.chatId,
    model: call.model,
    workload_keyset_digest: aciKeysetDigest(machine.aciKeyset),
    endpoint: call.endpoint,
    method: call.method,
    served_at: call.servedAt,
    event_log: [
      { type: 'request.received' as const, body_hash: call.requestHash },
      call.weights,
      {
        type: 'usage.metered' as const,
        node: call.node,
        term: call.term,
        sequence: facts.sequence,
        prompt_tokens: facts.promptTokens,
        completion_tokens: facts.completionTokens,
        price_digest: call.priceDigest,
        policy: call.policy,
        amount: String(facts.amount),
        currency: call.currency,
        closes_by: facts.closesBy,
      },
      { type: 'response.returned' as const, body_hash: call.requestHash },
      { type: 'response.ended' as const, how: 'complete' as const, marks: 0, chain: null },
    ],
    key_id: 'receipt-1',
  }
  return signServingReceipt(document, machine.key('serve'))
}

/** Ann has three quarters of the model, Bob one; each has an offer in the log. */
export async function attributeModel(
  context: NodeContext,
): Promise<{ ann: string; bob: string; digest: string }> {
  const ann = await offerBy(context, 'ann', {
    kind: 'iban',
    iban: 'DE02120300000000202051',
    name: '=SUM(A1)',
  })
  const bob = await offerBy(context, 'bob', { kind: 'evm', chainId: 1, address: `0x${'ab'.repeat(20)}` })
  const contributor = (publicKey: string, canonicalTokens: number) => ({
    contributor: publicKey,
    canonicalTokens,
    score: null,
    tieBreak: hexOf(`receipt ${publicKey}`),
    alike: { items: 0, canonicalTokens: 0 },
  })
  const parts = attributionParts(
    {
      contributors: [contributor(ann, 300), contributor(bob, 100)],
      tokenWeight: 1_000_000,
      cap: 1_000_000,
      leaveOneOut: null,
    },
    { salt: (party) => hexOf(`salt ${party}`), orderKey: sha256(encodeUtf8('order')) },
  )
  const { policy, machine, statements } = context
  const predicate = {
    pool: policy.pool,
    policy: policy.digest,
    manifest: hexOf('manifest'),
    training: hexOf('training'),
    model: MODEL,
    attributedAt: formatTime(context.now()),
    method: 'tokens' as const,
    validation: policy.predicate.validation.commitment,
    estimate: null,
    fidelity: 'not-measured' as const,
    ...parts.predicate,
  }
  const digest = await context.database.transaction().execute(async (tx) => {
    const statement = await statements.issue(attribution, predicate, machine.key('train'), { tx })
    await createShareBook(context).store(tx, statement.digest, parts)
    return statement.digest
  })
  await statements.integrate()
  return { ann, bob, digest }
}

/** Logs an offer; returns the contributor's public key. */
export async function offerBy(context: NodeContext, name: string, payee: Offer['payee']): Promise<string> {
  const key = await signingKeyFromSeed(sha256(encodeUtf8(`key of ${name}`)))
  const { pool, digest } = context.policy
  await context.statements.issue(
    offer,
    {
      pool,
      policy: digest,
      contributor: { name, publicKey: key.publicKey },
      nonce: hexOf(randomUUID()),
      bundle: { root: hexOf(name), items: 1 },
      consent: { licence: 'CC0-1.0', actions: ['train'], purpose: 'language-model-fine-tuning', until: null },
      payee,
      issuedAt: formatTime(context.now()),
    },
    key,
    { party: key.publicKey },
  )
  await context.statements.integrate()
  return key.publicKey
}

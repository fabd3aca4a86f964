/** The test pool's money: calls with receipts, two usage closes, two payouts. */
import { decodeHex, encodeBase64, encodeUtf8 } from '#bytes'
import { orderedSumRoot, SumTree } from '#merkle'
import {
  aciKeysetDigest,
  bodyHashOf,
  destinationOf,
  encodeSumRoot,
  payout,
  payoutLeafDigest,
  priceDigest,
  servingReceiptDigest,
  signServingReceipt,
  usageClose,
  usageLeafDigest,
  type CallRecord,
  type Payee,
  type Payout,
  type PayoutLeaf,
  type ServingReceipt,
  type UsageClose,
  type UsageLeaf,
} from '#statements'
import { SHARES, under, type Stage } from './bundles.ts'
import { hexOf, keyOf, secretOf } from './keys.ts'
import { edited } from './lie.ts'
import type { Entered } from './log.ts'
import { aciKeysetOf, NODE } from './machine.ts'
import { ingredientsOf } from './policy.ts'

export interface Model {
  readonly digest: string
  readonly training: string
}

interface CallPlan {
  readonly call: number
  readonly term: number
  readonly sequence: number
  readonly model: 'meadow' | 'meadow-base'
  readonly tokens: readonly [prompt: number, completion: number]
  readonly at: string
  readonly closesBy: string
}

/** Calls 1 to 3 are in the first period, 4 and 5 in the second, 6 in the open one. */
export const CALLS: readonly CallPlan[] = [
  { call: 1, term: 1, sequence: 1, model: 'meadow', tokens: [101, 50], at: '11:50', closesBy: '12:30' },
  { call: 2, term: 1, sequence: 2, model: 'meadow', tokens: [2000, 1000], at: '11:51', closesBy: '12:30' },
  { call: 3, term: 1, sequence: 3, model: 'meadow-base', tokens: [100, 100], at: '11:52', closesBy: '12:30' },
  { call: 4, term: 2, sequence: 1, model: 'meadow', tokens: [2000, 1000], at: '12:50', closesBy: '13:20' },
  { call: 5, term: 2, sequence: 2, model: 'meadow', tokens: [101, 50], at: '12:51', closesBy: '13:20' },
  { call: 6, term: 2, sequence: 3, model: 'meadow', tokens: [101, 50], at: '13:25', closesBy: '14:00' },
].map((plan) => ({
  ...plan,
  model: plan.model as CallPlan['model'],
  tokens: plan.tokens as [number, number],
  at: `2026-11-20T${plan.at}:00Z`,
  closesBy: `2026-11-20T${plan.closesBy}:00Z`,
}))

export interface MadeCall {
  readonly plan: CallPlan
  readonly record: CallRecord & { readonly receipt: ServingReceipt }
  readonly leaf: UsageLeaf
}

export async function makeCall(stage: Stage, plan: CallPlan, model: Model): Promise<MadeCall> {
  const { lie, policy } = stage
  const { call, term, sequence, tokens } = plan
  const { base, tokenizer } = ingredientsOf(policy.predicate)
  const trained = plan.model === 'meadow'
  const [prompt, completion] = tokens
  const [promptPrice, completionPrice] = trained ? [100_000, 400_000] : [50_000, 200_000]
  const amount = String(Math.ceil((prompt * promptPrice + completion * completionPrice) / 1_000_000))
  const request = encodeUtf8(`{"call":${call}}`)
  const response = encodeUtf8(`{"answer":${call}}`)
  const serves = trained ? 'trained' : 'base'
  const honest: Omit<ServingReceipt, 'signature'> = {
    api_version: 'aci/1',
    receipt_id: `receipt-${call}-of-test`,
    chat_id: `chatcmpl-${call}`,
    model: plan.model,
    workload_keyset_digest: aciKeysetDigest(await aciKeysetOf(term)),
    endpoint: '/v1/chat/completions',
    method: 'POST',
    served_at: Date.parse(plan.at) / 1000,
    event_log: [
      { type: 'request.received', body_hash: bodyHashOf(request) },
      {
        type: 'weights.loaded',
        serves,
        base_digest: base,
        tokenizer_sha256: tokenizer,
        model_digest: trained ? model.digest : null,
        training_receipt: trained ? model.training : null,
      },
      {
        type: 'usage.metered',
        node: NODE,
        term,
        sequence,
        prompt_tokens: prompt,
        completion_tokens: completion,
        price_digest: priceDigest(policy.predicate, plan.model)!,
        policy: policy.digest,
        amount,
        currency: policy.predicate.currency,
        closes_by: plan.closesBy,
      },
      { type: 'response.ended', how: 'complete', marks: 0, chain: null },
      { type: 'response.returned', body_hash: bodyHashOf(response) },
    ],
    key_id: 'receipt-1',
  }
  const document = lie.leaves?.receipt?.(honest, call) ?? honest
  const receipt = await signServingReceipt(document, await keyOf(lie.receiptKey ?? `serve of term ${term}`))
  const leaf: UsageLeaf = {
    node: NODE,
    term,
    sequence,
    model: trained ? model.digest : base,
    serves,
    amount,
    receipt: servingReceiptDigest(receipt),
  }
  return {
    plan,
    record: {
      format: 'fairweight/call-record/v1',
      receipt,
      request: encodeBase64(request),
      response: encodeBase64(response),
    },
    leaf: lie.leaves?.usage?.(leaf, call) ?? leaf,
  }
}

export interface Closed {
  readonly statement: Entered<UsageClose>
  readonly leaves: readonly UsageLeaf[]
}

export async function close(
  stage: Stage,
  period: 1 | 2,
  calls: readonly MadeCall[],
  ranges: UsageClose['ranges'],
  previous: string | null,
  times: { from: string; closedAt: string },
): Promise<Closed> {
  const leaves = calls.map(({ leaf }) => leaf)
  const models = new Map<string, UsageClose['models'][number]>()
  for (const { leaf, plan } of calls) {
    const before = models.get(leaf.model)
    models.set(leaf.model, {
      model: leaf.model,
      serves: leaf.serves,
      calls: (before?.calls ?? 0) + 1,
      promptTokens: (before?.promptTokens ?? 0) + plan.tokens[0],
      completionTokens: (before?.completionTokens ?? 0) + plan.tokens[1],
      amount: String(BigInt(before?.amount ?? '0') + BigInt(leaf.amount)),
    })
  }
  const honest: UsageClose = {
    ...under(stage),
    period,
    previous,
    ...times,
    currency: stage.policy.predicate.currency,
    ranges,
    calls: calls.length,
    tree: encodeSumRoot(
      orderedSumRoot(
        leaves.map((leaf) => ({ sum: BigInt(leaf.amount), digest: decodeHex(usageLeafDigest(leaf)) })),
      ),
    ),
    models: [...models.values()],
  }
  const name = `close${period}` as const
  const statement = await stage.log.add(
    usageClose,
    edited(stage.lie, name, honest),
    await stage.signer(name, 'ledger'),
  )
  return { statement, leaves }
}

export interface Paid {
  readonly statement: Entered<Payout>
  readonly leaves: ReadonlyMap<string, PayoutLeaf>
  readonly tree: SumTree
}

export async function payOut(
  stage: Stage,
  period: 1 | 2,
  closed: Closed,
  attribution: string,
  before: Paid | undefined,
  payeeOfBob: Payee = { kind: 'statement' },
): Promise<Paid> {
  const { lie, policy } = stage
  const { split, currency } = policy.predicate
  const owed = new Map<string, bigint>(['alice', 'bob', 'operator'].map((who) => [who, 0n]))
  const owe = (who: string, amount: bigint) => owed.set(who, (owed.get(who) ?? 0n) + amount)
  const models = closed.statement.predicate.models.map(({ model, serves, amount }) => {
    const revenue = BigInt(amount)
    const trained = serves === 'trained'
    const operator = trained ? (revenue * BigInt(split.operator)) / 10_000n : revenue
    owe('operator', operator)
    let contributors = 0n
    for (const [who, share] of trained ? Object.entries(SHARES) : []) {
      const part = (((revenue * BigInt(split.contributors)) / 10_000n) * BigInt(share)) / 1_000_000_000n
      contributors += part
      owe(who, part)
    }
    return {
      model,
      attribution: trained ? attribution : null,
      revenue: amount,
      contributors: String(contributors),
      operator: String(operator),
      remainder: String(revenue - contributors - operator),
    }
  })
  const leaves = new Map<string, PayoutLeaf>()
  for (const [who, amount] of owed) {
    const salt = hexOf(`payout ${period} of ${who}`)
    const honest: PayoutLeaf = {
      format: 'fairweight/payout-leaf/v1',
      payee: (await keyOf(who)).publicKey,
      amount: String(amount),
      cumulative: String(BigInt(before?.leaves.get(who)?.cumulative ?? '0') + amount),
      destination:
        who === 'operator' ? null : destinationOf(who === 'bob' ? payeeOfBob : { kind: 'statement' }, salt),
      salt,
    }
    leaves.set(who, lie.leaves?.payout?.(honest, who, period) ?? honest)
  }
  const tree = new SumTree(
    [...leaves.values()].map((leaf) => ({
      sum: BigInt(leaf.cumulative),
      digest: decodeHex(payoutLeafDigest(leaf)),
    })),
    secretOf(`payout order ${period}`),
  )
  const sum = (of: 'revenue' | 'contributors' | 'operator' | 'remainder') =>
    models.reduce((all, one) => all + BigInt(one[of]), 0n)
  const carryIn = BigInt(before?.statement.predicate.carryOut ?? '0')
  const honest: Payout = {
    ...under(stage),
    usageClose: closed.statement.digest,
    previous: before?.statement.digest ?? null,
    statedAt: period === 1 ? '2026-11-20T12:01:00Z' : '2026-11-20T13:01:00Z',
    currency,
    split,
    models,
    revenue: String(sum('revenue')),
    carryIn: String(carryIn),
    paid: { contributors: String(sum('contributors')), operator: String(sum('operator')) },
    fees: '0',
    carryOut: String(carryIn + sum('remainder')),
    cumulative: encodeSumRoot(tree.root),
  }
  const name = `payout${period}` as const
  const statement = await stage.log.add(payout, edited(lie, name, honest), await stage.signer(name, 'ledger'))
  return { statement, leaves, tree }
}

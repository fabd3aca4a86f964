/** One streamed call of the trained model and one of the base, their period's close, its payout; and a withdrawal. */
import { decodeHex, encodeHex, encodeUtf8 } from '#bytes'
import { orderedSumRoot, SumTree } from '#merkle'
import {
  aciKeysetDigest,
  baseDigest,
  bodyHashOf,
  destinationOf,
  encodeMark,
  encodeSumRoot,
  extendChain,
  payout,
  payoutLeafDigest,
  priceDigest,
  receiptsDigest,
  servingReceiptDigest,
  signInvoice,
  signMark,
  signServingReceipt,
  signStatement,
  startChain,
  usageClose,
  usageLeafDigest,
  withdrawal,
  withdrawalReceipt,
  type PayoutLeaf,
  type UsageLeaf,
  type Withdrawal,
} from '#statements'
import type { DataExamples } from './data.ts'
import { fixed, fixedHex, type Signers } from './fixed.ts'
import type { PoolExamples } from './pool.ts'

export const REQUEST =
  '{"messages":[{"content":"Is it edible?","role":"user"}],"model":"meadow","stream":true}'
/** What the chain covers: the events before each mark. The last mark stands before the sentinel. */
export const SEGMENTS = ['data: {"n":1}\n\ndata: {"n":2}\n\n', 'data: {"n":3}\n\n']
const SENTINEL = 'data: [DONE]\n\n'

export async function moneyExamples(signers: Signers, pool: PoolExamples, data: DataExamples) {
  const { policyStatement, aciKeyset } = pool
  const policy = policyStatement.predicate
  const under = { pool: policyStatement.digest, policy: policyStatement.digest }
  const { contributions, trainingStatement, attributionStatement } = data
  const base = baseDigest(policy.base)
  const model = trainingStatement.predicate.model.digest
  const keysetDigest = aciKeysetDigest(aciKeyset)

  const requestHash = bodyHashOf(encodeUtf8(REQUEST))
  const start = startChain('rcpt-000001', requestHash, keysetDigest)
  const chains = [start]
  for (const segment of SEGMENTS) chains.push(extendChain(chains.at(-1)!, encodeUtf8(segment)))
  const marks = await Promise.all(
    SEGMENTS.map((_, at) =>
      signMark(
        {
          receipt_id: 'rcpt-000001',
          mark: at + 1,
          events: at + 2,
          chain: encodeHex(chains[at + 1]!),
          ended: at + 1 === SEGMENTS.length ? 'complete' : null,
          key_id: signers.mark.publicKey,
        },
        signers.mark,
      ),
    ),
  )
  // On the wire a mark follows its segment; ACI's hash covers both.
  const response = [
    ...SEGMENTS.flatMap((segment, at) => [encodeUtf8(segment), encodeMark(marks[at]!)]),
    encodeUtf8(SENTINEL),
  ]
  const metered = {
    type: 'usage.metered' as const,
    node: 'node-1',
    term: 1,
    policy: policyStatement.digest,
    currency: policy.currency,
    closes_by: '2026-11-06T00:00:00Z',
  }
  const trained = await signServingReceipt(
    {
      api_version: 'aci/1',
      receipt_id: 'rcpt-000001',
      chat_id: 'chatcmpl-1',
      model: 'meadow',
      workload_keyset_digest: keysetDigest,
      endpoint: '/v1/chat/completions',
      method: 'POST',
      served_at: 1_794_000_000,
      event_log: [
        { type: 'request.received', body_hash: requestHash },
        { type: 'request.forwarded', body_hash: requestHash },
        {
          type: 'weights.loaded',
          serves: 'trained',
          base_digest: base,
          tokenizer_sha256: policy.base.tokenizer.sha256,
          model_digest: model,
          training_receipt: trainingStatement.digest,
        },
        { type: 'response.returned', body_hash: bodyHashOf(...response) },
        {
          ...metered,
          sequence: 1,
          prompt_tokens: 20,
          completion_tokens: 40,
          price_digest: priceDigest(policy, 'meadow') ?? '',
          amount: '70',
        },
        { type: 'response.ended', how: 'complete', marks: 2, chain: marks.at(-1)!.chain },
      ],
      key_id: 'receipt-1',
    },
    signers.serve,
  )
  const leaves: UsageLeaf[] = [
    {
      node: 'node-1',
      term: 1,
      sequence: 1,
      model,
      serves: 'trained',
      amount: '70',
      receipt: servingReceiptDigest(trained),
    },
    {
      node: 'node-1',
      term: 1,
      sequence: 2,
      model: base,
      serves: 'base',
      amount: '2',
      receipt: fixedHex('receipt of the second call'),
    },
  ]
  const usageRoot = orderedSumRoot(
    leaves.map((leaf) => ({ sum: BigInt(leaf.amount), digest: decodeHex(usageLeafDigest(leaf)) })),
  )
  const closeStatement = await signStatement(
    usageClose,
    {
      ...under,
      period: 1,
      previous: null,
      from: '2026-11-05T00:00:00Z',
      closedAt: '2026-11-06T00:00:00Z',
      currency: policy.currency,
      ranges: [{ node: 'node-1', term: 1, first: 1, last: 2, final: false }],
      calls: 2,
      tree: encodeSumRoot(usageRoot),
      models: [
        { model, serves: 'trained', calls: 1, promptTokens: 20, completionTokens: 40, amount: '70' },
        { model: base, serves: 'base', calls: 1, promptTokens: 10, completionTokens: 5, amount: '2' },
      ],
    },
    signers.ledger,
  )
  const payees: PayoutLeaf[] = [
    ...contributions.map(({ name, offerStatement, share }): PayoutLeaf => {
      // 70 % of 70 is 49; shares of it are rounded down.
      const amount = String((49n * BigInt(share.share)) / 1_000_000_000n)
      const salt = fixedHex(`${name} payout salt`)
      return {
        format: 'fairweight/payout-leaf/v1',
        payee: share.contributor,
        amount,
        cumulative: amount,
        destination: destinationOf(offerStatement.predicate.payee, salt),
        salt,
      }
    }),
    {
      format: 'fairweight/payout-leaf/v1',
      payee: signers.operator.publicKey,
      amount: '23',
      cumulative: '23',
      destination: null,
      salt: fixedHex('operator payout salt'),
    },
  ]
  const payoutsKey = fixed('order of the payouts tree')
  const payoutsTree = new SumTree(
    payees.map((leaf) => ({ sum: BigInt(leaf.cumulative), digest: decodeHex(payoutLeafDigest(leaf)) })),
    payoutsKey,
  )
  const payoutStatement = await signStatement(
    payout,
    {
      ...under,
      usageClose: closeStatement.digest,
      previous: null,
      statedAt: '2026-11-06T00:05:00Z',
      currency: policy.currency,
      split: policy.split,
      models: [
        {
          model,
          attribution: attributionStatement.digest,
          revenue: '70',
          contributors: '48',
          operator: '21',
          remainder: '1',
        },
        { model: base, attribution: null, revenue: '2', contributors: '0', operator: '2', remainder: '0' },
      ],
      revenue: '72',
      carryIn: '0',
      paid: { contributors: '48', operator: '23' },
      fees: '0',
      carryOut: '1',
      cumulative: encodeSumRoot(payoutsTree.root),
    },
    signers.ledger,
  )
  const invoice = await signInvoice(
    {
      format: 'fairweight/invoice/v1',
      ...under,
      operator: { name: policy.operator.name, publicKey: policy.operator.publicKey },
      buyer: 'buyer-0123456789abcdef',
      number: 1,
      previous: null,
      month: '2026-11',
      currency: policy.currency,
      opening: '0',
      payments: [{ at: '2026-11-05T00:00:00Z', reference: 'bank-in-1', amount: '5000' }],
      refunds: [{ at: '2026-11-28T09:00:00Z', reference: 'bank-out-1', amount: '800' }],
      lines: [
        {
          name: 'meadow',
          model,
          serves: 'trained',
          calls: 1,
          promptTokens: 20,
          completionTokens: 40,
          amount: '70',
        },
        {
          name: 'base',
          model: base,
          serves: 'base',
          calls: 1,
          promptTokens: 10,
          completionTokens: 5,
          amount: '2',
        },
      ],
      paid: '5000',
      refunded: '800',
      charged: '72',
      closing: '4128',
      receipts: receiptsDigest(leaves.map(({ receipt }) => receipt)),
    },
    signers.ledger,
  )
  const [, bruno] = contributions
  const wish: Withdrawal = {
    ...under,
    contributor: signers.bruno.publicKey,
    receipt: bruno!.receiptStatement.digest,
    scope: 'future-runs-and-served-models',
    nonce: fixedHex('withdrawal nonce'),
    issuedAt: '2026-11-10T10:00:00Z',
  }
  const withdrawalStatement = await signStatement(withdrawal, wish, signers.bruno)
  const withdrawalReceiptStatement = await signStatement(
    withdrawalReceipt,
    {
      ...under,
      node: 'node-1',
      term: 1,
      withdrawal: withdrawalStatement.digest,
      keyShreddedAt: '2026-11-10T10:00:02Z',
      firstManifestWithout: null,
      modelsRetireAt: '2026-12-10T10:00:00Z',
    },
    signers.ingest,
  )
  return {
    keysetDigest,
    requestHash,
    chains,
    marks,
    response,
    trained,
    leaves,
    closeStatement,
    payees,
    payoutsKey,
    payoutsTree,
    payoutStatement,
    invoice,
    withdrawalStatement,
    withdrawalReceiptStatement,
  }
}
export type MoneyExamples = Awaited<ReturnType<typeof moneyExamples>>

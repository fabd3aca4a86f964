/**
 * The meter of serving (spec/usage-close.md §calls): reserve, then post, with a receipt or not at all.
 *
 * The sequence number is taken in the transaction of the reservation: one that aborts leaves neither money held
 * nor a gap. Posting and the receipt are one transaction too.
 */
import { randomUUID } from 'node:crypto'
import { LedgerError, priceOf, type TokenPrice } from '#ledger'
import { HttpError, type NodeContext } from '#node/core'
import {
  encodeServingReceipt,
  eventOf,
  formatTime,
  readServingReceipt,
  servingReceiptDigest,
  type ServingReceipt,
} from '#statements'
import { parseJson } from '#bytes'
import type { AdmitInput, AdmittedCall, Admission, Meter, RefusedCall, SettleInput } from '../serve/ports.ts'
import { buyerAccount, post, reserve, REVENUE } from './accounts.ts'
import { codeOfCall, isCallAsSettled } from './call-code.ts'
import { findKey } from './keys.ts'
import { ledgerTables, ledgerTx, type LedgerTx } from './tables.ts'

export function createMeter(context: NodeContext): Meter {
  return {
    authenticate: async (apiKey) => (await findKey(context, apiKey))?.buyer,
    admit: (input) => admitCall(context, input),
    receipt: (idOrChatId, apiKey) => findReceipt(context, idOrChatId, apiKey),
  }
}

async function admitCall(context: NodeContext, input: AdmitInput): Promise<Admission> {
  const buyer = (await findKey(context, input.apiKey))?.buyer
  if (buyer === undefined) return refused(401, 'invalid_api_key', 'This API key is not known here.')
  const price = priceFor(context, input)
  if (price === undefined) return refused(404, 'model_not_found', 'There is no such model here.')
  const worstCase = priceOf(input.worstCase, price)
  try {
    const { callId, sequence } = await reserveCall(context, { buyer, price, worstCase, input })
    return {
      kind: 'admitted',
      sequence,
      callId,
      buyer,
      settle: (settlement) => settleCall(context, { callId, sequence, price }, settlement),
    }
  } catch (error) {
    if (error instanceof TermOver) return refused(503, 'node_retired', 'This node’s term is over. Try again.')
    if (error instanceof LedgerError && error.code === 'balance-insufficient') {
      return refused(402, 'insufficient_quota', 'The balance does not cover the most this call can cost.')
    }
    throw error
  }
}

interface Reservation {
  readonly buyer: string
  readonly price: TokenPrice
  readonly worstCase: bigint
  readonly input: AdmitInput
}

async function reserveCall(
  context: NodeContext,
  { buyer, price, worstCase, input }: Reservation,
): Promise<Pick<AdmittedCall, 'callId' | 'sequence'>> {
  const { node, term } = context.machine
  const { weights, receiptId, chatId } = input.call
  const callId = randomUUID()
  const held = { id: `call/${callId}`, debit: buyerAccount(buyer), credit: REVENUE, amount: worstCase }
  return context.database.transaction().execute(async (core) => {
    const tx = ledgerTx(core)
    const admittedAt = context.now()
    await reserve(tx, held, admittedAt)
    const sequence = await nextSequence(tx, node, term)
    await tx
      .insertInto('calls')
      .values({
        id: callId,
        node,
        term,
        sequence,
        buyer,
        transfer: held.id,
        receipt_id: receiptId,
        chat_id: chatId,
        name: input.model,
        model: weights.model_digest ?? weights.base_digest,
        serves: weights.serves,
        prompt_per_million: price.promptPerMillion,
        completion_per_million: price.completionPerMillion,
        state: 'open',
        prompt_tokens: null,
        completion_tokens: null,
        amount: null,
        receipt: null,
        receipt_digest: null,
        code: null,
        admitted_at: admittedAt,
        settled_at: null,
      })
      .execute()
    return { callId, sequence: Number(sequence) }
  })
}

class TermOver extends Error {}

// The counter's row stays locked until the commit, so numbers are given out in the order in which they last.
async function nextSequence(tx: LedgerTx, node: string, term: number): Promise<bigint> {
  const row = await tx
    .insertInto('call_counters')
    .values({ node, term, last: 1n, sealed: false })
    .onConflict((conflict) =>
      conflict
        .columns(['node', 'term'])
        .doUpdateSet((update) => ({ last: update('call_counters.last', '+', 1n) }))
        .where('call_counters.sealed', '=', false),
    )
    .returning('last')
    .executeTakeFirst()
  if (row === undefined) throw new TermOver()
  return row.last
}

/** A call as it was admitted: its row may have been changed since, what it costs may not. */
interface OpenCall {
  readonly callId: string
  readonly sequence: number
  readonly price: TokenPrice
}

/** Settling again what is settled returns the stored receipt: the first commit may have been lost on the way back. */
async function settleCall(
  context: NodeContext,
  { callId, sequence, price }: OpenCall,
  input: SettleInput,
): Promise<ServingReceipt> {
  return context.database.transaction().execute(async (core) => {
    const tx = ledgerTx(core)
    const call = await tx
      .selectFrom('calls')
      .selectAll()
      .where('id', '=', callId)
      .forUpdate()
      .executeTakeFirstOrThrow()
    if (call.receipt !== null) return readServingReceipt(parseJson(call.receipt))
    if (call.state !== 'open') throw new HttpError(503, 'call_closed', 'This call was closed by a successor.')
    const amount = priceOf(input, price)
    const settledAt = context.now()
    const receipt = await input.makeReceipt(amount, sequence, closesBy(context, settledAt))
    assertReceiptOf(receipt, { ...call, amount, ...input })
    await post(tx, call.transfer, amount, settledAt)
    const outcome = {
      state: 'settled' as const,
      prompt_tokens: BigInt(input.promptTokens),
      completion_tokens: BigInt(input.completionTokens),
      amount,
      receipt_digest: servingReceiptDigest(receipt),
      settled_at: settledAt,
    }
    await tx
      .updateTable('calls')
      .set({
        ...outcome,
        receipt: encodeServingReceipt(receipt),
        code: codeOfCall(context, { ...call, ...outcome }),
      })
      .where('id', '=', callId)
      .execute()
    return receipt
  })
}

/** By when a call that was settled at `settledAt` is in a closed period. */
export function closesBy(context: NodeContext, settledAt: Date): string {
  return formatTime(new Date(settledAt.getTime() + context.policy.predicate.usagePeriodSeconds * 1000))
}

export interface MeteredCall {
  readonly node: string
  readonly term: number
  readonly sequence: bigint
  readonly receipt_id: string
  readonly promptTokens: number
  readonly completionTokens: number
  readonly amount: bigint
  readonly model: string
  readonly serves: 'base' | 'trained'
}

/** Throws {@link LedgerError} `not-conserved` where a receipt says anything else than the ledger charges. */
export function assertReceiptOf(receipt: ServingReceipt, call: MeteredCall): void {
  const usage = eventOf(receipt, 'usage.metered')
  const weights = eventOf(receipt, 'weights.loaded')
  const same =
    receipt.receipt_id === call.receipt_id &&
    usage?.node === call.node &&
    usage.term === call.term &&
    BigInt(usage.sequence) === call.sequence &&
    usage.prompt_tokens === call.promptTokens &&
    usage.completion_tokens === call.completionTokens &&
    BigInt(usage.amount) === call.amount &&
    weights?.serves === call.serves &&
    (weights.model_digest ?? weights.base_digest) === call.model
  if (!same) throw new LedgerError('not-conserved', 'the receipt does not say what the ledger charges')
}

async function findReceipt(
  context: NodeContext,
  idOrChatId: string,
  apiKey: string,
): Promise<ServingReceipt | 'unauthorized' | undefined> {
  const buyer = (await findKey(context, apiKey))?.buyer
  if (buyer === undefined) return 'unauthorized'
  const row = await ledgerTables(context.database)
    .selectFrom('calls')
    .selectAll()
    .where('buyer', '=', buyer)
    .where('receipt', 'is not', null)
    .where((or) => or.or([or('receipt_id', '=', idOrChatId), or('chat_id', '=', idOrChatId)]))
    .orderBy('position')
    .executeTakeFirst()
  if (row?.receipt == null) return undefined
  const receipt = readServingReceipt(parseJson(row.receipt))
  // What is shown is also signed again, for older scripts: only what a node of this pool settled.
  if (!isCallAsSettled(context, row) || servingReceiptDigest(receipt) !== row.receipt_digest)
    throw new LedgerError('not-conserved', 'a stored receipt was changed')
  return receipt
}

function priceFor({ policy }: NodeContext, { model, call }: AdmitInput): TokenPrice | undefined {
  const row = policy.predicate.prices.find((one) => one.model === model)
  // A name that sells trained weights must not be answered by the base, nor the other way round.
  if (row === undefined || row.serves !== call.weights.serves) return undefined
  return {
    promptPerMillion: BigInt(row.promptPerMillion),
    completionPerMillion: BigInt(row.completionPerMillion),
  }
}

function refused(status: number, code: string, message: string): RefusedCall {
  return { kind: 'refused', status, code, message }
}

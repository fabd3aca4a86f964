/** Buyers' receipts (spec/serving-receipt.md): signed by the term's key, priced by the policy, and counted. */
import { decodeBase64 } from '#bytes'
import {
  bodyHashOf,
  eventOf,
  isReceiptOf,
  keysInRole,
  priceDigest,
  servingReceiptDigest,
  type CallRecord,
  type Policy,
  type ServingReceipt,
  type UsageClose,
  type UsageLeaf,
  type UsageMetered,
} from '#statements'
import { messageOf, type CheckRun, type Findings } from './findings.ts'
import type { Named } from './input.ts'
import type { Logged } from './open.ts'
import type { Pool } from './pool.ts'
import { secondsOf } from './times.ts'

export interface ClosedCall {
  readonly leaf: UsageLeaf
  readonly close: Logged<UsageClose>
}

/** A call with its receipt; one without is proven by its stream marks alone. */
export type Call = Named<CallRecord & { readonly receipt: ServingReceipt }>

/** `closed` holds every closed call under `node term sequence`. */
export async function checkCalls(
  pool: Pool,
  closed: ReadonlyMap<string, ClosedCall>,
  findings: Findings,
): Promise<void> {
  const signed = findings.check(
    'c5.receipt-signature',
    'each given receipt’s signature with its term’s keyset',
  )
  const bodies = findings.check('c5.receipt-body', 'the bodies kept with the hashes in their receipt')
  const priced = findings.check(
    'c5.receipt-amount',
    'each given receipt’s amount with tokens × the policy’s price',
  )
  const counted = findings.check('c5.receipt-in-close', 'each given receipt with the leaf of its number')
  for (const call of withReceipt(pool.calls)) {
    const usage = eventOf(call.value.receipt, 'usage.metered')
    checkBodies(call, bodies)
    await checkSignature(pool, call, usage, signed)
    if (usage !== undefined) {
      checkAmount(pool, call, usage, priced)
      checkCounted(pool, call, usage, closed, counted)
    }
  }
}

export function withReceipt(calls: readonly Named<CallRecord>[]): readonly Call[] {
  return calls.flatMap(({ name, value }) =>
    value.receipt === null ? [] : [{ name, value: { ...value, receipt: value.receipt } }],
  )
}

async function checkSignature(
  { keysets }: Pool,
  { name, value: { receipt } }: Call,
  usage: UsageMetered | undefined,
  check: CheckRun,
): Promise<void> {
  const served = receipt.served_at
  for (const { keyset, aciKeyset, trusted } of keysets) {
    if (keyset.aci !== receipt.workload_keyset_digest) continue
    if (usage !== undefined && (usage.node !== keyset.node || usage.term !== keyset.term)) continue
    const key = aciKeyset.receipt_signing_keys.find((one) => one.key_id === receipt.key_id)?.public_key
    const inRole = key !== undefined && keysInRole(keyset, 'serve').includes(key)
    const valid = secondsOf(keyset.issuedAt) <= served && served <= secondsOf(keyset.notAfter)
    if (!inRole || !valid || !(await isReceiptOf(receipt, aciKeyset))) continue
    if (trusted) check.pass()
    else check.unknown(`${name} is signed by a key whose evidence does not hold`)
    return
  }
  const place = usage === undefined ? '' : ` of ${usage.node} term ${usage.term}`
  check.fail(`${name} is not signed by a serve key${place} that logged evidence lists for its time`)
}

function checkBodies({ name, value }: Call, check: CheckRun): void {
  // Of an aborted answer the buyer has what arrived; the hash is over what was handed to the connection.
  const aborted = eventOf(value.receipt, 'response.ended')?.how === 'aborted'
  const pairs = [
    { what: 'request', body: value.request, event: eventOf(value.receipt, 'request.received') },
    { what: 'response', body: value.response, event: eventOf(value.receipt, 'response.returned') },
  ]
  for (const { what, body, event } of pairs) {
    if (body === null || (aborted && what === 'response')) continue
    try {
      const hash = bodyHashOf(decodeBase64(body))
      check.demand(
        hash === event?.body_hash,
        () =>
          `the ${what} kept in ${name} hashes to ${hash}; the receipt says ${event?.body_hash ?? 'nothing'}`,
      )
    } catch (error) {
      check.fail(`the ${what} kept in ${name} cannot be read: ${messageOf(error)}`)
    }
  }
}

/** Rounded up once, over prompt and completion together. */
function checkAmount({ line }: Pool, { name, value }: Call, usage: UsageMetered, check: CheckRun): void {
  const version = line.byDigest(usage.policy)
  if (version === undefined) {
    check.fail(`${name} names the policy ${usage.policy}, which this pool has not had`)
    return
  }
  const policy = version.predicate
  const price = policy.prices.find(({ model }) => priceDigest(policy, model) === usage.price_digest)
  const serves = eventOf(value.receipt, 'weights.loaded')?.serves
  if (price === undefined)
    check.fail(`${name} names a price that policy version ${policy.version} does not have`)
  else if (secondsOf(policy.effectiveAt) > value.receipt.served_at) {
    check.fail(`${name} is priced by policy version ${policy.version}, which took effect later`)
  } else if (price.serves !== serves) {
    check.fail(`${name} was priced as the ${price.serves} model and answered by ${serves ?? 'none'}`)
  } else if (!sameCurrency(policy, usage)) {
    check.fail(`${name} counts ${usage.currency.asset}; the policy says ${policy.currency.asset}`)
  } else {
    const due = amountDue(price, usage)
    check.demand(
      due === BigInt(usage.amount),
      () =>
        `${name} charges ${usage.amount}; ${usage.prompt_tokens} + ${usage.completion_tokens} tokens cost ${due}`,
    )
  }
}

function amountDue(price: Policy['prices'][number], usage: UsageMetered): bigint {
  const exact =
    BigInt(usage.prompt_tokens) * BigInt(price.promptPerMillion) +
    BigInt(usage.completion_tokens) * BigInt(price.completionPerMillion)
  return (exact + 999_999n) / 1_000_000n
}

function sameCurrency({ currency }: Policy, usage: UsageMetered): boolean {
  return currency.asset === usage.currency.asset && currency.scale === usage.currency.scale
}

function checkCounted(
  { opened, at }: Pool,
  { name, value }: Call,
  usage: UsageMetered,
  closed: ReadonlyMap<string, ClosedCall>,
  check: CheckRun,
): void {
  const { node, term, sequence } = usage
  const place = `call ${sequence} of ${node} term ${term}`
  const found = closed.get(`${node} ${term} ${sequence}`)
  if (found !== undefined) {
    const { leaf, close } = found
    const weights = eventOf(value.receipt, 'weights.loaded')
    const mine = {
      amount: usage.amount,
      receipt: servingReceiptDigest(value.receipt),
      serves: weights?.serves,
      model: weights?.model_digest ?? weights?.base_digest,
    }
    const other = (['amount', 'receipt', 'serves', 'model'] as const).find(
      (field) => leaf[field] !== mine[field],
    )
    check.demand(
      other === undefined,
      () =>
        `${name} is ${place} with the ${other} ${other && mine[other]}; ${close.name} counts ${other && leaf[other]}`,
    )
    return
  }
  const close = opened.closes.find(({ predicate }) =>
    predicate.ranges.some(
      (one) =>
        one.node === node &&
        one.term === term &&
        one.first <= sequence &&
        (sequence <= one.last || one.final),
    ),
  )
  if (close !== undefined) {
    check.fail(`${name} is ${place}; ${close.name} ends that range without a leaf for it`)
  } else if (at < secondsOf(usage.closes_by)) {
    check.pending(`${name} is ${place}, in a period that is open until ${usage.closes_by}`, usage.closes_by)
  } else check.fail(`${name} is ${place}, which was to be in a close by ${usage.closes_by} and is in none`)
}

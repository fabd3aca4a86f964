/**
 * Invoices (spec/invoice.md): one for each buyer and month in which its balance moved, in order, each naming the last.
 *
 * They follow from rows that carry the pool's codes and from the signed invoice before, and hold no time of their own
 * making: whoever makes one again, in whatever term, gets the same bytes. The table keeps them so that nothing that was
 * issued can be issued otherwise.
 */
import { sql } from 'kysely'
import { canonicalJson, parseJson } from '#bytes'
import { LedgerError } from '#ledger'
import { HttpError, type NodeContext } from '#node/core'
import {
  formatTime,
  invoiceDigest,
  isInvoiceOf,
  readInvoice,
  receiptsDigest,
  signInvoice,
  type Invoice,
  type InvoiceBody,
} from '#statements'
import { buyerAccount } from './accounts.ts'
import { buyerUnknown } from './keys.ts'
import { movementsOf, type Movements } from './movements.ts'
import { policyInForceAt } from './policies.ts'
import { ledgerTables, ledgerTx, type LedgerDatabase, type LedgerTx } from './tables.ts'
import { inTurn } from './turns.ts'

/** A month is over for invoices an hour after it ended: what was settled in its last second is stored by then. */
const GRACE_MS = 3_600_000

/** All that were issued to a buyer, oldest first. Throws {@link HttpError} 404 where there is no such buyer. */
export async function invoicesOf(context: NodeContext, buyer: string): Promise<Invoice[]> {
  const database = ledgerTables(context.database)
  const known = await database.selectFrom('buyers').select('id').where('id', '=', buyer).executeTakeFirst()
  if (known === undefined) throw buyerUnknown()
  return storedOf(context, database, buyer)
}

/**
 * The invoice of a month that is over; it and all earlier ones are issued where they were not yet.
 * Throws {@link HttpError} 409 `month_open`, 404 where nothing moved in it; {@link LedgerError} `not-conserved`.
 */
export async function invoiceOf(context: NodeContext, buyer: string, month: string): Promise<Invoice> {
  const { end } = boundsOf(month)
  if (context.now().getTime() < end.getTime() + GRACE_MS) {
    const from = formatTime(new Date(end.getTime() + GRACE_MS))
    throw new HttpError(409, 'month_open', `The invoice of ${month} can be had from ${from} on.`, 'month')
  }
  const issued = await inTurn(context.database, () => issueUntil(context, buyer, end))
  const found = issued.find((one) => one.month === month)
  if (found === undefined)
    throw new HttpError(404, 'nothing_to_invoice', `Nothing moved in ${month}.`, 'month')
  return found
}

/** What the invoice of a month would say by now, unsigned and without a promise. */
export async function draftOf(context: NodeContext, buyer: string, month: string): Promise<InvoiceBody> {
  const database = ledgerTables(context.database)
  const known = await database.selectFrom('buyers').select('id').where('id', '=', buyer).executeTakeFirst()
  if (known === undefined) throw buyerUnknown()
  const { start } = boundsOf(month)
  // Months before it that were not invoiced yet count into what it opens with.
  const stored = await storedOf(context, database, buyer)
  const before = stored.filter((one) => one.month < month).at(-1)
  const since = before === undefined ? null : boundsOf(before.month).end
  const gap = await movementsOf(context, database, buyer, { since, until: start })
  const opening = BigInt(before?.closing ?? 0) + gap.paid - gap.refunded - gap.charged
  return compose(context, database, buyer, month, { before, opening })
}

async function issueUntil(context: NodeContext, buyer: string, end: Date): Promise<Invoice[]> {
  return context.database.transaction().execute(async (core) => {
    const tx = ledgerTx(core)
    const held = await tx
      .selectFrom('buyers')
      .select('id')
      .where('id', '=', buyer)
      .forNoKeyUpdate()
      .executeTakeFirst()
    if (held === undefined) throw buyerUnknown()
    const invoices = await storedOf(context, tx, buyer)
    for (const month of await monthsToIssue(tx, buyer, invoices.at(-1), end)) {
      const before = invoices.at(-1)
      const opening = BigInt(before?.closing ?? 0)
      const body = await compose(context, tx, buyer, month, { before, opening })
      await assertAsTransferred(tx, body)
      const signed = await signInvoice(body, context.machine.key('ledger'))
      const document = canonicalJson(signed)
      await tx.insertInto('invoices').values({ buyer, number: body.number, month, document }).execute()
      invoices.push(signed)
    }
    return invoices
  })
}

// What was signed counts, and not its row: each must be this ledger's, and name the one before.
async function storedOf(
  context: NodeContext,
  from: LedgerTx | LedgerDatabase,
  buyer: string,
): Promise<Invoice[]> {
  const rows = await from
    .selectFrom('invoices')
    .select('document')
    .where('buyer', '=', buyer)
    .orderBy('number')
    .execute()
  const invoices: Invoice[] = []
  const { publicKey } = context.machine.key('ledger')
  for (const { document } of rows) {
    const invoice = readInvoice(parseJson(document))
    const before = invoices.at(-1)
    const follows =
      invoice.number === (before?.number ?? 0) + 1 &&
      invoice.previous === (before === undefined ? null : invoiceDigest(before))
    if (invoice.buyer !== buyer || !follows || !(await isInvoiceOf(invoice, publicKey)))
      throw new LedgerError('not-conserved', 'a stored invoice is not as this ledger issued it')
    invoices.push(invoice)
  }
  return invoices
}

async function monthsToIssue(
  tx: LedgerTx,
  buyer: string,
  newest: Invoice | undefined,
  end: Date,
): Promise<string[]> {
  const since = newest === undefined ? new Date(0) : boundsOf(newest.month).end
  const { rows } = await sql<{ month: string }>`
    select distinct to_char(at at time zone 'UTC', 'YYYY-MM') as month from (
      select at from payments where buyer = ${buyer}
      union all select settled_at from calls where buyer = ${buyer} and state = 'settled'
    ) as moved where at >= ${since} and at < ${end} order by month`.execute(tx)
  return rows.map(({ month }) => month)
}

async function compose(
  context: NodeContext,
  from: LedgerTx | LedgerDatabase,
  buyer: string,
  month: string,
  { before, opening }: { readonly before: Invoice | undefined; readonly opening: bigint },
): Promise<InvoiceBody> {
  const { start, end } = boundsOf(month)
  const moved = await movementsOf(context, from, buyer, { since: start, until: end })
  const policy = await policyInForceAt(context, end)
  const { name, publicKey } = policy.predicate.operator
  const { paid, refunded, charged } = moved
  const payment = (one: Movements['topUps'][number]) => ({
    at: formatTime(one.at),
    reference: one.reference,
    amount: String(one.amount),
  })
  return {
    format: 'fairweight/invoice/v1',
    pool: context.policy.pool,
    policy: policy.digest,
    operator: { name, publicKey },
    buyer,
    number: (before?.number ?? 0) + 1,
    previous: before === undefined ? null : invoiceDigest(before),
    month,
    currency: policy.predicate.currency,
    opening: String(opening),
    payments: moved.topUps.map(payment),
    refunds: moved.refunds.map(payment),
    lines: linesOf(moved),
    paid: String(paid),
    refunded: String(refunded),
    charged: String(charged),
    closing: String(opening + paid - refunded - charged),
    receipts: receiptsDigest(moved.calls.map(({ receipt_digest: digest }) => digest!)),
  }
}

function linesOf({ calls }: Movements): InvoiceBody['lines'] {
  const lines = Map.groupBy(calls, ({ name, serves, model }) => `${name} ${serves} ${model}`)
  return [...lines.entries()]
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([, of]) => {
      const { name, model, serves } = of[0]!
      const total = (field: 'amount' | 'prompt_tokens' | 'completion_tokens') =>
        of.reduce((all, call) => all + (call[field] ?? 0n), 0n)
      return {
        name,
        model,
        serves,
        calls: of.length,
        promptTokens: Number(total('prompt_tokens')),
        completionTokens: Number(total('completion_tokens')),
        amount: String(total('amount')),
      }
    })
}

// The transfers are another record of the same: where the two differ, nothing is signed.
async function assertAsTransferred(tx: LedgerTx, { buyer, month, closing }: InvoiceBody): Promise<void> {
  const account = buyerAccount(buyer)
  const { rows } = await sql<{ balance: bigint }>`
    select coalesce(sum(case when credit = ${account} then posted else -posted end), 0)::numeric as balance
    from transfers where (debit = ${account} or credit = ${account}) and state = 'posted'
      and resolved_at < ${boundsOf(month).end}`.execute(tx)
  if (rows[0]!.balance !== BigInt(closing))
    throw new LedgerError('not-conserved', 'an invoice does not close at what was transferred')
}

function boundsOf(month: string): { readonly start: Date; readonly end: Date } {
  const [year, of] = month.split('-').map(Number) as [number, number]
  return { start: new Date(Date.UTC(year, of - 1, 1)), end: new Date(Date.UTC(year, of, 1)) }
}

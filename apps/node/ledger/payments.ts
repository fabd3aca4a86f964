/**
 * Money that buyers pay in and get back (spec/buyer-account.md §money): one transfer, and one row that says which
 * payment of the world outside it was.
 *
 * The row carries a code, since invoices are signed by it. What a buyer can get back is what it paid less what its
 * calls came to, by rows that a node of this pool wrote: a balance that was edited is not paid out.
 */
import { sql } from 'kysely'
import { LedgerError } from '#ledger'
import { HttpError, type NodeContext } from '#node/core'
import { buyerAccount, EXTERNAL, transfer } from './accounts.ts'
import { buyerUnknown } from './keys.ts'
import { movementsOf } from './movements.ts'
import { codeOfPayment } from './payment-code.ts'
import { ledgerTx, type LedgerTx, type PaymentRow } from './tables.ts'

export interface TopUp {
  readonly amount: bigint
  /** The payment's name in the world outside; one payment is credited once. */
  readonly reference: string
}

/**
 * Credits a payment from outside. The same again changes nothing and returns false.
 * Throws {@link HttpError} 404 where there is no such buyer, 409 where the reference was another payment.
 */
export async function topUp(context: NodeContext, buyer: string, of: TopUp): Promise<boolean> {
  const { created } = await pay(context, { kind: 'top-up', buyer, ...of }, async () => of.amount)
  return created
}

export interface Refund {
  /** `all`: whatever is neither spent nor reserved. */
  readonly amount: bigint | 'all'
  readonly reference: string
}

export interface Paid {
  readonly amount: bigint
  readonly created: boolean
}

/**
 * Takes unused money off a balance, for the operator to send back. The same again changes nothing.
 * Throws {@link HttpError} 404, 409 `reference_used`, 409 `balance_insufficient` where that much is not free; and
 * {@link LedgerError} `not-conserved` where the balance is not what payments and calls make of it.
 */
export function refund(context: NodeContext, buyer: string, of: Refund): Promise<Paid> {
  return pay(context, { kind: 'refund', buyer, ...of }, async (tx) => {
    const free = await freeBalance(context, tx, buyer)
    const amount = of.amount === 'all' ? free : of.amount
    if (amount > 0n && amount <= free) return amount
    throw new HttpError(409, 'balance_insufficient', `${free} of this balance is free to be refunded.`)
  })
}

interface Payment {
  readonly kind: PaymentRow['kind']
  readonly buyer: string
  readonly reference: string
  readonly amount: bigint | 'all'
}

// The account is held first: a call that reserves waits, and then finds what is left.
async function pay(
  context: NodeContext,
  payment: Payment,
  amountOf: (tx: LedgerTx) => Promise<bigint>,
): Promise<Paid> {
  const { kind, buyer, reference } = payment
  const id = `${kind}/${reference}`
  try {
    return await context.database.transaction().execute(async (core) => {
      const tx = ledgerTx(core)
      await holdAccount(tx, buyer)
      const before = await tx.selectFrom('payments').selectAll().where('transfer', '=', id).executeTakeFirst()
      if (before !== undefined) return samePayment(before, payment)
      const amount = await amountOf(tx)
      const [debit, credit] =
        kind === 'top-up' ? [EXTERNAL, buyerAccount(buyer)] : [buyerAccount(buyer), EXTERNAL]
      const at = context.now()
      await transfer(tx, { id, debit, credit, amount }, at)
      const row = { transfer: id, buyer, kind, reference, amount, at }
      const code = codeOfPayment(context, row)
      await tx
        .insertInto('payments')
        .values({ ...row, code })
        .execute()
      return { amount, created: true }
    })
  } catch (error) {
    // Two buyers, one reference, at once.
    if (error instanceof LedgerError && error.code === 'transfer-exists') throw referenceUsed()
    throw error
  }
}

function samePayment(before: PaymentRow, { buyer, amount }: Payment): Paid {
  if (before.buyer !== buyer || (amount !== 'all' && before.amount !== amount)) throw referenceUsed()
  return { amount: before.amount, created: false }
}

async function holdAccount(tx: LedgerTx, buyer: string): Promise<void> {
  const held = await tx
    .selectFrom('buyers')
    .innerJoin('accounts', (join) => join.on(sql<boolean>`accounts.id = 'buyer/' || buyers.id`))
    .select('accounts.id')
    .where('buyers.id', '=', buyer)
    .forNoKeyUpdate('accounts')
    .executeTakeFirst()
  if (held === undefined) throw buyerUnknown()
}

/** What is neither spent nor reserved, added up anew. The account must be held. */
async function freeBalance(context: NodeContext, tx: LedgerTx, buyer: string): Promise<bigint> {
  const account = buyerAccount(buyer)
  const { balance, reserved } = await tx
    .selectFrom('accounts')
    .select(['balance', 'reserved'])
    .where('id', '=', account)
    .executeTakeFirstOrThrow()
  const { rows } = await sql<{ held: bigint }>`select coalesce(sum(amount), 0)::numeric as held
    from transfers where debit = ${account} and state = 'pending'`.execute(tx)
  const { paid, refunded, charged } = await movementsOf(context, tx, buyer, { since: null, until: null })
  if (balance !== paid - refunded - charged || reserved !== rows[0]!.held)
    throw new LedgerError('not-conserved', 'a balance is not what payments and calls make of it')
  return balance - reserved
}

function referenceUsed(): HttpError {
  return new HttpError(409, 'reference_used', 'This reference names another payment.', 'reference')
}

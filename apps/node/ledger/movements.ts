/** What moved a buyer's balance between two moments: payments in and out, and calls, each row checked by its code. */
import type { NodeContext } from '#node/core'
import { LedgerError } from '#ledger'
import { isCallAsSettled } from './call-code.ts'
import { assertOwnPayment } from './payment-code.ts'
import type { CallRow, LedgerDatabase, LedgerTx, PaymentRow } from './tables.ts'

// All that its code covers; receipts themselves stay where they are.
const COLUMNS = [
  'node',
  'term',
  'sequence',
  'buyer',
  'name',
  'model',
  'serves',
  'state',
  'prompt_tokens',
  'completion_tokens',
  'amount',
  'receipt_digest',
  'code',
  'admitted_at',
  'settled_at',
] as const
type SettledCall = Pick<CallRow, (typeof COLUMNS)[number]>

export interface Movements {
  readonly topUps: readonly PaymentRow[]
  readonly refunds: readonly PaymentRow[]
  /** Calls with a receipt, in the order in which they were settled. */
  readonly calls: readonly SettledCall[]
  readonly paid: bigint
  readonly refunded: bigint
  readonly charged: bigint
}

/** From `from` on (from the beginning where null) and before `until` (all where null). Throws {@link LedgerError}. */
export async function movementsOf(
  context: NodeContext,
  from: LedgerTx | LedgerDatabase,
  buyer: string,
  { since, until }: { readonly since: Date | null; readonly until: Date | null },
): Promise<Movements> {
  let payments = from.selectFrom('payments').selectAll().where('buyer', '=', buyer)
  let calls = from
    .selectFrom('calls')
    .select(COLUMNS)
    .where('buyer', '=', buyer)
    .where('state', '=', 'settled')
  if (since !== null) {
    payments = payments.where('at', '>=', since)
    calls = calls.where('settled_at', '>=', since)
  }
  if (until !== null) {
    payments = payments.where('at', '<', until)
    calls = calls.where('settled_at', '<', until)
  }
  const paid = await payments.orderBy('at').orderBy('transfer').execute()
  for (const payment of paid) assertOwnPayment(context, payment)
  const settled = await calls.orderBy('settled_at').orderBy('position').execute()
  for (const call of settled) {
    if (!isCallAsSettled(context, call))
      throw new LedgerError('not-conserved', 'a call is no longer what its node settled')
  }
  const topUps = paid.filter(({ kind }) => kind === 'top-up')
  const refunds = paid.filter(({ kind }) => kind === 'refund')
  return {
    topUps,
    refunds,
    calls: settled,
    paid: sum(topUps),
    refunded: sum(refunds),
    charged: sum(settled),
  }
}

function sum(rows: readonly { readonly amount: bigint | null }[]): bigint {
  return rows.reduce((all, { amount }) => all + (amount ?? 0n), 0n)
}

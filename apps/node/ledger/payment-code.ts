/** Marks the payments that a node of this pool stored: refunds and invoices rest on them, and rows alone are nothing. */
import { LedgerError } from '#ledger'
import { isRowCode, rowCode, type NodeContext } from '#node/core'
import type { PaymentRow } from './tables.ts'

const PURPOSE = 'ledger-payment-row/v1'

export function codeOfPayment({ machine }: NodeContext, row: Omit<PaymentRow, 'code'>): string {
  return rowCode(machine, PURPOSE, saidBy(row))
}

/** Throws {@link LedgerError} `not-conserved`. */
export function assertOwnPayment({ machine }: NodeContext, row: PaymentRow): void {
  if (!isRowCode(machine, PURPOSE, saidBy(row), row.code))
    throw new LedgerError('not-conserved', 'a payment is not as a node of this pool stored it')
}

function saidBy({ transfer, buyer, kind, reference, amount, at }: Omit<PaymentRow, 'code'>) {
  return { transfer, buyer, kind, reference, amount: String(amount), at: at.toISOString() }
}

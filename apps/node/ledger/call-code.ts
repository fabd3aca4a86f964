/**
 * What a call came to, marked when its node settled it: its serve key dies with the term, and a row alone is nothing
 * that a close may sign. A changed amount, and a call moved from the trained model to the base, stop the close; one that
 * was moved to another buyer or month stops the invoice.
 */
import { isRowCode, rowCode, type NodeContext } from '#node/core'
import type { CallRow } from './tables.ts'

const PURPOSE = 'ledger-call-row/v2'

type Metered = Pick<
  CallRow,
  | 'node'
  | 'term'
  | 'sequence'
  | 'buyer'
  | 'name'
  | 'model'
  | 'serves'
  | 'state'
  | 'prompt_tokens'
  | 'completion_tokens'
  | 'amount'
  | 'receipt_digest'
  | 'admitted_at'
  | 'settled_at'
>

export function codeOfCall({ machine }: NodeContext, call: Metered): string {
  return rowCode(machine, PURPOSE, saidBy(call))
}

export function isCallAsSettled({ machine }: NodeContext, call: Metered & Pick<CallRow, 'code'>): boolean {
  return isRowCode(machine, PURPOSE, saidBy(call), call.code)
}

function saidBy(call: Metered) {
  const { node, term, buyer, name, model, serves, state, receipt_digest: receipt } = call
  return {
    place: { node, term, sequence: String(call.sequence) },
    served: { buyer, name, model, serves, admittedAt: call.admitted_at.toISOString() },
    outcome: {
      state,
      promptTokens: String(call.prompt_tokens),
      completionTokens: String(call.completion_tokens),
      amount: String(call.amount),
      receipt,
      settledAt: call.settled_at?.toISOString() ?? null,
    },
  }
}

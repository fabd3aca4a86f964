/**
 * A payout as a table for banks (RFC 4180): who gets what in this period, and which statement says so.
 */
import { csvLine, formatAmount } from '#ledger'
import type { NodeContext } from '#node/core'
import type { Payee, PayoutLeaf } from '#statements'
import { boundPayees } from './payees.ts'
import type { StatedPayout } from './payouts.ts'

export interface PayoutLine {
  /** Public key, hexadecimal. */
  readonly payee: string
  /** `unknown`: the offer that named the account was erased. */
  readonly kind: Payee['kind'] | 'operator' | 'unknown'
  readonly account: string
  readonly name: string
  readonly amount: bigint
}

export async function payoutCsv(context: NodeContext, { statement, leaves }: StatedPayout): Promise<string> {
  const paid = leaves.filter(({ amount }) => amount !== '0')
  const payees = await boundPayees(context, paid)
  const lines = paid.map((leaf) => ({
    ...accountOf(context, leaf, payees.get(leaf.payee)),
    payee: leaf.payee,
    amount: BigInt(leaf.amount),
  }))
  return writePayoutCsv(lines, statement.predicate.currency, statement.digest)
}

export function writePayoutCsv(
  lines: readonly PayoutLine[],
  currency: { readonly asset: string; readonly scale: number },
  statement: string,
): string {
  const header = ['payee', 'kind', 'account', 'name', 'amount', 'currency', 'statement']
  const rows = lines
    .toSorted((one, other) => (one.payee < other.payee ? -1 : 1))
    .map(({ payee, kind, account, name, amount }) => {
      return [payee, kind, account, name, formatAmount(amount, currency.scale), currency.asset, statement]
    })
  return [header, ...rows].map(csvLine).join('')
}

function accountOf(
  { policy }: NodeContext,
  { payee, destination }: PayoutLeaf,
  bound: Payee | undefined,
): Pick<PayoutLine, 'kind' | 'account' | 'name'> {
  const { operator } = policy.predicate
  if (destination === null && payee === operator.publicKey) {
    return { kind: 'operator', account: operator.payee, name: operator.name }
  }
  if (bound === undefined) return { kind: 'unknown', account: '', name: '' }
  switch (bound.kind) {
    case 'statement':
      return { kind: 'statement', account: '', name: '' }
    case 'iban':
      return { kind: 'iban', account: bound.iban, name: bound.name }
    case 'evm':
      // The spelling of CAIP-10, which names the chain with the address.
      return { kind: 'evm', account: `eip155:${bound.chainId}:${bound.address}`, name: '' }
    default:
      return bound satisfies never
  }
}

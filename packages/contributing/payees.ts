/** A contributor's own payee changes as the node shows them: each signed, receipted, and one chain (spec/payee-change.md). */
import {
  destinationOf,
  keysInRole,
  openStatement,
  payeeCancellation,
  payeeChange,
  payeeInForce,
  payeeReceipt,
  type ContributionRecord,
  type Keyset,
  type PayeeLink,
  type PayeeReceipt,
  type PayoutLeaf,
  type Statement,
} from '#statements'
import { ContributingError } from './errors.ts'

/** Throws {@link ContributingError} `proof-invalid`, `SealError` or `StatementError` where one of them is not proven. */
export async function openPayeeLinks(
  changes: ContributionRecord['payeeChanges'],
  contributor: string,
  keysets: readonly Keyset[],
): Promise<readonly PayeeLink[]> {
  const links: PayeeLink[] = []
  for (const { change: one, receipt: its, cancellation } of changes) {
    const change = await openStatement(payeeChange, one.envelope)
    demand(change.predicate.contributor === contributor, 'a change of payee is another contributor’s')
    const receipt = await openPayeeReceipt(its.envelope, { contributor, statement: change.digest, keysets })
    links.push({
      change,
      receivedAt: receipt.predicate.receivedAt,
      waitsUntil: receipt.predicate.waitsUntil ?? receipt.predicate.receivedAt,
      cancelledAt:
        cancellation === null ? null : await cancelledAt(cancellation, contributor, change.digest, keysets),
    })
  }
  return links
}

/** Throws {@link ContributingError} `receipt-unexpected` unless an ingest key of a verified keyset received just this. */
export async function openPayeeReceipt(
  envelope: unknown,
  expected: { readonly contributor: string; readonly statement: string; readonly keysets: readonly Keyset[] },
): Promise<Statement<PayeeReceipt>> {
  const receipt = await openStatement(payeeReceipt, envelope)
  const { contributor, statement, pool, node, term } = receipt.predicate
  const signed = expected.keysets.some(
    (keyset) =>
      keyset.pool === pool &&
      keyset.node === node &&
      keyset.term === term &&
      keysInRole(keyset, 'ingest').includes(receipt.signer),
  )
  if (contributor !== expected.contributor || statement !== expected.statement || !signed) {
    throw new ContributingError(
      'receipt-unexpected',
      'the payee receipt is of another statement, or not signed by an ingest key of a keyset whose evidence was verified',
    )
  }
  return receipt
}

/** Throws {@link ContributingError} `proof-invalid` where a payout goes elsewhere than the changes in force say. */
export function assertDestination(
  links: readonly PayeeLink[],
  payout: { readonly period: number; readonly statedAt: string },
  { destination, salt }: Pick<PayoutLeaf, 'destination' | 'salt'>,
): void {
  const payee = payeeInForce(links, payout)
  if (payee === undefined) return
  demand(
    destination === destinationOf(payee, salt),
    `the payout of period ${payout.period} goes to another payee than your change in force names`,
  )
}

async function cancelledAt(
  cancellation: NonNullable<ContributionRecord['payeeChanges'][number]['cancellation']>,
  contributor: string,
  change: string,
  keysets: readonly Keyset[],
): Promise<string> {
  const { predicate, digest } = await openStatement(payeeCancellation, cancellation.cancellation.envelope)
  demand(predicate.change === change, 'a cancellation is of another change')
  const receipt = await openPayeeReceipt(cancellation.receipt.envelope, {
    contributor,
    statement: digest,
    keysets,
  })
  return receipt.predicate.receivedAt
}

function demand(condition: boolean, message: string): asserts condition {
  if (!condition) throw new ContributingError('proof-invalid', message)
}

/** A contributor's payee changes, read back: rows say which statements, and statements say what. */
import { isRowCode, rowCode, type Machine, type NodeContext, type StoredStatement } from '#node/core'
import {
  openStatement,
  payeeChange,
  payeeReceipt,
  type ContributionRecord,
  type PayeeLink,
  type PayeeReceipt,
} from '#statements'
import type { PayeeChangeRow, PayeeDatabase, PayeeTables } from './tables.ts'

const PURPOSE = 'payee-change-row/v1'

/** *Stop*: storage holds something else than what a node of this pool took. */
class PayeeError extends Error {
  readonly code = 'payee-forged'
  constructor(message: string) {
    super(message)
    this.name = 'PayeeError'
  }
}

export type PayeeFacts = Omit<PayeeChangeRow, 'received_at' | 'code'>

export function codeOfPayee(machine: Pick<Machine, 'secret'>, row: PayeeFacts): string {
  return rowCode(machine, PURPOSE, saidBy(row))
}

/** Oldest first. Throws {@link PayeeError} where a row is not as it was stored. */
export async function payeeLinksOf(context: NodeContext, contributor: string): Promise<readonly PayeeLink[]> {
  return linksOf(context, await rowsOf(context, contributor), contributor)
}

/** Of every contributor that ever changed its payee. */
export async function allPayeeLinks(
  context: NodeContext,
): Promise<ReadonlyMap<string, readonly PayeeLink[]>> {
  const rows = await tablesOf(context)
    .selectFrom('payee_changes')
    .selectAll()
    .orderBy('contributor')
    .orderBy('place')
    .execute()
  const all = new Map<string, readonly PayeeLink[]>()
  for (const [contributor, own] of Map.groupBy(rows, (row) => row.contributor))
    all.set(contributor, await linksOf(context, own, contributor))
  return all
}

export type PayeeChangeRecord = ContributionRecord['payeeChanges'][number]

/** What the contributor is shown of them, as its record holds it; changes that the log has not taken are left out. */
export async function payeeChangesOf(
  context: NodeContext,
  contributor: string,
): Promise<PayeeChangeRecord[]> {
  const shown: PayeeChangeRecord[] = []
  for (const row of await rowsOf(context, contributor)) {
    const [change, receipt] = [await onPaper(context, row.change), await onPaper(context, row.receipt)]
    if (change === undefined || receipt === undefined) continue
    shown.push({ change, receipt, cancellation: await cancellationOf(context, row) })
  }
  return shown
}

export async function rowsOf(context: NodeContext, contributor: string): Promise<PayeeChangeRow[]> {
  return tablesOf(context)
    .selectFrom('payee_changes')
    .selectAll()
    .where('contributor', '=', contributor)
    .orderBy('place')
    .execute()
}

async function cancellationOf(
  context: NodeContext,
  row: PayeeChangeRow,
): Promise<PayeeChangeRecord['cancellation']> {
  if (row.cancellation === null || row.cancellation_receipt === null) return null
  const cancellation = await onPaper(context, row.cancellation)
  const receipt = await onPaper(context, row.cancellation_receipt)
  return cancellation === undefined || receipt === undefined ? null : { cancellation, receipt }
}

async function onPaper(
  context: NodeContext,
  digest: string,
): Promise<ContributionRecord['offer'] | undefined> {
  const stored = await context.statements.find(digest)
  return stored === undefined ? undefined : paperOf(stored)
}

/** A stored statement as records write it; undefined until the log has it. */
export function paperOf({
  envelope,
  leafIndex,
  salt,
}: StoredStatement): ContributionRecord['offer'] | undefined {
  if (leafIndex === null) return undefined
  return { envelope: envelope as ContributionRecord['offer']['envelope'], leafIndex, salt }
}

async function linksOf(
  context: NodeContext,
  rows: readonly PayeeChangeRow[],
  contributor: string,
): Promise<readonly PayeeLink[]> {
  const links: PayeeLink[] = []
  for (const [index, row] of rows.entries()) {
    if (row.place !== index + 1 || !isRowCode(context.machine, PURPOSE, saidBy(row), row.code))
      throw new PayeeError('a change of payee is not as a machine of this pool stored it')
    const stored = await context.statements.find(row.change)
    const change = await openStatement(payeeChange, stored?.envelope)
    const receipt = await receiptOf(context, row.receipt)
    if (change.digest !== row.change || change.predicate.contributor !== contributor)
      throw new PayeeError('a stored change of payee is another one')
    const cancelled =
      row.cancellation_receipt === null ? null : await receiptOf(context, row.cancellation_receipt)
    links.push({
      change,
      receivedAt: receipt.receivedAt,
      waitsUntil: receipt.waitsUntil ?? receipt.receivedAt,
      cancelledAt: cancelled?.receivedAt ?? null,
    })
  }
  return links
}

// The key that signed it may have died with its term: the row's code says that this pool did.
async function receiptOf(context: NodeContext, digest: string): Promise<PayeeReceipt> {
  const stored = await context.statements.find(digest)
  const receipt = await openStatement(payeeReceipt, stored?.envelope)
  if (receipt.digest !== digest) throw new PayeeError('a stored payee receipt is another one')
  return receipt.predicate
}

function tablesOf({ database }: NodeContext): PayeeDatabase {
  return database.withTables<PayeeTables>()
}

function saidBy({ contributor, place, change, receipt, cancellation, cancellation_receipt }: PayeeFacts) {
  return { contributor, place, change, receipt, cancellation, cancellation_receipt }
}

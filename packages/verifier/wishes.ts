/** What contributors brought of their own payee changes and disputes, opened; claim C6 judges them. */
import {
  dispute,
  payeeCancellation,
  payeeChange,
  payeeReceipt,
  type ContributionRecord,
  type Dispute,
  type DisputeFindings,
  type PayeeCancellation,
  type PayeeChange,
  type PayeeReceipt,
  type Statement,
} from '#statements'
import type { Authority } from './authority.ts'
import { open, type OpeningChecks } from './open.ts'

/** A party's statement, and where it says the log has it. */
export interface Placed<Predicate> extends Statement<Predicate> {
  readonly leafIndex: number
  readonly salt: string
}

export interface OpenedPayeeChange {
  readonly name: string
  readonly change: Placed<PayeeChange>
  readonly receipt: Placed<PayeeReceipt>
  readonly cancellation: {
    readonly cancellation: Placed<PayeeCancellation>
    readonly receipt: Placed<PayeeReceipt>
  } | null
}

export interface OpenedDispute {
  readonly name: string
  readonly dispute: Placed<Dispute>
  readonly findings: DisputeFindings | null
}

type Logged = ContributionRecord['offer']

export async function openPayeeChanges(
  name: string,
  record: ContributionRecord,
  opening: OpeningChecks,
  authority: Authority,
): Promise<readonly OpenedPayeeChange[]> {
  const openReceipt = async (logged: Logged, of: string) => {
    const receipt = await placed(payeeReceipt, logged, of, opening)
    if (receipt === undefined) return undefined
    const { pool, policy, receivedAt, node, term } = receipt.predicate
    const { kind, signer } = receipt
    const place = { node, term }
    authority.check({
      name: of,
      kind,
      signer,
      role: 'ingest',
      pool,
      policy,
      from: receivedAt,
      at: receivedAt,
      place,
    })
    return receipt
  }
  const opened: OpenedPayeeChange[] = []
  for (const [index, one] of record.payeeChanges.entries()) {
    const called = `payee change ${index + 1} in ${name}`
    const change = await placed(payeeChange, one.change, called, opening)
    const receipt = await openReceipt(one.receipt, `the receipt of ${called}`)
    if (change === undefined || receipt === undefined) continue
    if (one.cancellation === null) {
      opened.push({ name: called, change, receipt, cancellation: null })
      continue
    }
    const objection = `the cancellation of ${called}`
    const cancellation = await placed(payeeCancellation, one.cancellation.cancellation, objection, opening)
    const its = await openReceipt(one.cancellation.receipt, `the receipt of ${objection}`)
    if (cancellation === undefined || its === undefined) continue
    opened.push({ name: called, change, receipt, cancellation: { cancellation, receipt: its } })
  }
  return opened
}

export async function openDisputes(
  name: string,
  record: ContributionRecord,
  opening: OpeningChecks,
): Promise<readonly OpenedDispute[]> {
  const opened: OpenedDispute[] = []
  for (const [index, one] of record.disputes.entries()) {
    const called = `dispute ${index + 1} in ${name}`
    const statement = await placed(dispute, one.dispute, called, opening)
    if (statement !== undefined) opened.push({ name: called, dispute: statement, findings: one.findings })
  }
  return opened
}

async function placed<Predicate>(
  kind: Parameters<typeof open<Predicate>>[0],
  { envelope, leafIndex, salt }: Logged,
  name: string,
  opening: OpeningChecks,
): Promise<Placed<Predicate> | undefined> {
  const statement = await open(kind, envelope, name, opening)
  return statement && { ...statement, leafIndex, salt }
}

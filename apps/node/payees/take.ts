/**
 * Taking a change of payee or an objection to one (spec/payee-change.md).
 *
 * Both are decided while no payout can be stated, so that the receipt stands in the log before the first payout that
 * follows the change, and no payout follows one that was cancelled in time.
 */
import { BytesError } from '#bytes'
import type { NodeContext, Tx } from '#node/core'
import { SealError } from '#seal'
import {
  formatTime,
  openStatement,
  payeeCancellation,
  payeeChange,
  payeeReceipt,
  refusalToCancel,
  refusalToChange,
  standingOf,
  StatementError,
  waitsUntil,
  type PayeeCancellation,
  type PayeeChange,
  type PayeeLink,
  type PayeeReceipt,
  type Statement,
  type StatementKind,
} from '#statements'
import type { IngestTables } from '../ingest/tables.ts'
import { codeOfPayee, payeeLinksOf, rowsOf, type PayeeFacts } from './chain.ts'
import { refusePayee } from './refusals.ts'
import type { PayeeTables, PayeeTx } from './tables.ts'

/** The payout that is stated next. */
export interface NextPayout {
  readonly period: number
  /** When the last one was stated; null before the first. */
  readonly after: string | null
}

/** Runs `work` in a transaction while no payout can be stated. */
export type BetweenPayouts = <Result>(work: (tx: Tx, next: NextPayout) => Promise<Result>) => Promise<Result>

/** Digests of what was taken and of its receipt. */
export interface Taken {
  readonly statement: string
  readonly receipt: string
}

const A_DAY_MS = 86_400_000
const CLOCK_MS = 300_000
const MOST_A_DAY = 12

/** The same change sent again is the same while it is the newest. Throws a refusal; then nothing was kept. */
export async function takeChange(
  context: NodeContext,
  between: BetweenPayouts,
  envelope: unknown,
): Promise<Taken> {
  const change = await openWish(payeeChange, envelope)
  await assertAcceptable(context, change)
  return between(async (tx, next) => {
    const links = await payeeLinksOf(context, change.predicate.contributor)
    const rows = await rowsOf(context, change.predicate.contributor)
    const earlier = rows.find((row) => row.change === change.digest)
    if (earlier !== undefined) {
      if (standingOf(links).at(-1)?.change.digest !== change.digest)
        throw refusePayee('payee-change-replayed')
      return { statement: earlier.change, receipt: earlier.receipt }
    }
    assertFresh(context, change.predicate)
    const at = timeOf(context, links, next)
    const refusal = refusalToChange(links, change, at)
    if (refusal !== undefined) throw refusePayee(refusal)
    if (change.predicate.fromPeriod < next.period) throw refusePayee('payee-change-backdated')
    assertFew(context, rows)
    const until = waitsUntil(change, at, context.policy.predicate.payees.recoverySeconds)
    const receipt = await receive(context, tx, change, at, until)
    const facts: PayeeFacts = {
      contributor: change.predicate.contributor,
      place: links.length + 1,
      change: change.digest,
      receipt,
      cancellation: null,
      cancellation_receipt: null,
    }
    const code = codeOfPayee(context.machine, facts)
    await tablesOf(tx)
      .insertInto('payee_changes')
      .values({ ...facts, received_at: context.now(), code })
      .execute()
    return { statement: change.digest, receipt }
  })
}

/** The same objection sent again is the same. Throws a refusal; then nothing was kept. */
export async function takeCancellation(
  context: NodeContext,
  between: BetweenPayouts,
  envelope: unknown,
): Promise<Taken> {
  const cancellation = await openWish(payeeCancellation, envelope)
  await assertAcceptable(context, cancellation)
  const { contributor } = cancellation.predicate
  return between(async (tx, next) => {
    const links = await payeeLinksOf(context, contributor)
    const rows = await rowsOf(context, contributor)
    const earlier = rows.find((row) => row.cancellation === cancellation.digest)
    if (earlier !== undefined && earlier.cancellation_receipt !== null)
      return { statement: cancellation.digest, receipt: earlier.cancellation_receipt }
    assertFresh(context, cancellation.predicate)
    const at = timeOf(context, links, next)
    const refusal = refusalToCancel(links, cancellation, at)
    if (refusal !== undefined) throw refusePayee(refusal)
    const receipt = await receive(context, tx, cancellation, at, null)
    const row = rows.find((one) => one.change === cancellation.predicate.change)!
    const { received_at: _when, code: _before, ...facts } = row
    const cancelled = { ...facts, cancellation: cancellation.digest, cancellation_receipt: receipt }
    await tablesOf(tx)
      .updateTable('payee_changes')
      .set({ ...cancelled, code: codeOfPayee(context.machine, cancelled) })
      .where('change', '=', row.change)
      .execute()
    return { statement: cancellation.digest, receipt }
  })
}

async function openWish<Predicate>(
  kind: StatementKind<Predicate>,
  envelope: unknown,
): Promise<Statement<Predicate>> {
  try {
    return await openStatement(kind, envelope)
  } catch (error) {
    if (error instanceof SealError && error.code === 'signature-invalid') throw refusePayee('signature')
    if (error instanceof SealError || error instanceof StatementError || error instanceof BytesError)
      throw refusePayee('payee-invalid')
    throw error
  }
}

async function assertAcceptable(
  context: NodeContext,
  { predicate }: Statement<PayeeChange> | Statement<PayeeCancellation>,
): Promise<void> {
  const { pool, policy, contributor } = predicate
  if (pool !== context.policy.pool) throw refusePayee('pool-mismatch')
  if (policy !== context.policy.digest) throw refusePayee('policy-unknown')
  if (contributor === context.policy.predicate.operator.publicKey) throw refusePayee('payee-of-operator')
  const known = await context.database
    .withTables<IngestTables>()
    .selectFrom('bundles')
    .select('receipt')
    .where('contributor', '=', contributor)
    .limit(1)
    .executeTakeFirst()
  if (known === undefined) throw refusePayee('contributor-unknown')
}

// Whoever kept a wish back on its way cannot deliver it when it suits them.
function assertFresh(context: NodeContext, { issuedAt }: { readonly issuedAt: string }): void {
  const age = context.now().getTime() - Date.parse(issuedAt)
  if (age > A_DAY_MS || age < -CLOCK_MS) throw refusePayee('payee-stale')
}

function assertFew(context: NodeContext, rows: readonly { readonly received_at: Date }[]): void {
  const since = context.now().getTime() - A_DAY_MS
  if (rows.filter(({ received_at }) => received_at.getTime() > since).length >= MOST_A_DAY)
    throw refusePayee('busy')
}

// Where the clock was set back, what happened before still happened before.
function timeOf(context: NodeContext, links: readonly PayeeLink[], { after }: NextPayout): string {
  const before = links.flatMap(({ receivedAt, cancelledAt }) => [receivedAt, cancelledAt ?? receivedAt])
  return [formatTime(context.now()), after ?? '', ...before].sort().at(-1)!
}

async function receive(
  { policy, machine, statements }: NodeContext,
  tx: Tx,
  statement: Statement<PayeeChange> | Statement<PayeeCancellation>,
  receivedAt: string,
  until: string | null,
): Promise<string> {
  const { contributor } = statement.predicate
  const options = { party: contributor, tx }
  const { node, term } = machine
  const predicate: PayeeReceipt = {
    pool: policy.pool,
    policy: policy.digest,
    node,
    term,
    contributor,
    statement: statement.digest,
    receivedAt,
    waitsUntil: until,
  }
  await statements.keep<PayeeChange | PayeeCancellation>(statement, 'party', options)
  return (await statements.issue(payeeReceipt, predicate, machine.key('ingest'), options)).digest
}

function tablesOf(tx: Tx): PayeeTx {
  return tx.withTables<PayeeTables>()
}

/**
 * Closing a usage period (spec/usage-close.md): every call up to the first that is still open, of every node and term.
 *
 * A call that is open holds back the later ones of its term; each receipt names its own latest moment, so none is
 * closed late. The statement, its ranges and the period are one transaction.
 */
import { decodeHex, parseJson } from '#bytes'
import { LedgerError } from '#ledger'
import { orderedSumRoot } from '#merkle'
import type { NodeContext, Tx } from '#node/core'
import {
  encodeSumRoot,
  formatTime,
  openStatement,
  readServingReceipt,
  servingReceiptDigest,
  termName,
  usageClose,
  usageLeafDigest,
  type Statement,
  type UsageClose,
  type UsageLeaf,
} from '#statements'
import { sql } from 'kysely'
import { isCallAsSettled } from './call-code.ts'
import { assertReceiptOf, closesBy } from './meter.ts'
import { policyInForceAt } from './policies.ts'
import { recoverLedger, unfinishedCallDigest } from './recovery.ts'
import { ledgerTables, ledgerTx, type CallRow, type LedgerDatabase, type LedgerTx } from './tables.ts'
import { inTurn } from './turns.ts'

export interface Closing {
  /** The newest close. */
  readonly digest: string
  /** False where there was nothing new to close. */
  readonly created: boolean
}

/** Closes the open period; undefined where no call was ever made. */
export function closeUsage(context: NodeContext): Promise<Closing | undefined> {
  return inTurn(context.database, () => closeInTurn(context))
}

async function closeInTurn(context: NodeContext): Promise<Closing | undefined> {
  for (;;) {
    await recoverLedger(context)
    const closing = await context.database.transaction().execute((core) => closeOnce(context, core))
    if (closing !== 'term-ending') return closing
  }
}

async function closeOnce(context: NodeContext, core: Tx): Promise<Closing | 'term-ending' | undefined> {
  const tx = ledgerTx(core)
  // One closer at a time: a second waits here and then finds the first one's close.
  await sql`lock table usage_closes in share row exclusive mode`.execute(tx)
  const previous = await previousClose(context, tx)
  const ranges = await rangesToClose(tx)
  // A node was replaced just now, and what its old term left open is not closed yet.
  if (ranges.some(({ ending }) => ending)) return 'term-ending'
  assertContinues(ranges, previous)
  if (ranges.every(({ first, last }) => last < first)) {
    return previous === undefined ? undefined : { digest: previous.digest, created: false }
  }
  const calls = await callsIn(tx, ranges)
  const statement = await context.statements.issue(
    usageClose,
    await predicateOf(context, ranges, calls, previous),
    context.machine.key('ledger'),
    { tx: core },
  )
  await store(tx, statement, ranges, context.now())
  return { digest: statement.digest, created: true }
}

/** Closes once a receipt's promise comes near; true where it did. For a timer. */
export async function closeUsageIfDue(context: NodeContext): Promise<boolean> {
  const open = await openPeriod(context)
  if (open === null) return false
  const marginMs = context.policy.predicate.usagePeriodSeconds * 100
  if (new Date(open.closesBy).getTime() - marginMs > context.now().getTime()) return false
  return (await closeUsage(context))?.created ?? false
}

/** The period that is open, and by when the oldest receipt in it will be closed; null where it is empty. */
export async function openPeriod(context: NodeContext): Promise<{ period: number; closesBy: string } | null> {
  const database = ledgerTables(context.database)
  const { rows } = await sql<{ oldest: Date | null }>`
    select min(calls.settled_at) as oldest
    from call_counters as counter join calls using (node, term)
    where calls.sequence > coalesce((select max(last) from usage_ranges as range
      where range.node = counter.node and range.term = counter.term), 0)`.execute(database)
  const oldest = rows[0]?.oldest
  if (oldest == null) return null
  const period = ((await newestClose(database))?.period ?? 0) + 1
  return { period, closesBy: closesBy(context, oldest) }
}

/** A close's leaves in the order of its ranges; public. */
export async function usageLeavesOf(context: NodeContext, close: string): Promise<UsageLeaf[]> {
  const database = ledgerTables(context.database)
  const ranges = await database
    .selectFrom('usage_ranges')
    .selectAll()
    .where('close', '=', close)
    .orderBy('place')
    .execute()
  return (await callsIn(database, ranges)).map(leafOf)
}

/** A stored close, signed by this pool's ledger. */
export async function findClose(
  { statements, machine }: NodeContext,
  digest: string,
): Promise<Statement<UsageClose> | undefined> {
  const stored = await statements.find(digest)
  if (stored === undefined) return undefined
  const statement = await openStatement(usageClose, stored.envelope)
  return statement.signer === machine.key('ledger').publicKey && statement.digest === digest
    ? statement
    : undefined
}

interface Range {
  readonly node: string
  readonly term: number
  readonly first: bigint
  readonly last: bigint
  readonly final: boolean
}

interface OpenRange extends Range {
  readonly ending: boolean
}

// A term without a new call has an empty range, until it is final: no term can be passed over in silence. Counters,
// open calls and earlier ranges are read in one statement, which sees one moment.
async function rangesToClose(tx: LedgerTx): Promise<OpenRange[]> {
  const { rows } = await sql<OpenRange>`
    select node, term, closed + 1 as first, coalesce(first_open - 1, last) as last,
      sealed and first_open is null as final, sealed and first_open is not null as ending
    from (
      select node, term, last, sealed,
        coalesce((select max(range.last) from usage_ranges as range
          where range.node = counter.node and range.term = counter.term), 0) as closed,
        (select min(sequence) from calls
          where calls.node = counter.node and calls.term = counter.term and state = 'open') as first_open
      from call_counters as counter
      where not exists (select 1 from usage_ranges as range
        where range.node = counter.node and range.term = counter.term and range.final)
    ) as counters
    order by node, term`.execute(tx)
  return rows
}

type MeteredRow = Omit<CallRow, 'position'>

async function callsIn(from: LedgerTx | LedgerDatabase, ranges: readonly Range[]): Promise<MeteredRow[]> {
  const calls: MeteredRow[] = []
  for (const { node, term, first, last } of ranges) {
    const rows = await from
      .selectFrom('calls')
      .selectAll()
      .where('node', '=', node)
      .where('term', '=', term)
      .where('sequence', '>=', first)
      .where('sequence', '<=', last)
      .orderBy('sequence')
      .execute()
    if (BigInt(rows.length) !== last - first + 1n)
      throw new Error('a call is missing from the table of calls')
    calls.push(...rows)
  }
  return calls
}

async function predicateOf(
  context: NodeContext,
  ranges: readonly Range[],
  calls: readonly MeteredRow[],
  previous: Statement<UsageClose> | undefined,
): Promise<UsageClose> {
  for (const call of calls) assertAsReceipted(context, call)
  const tree = orderedSumRoot(
    calls.map(leafOf).map((leaf) => ({ sum: BigInt(leaf.amount), digest: decodeHex(usageLeafDigest(leaf)) })),
  )
  const from =
    previous === undefined
      ? new Date(Math.min(...calls.map((call) => call.admitted_at.getTime())))
      : new Date(previous.predicate.closedAt)
  const policy = await policyInForceAt(context, from)
  return {
    pool: context.policy.pool,
    policy: policy.digest,
    period: (previous?.predicate.period ?? 0) + 1,
    previous: previous?.digest ?? null,
    from: formatTime(from),
    closedAt: formatTime(context.now()),
    currency: policy.predicate.currency,
    ranges: ranges.map(({ node, term, first, last, final }) => ({
      node,
      term,
      first: Number(first),
      last: Number(last),
      final,
    })),
    calls: calls.length,
    tree: encodeSumRoot(tree),
    models: totalsByModel(calls),
  }
}

// Rows are an index: what is signed here must be what the receipts say, or what nobody could have changed.
function assertAsReceipted(context: NodeContext, call: MeteredRow): void {
  if (!isCallAsSettled(context, call))
    throw new LedgerError('not-conserved', 'a call is no longer what its node settled')
  if (call.receipt === null) {
    const expected = unfinishedCallDigest({ ...call, sequence: Number(call.sequence) })
    if (call.amount !== 0n || call.receipt_digest !== expected)
      throw new Error('an unfinished call was changed')
    return
  }
  const receipt = readServingReceipt(parseJson(call.receipt))
  if (servingReceiptDigest(receipt) !== call.receipt_digest) throw new Error('a stored receipt was changed')
  assertReceiptOf(receipt, {
    ...call,
    amount: call.amount ?? -1n,
    promptTokens: Number(call.prompt_tokens),
    completionTokens: Number(call.completion_tokens),
  })
}

function leafOf(call: MeteredRow): UsageLeaf {
  const { node, term, sequence, model, serves, amount, receipt_digest: receipt } = call
  if (amount === null || receipt === null) throw new Error('an open call is not in a closed period')
  return { node, term, sequence: Number(sequence), model, serves, amount: String(amount), receipt }
}

function totalsByModel(calls: readonly MeteredRow[]): UsageClose['models'] {
  const models = Map.groupBy(calls, ({ serves, model }) => `${model} ${serves}`)
  const total = (of: readonly MeteredRow[], field: 'amount' | 'prompt_tokens' | 'completion_tokens') =>
    of.reduce((all, call) => all + (call[field] ?? 0n), 0n)
  return [...models.entries()]
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([, of]) => ({
      model: of[0]!.model,
      serves: of[0]!.serves,
      calls: of.length,
      promptTokens: Number(total(of, 'prompt_tokens')),
      completionTokens: Number(total(of, 'completion_tokens')),
      amount: String(total(of, 'amount')),
    }))
}

async function newestClose(from: LedgerTx | LedgerDatabase) {
  return from.selectFrom('usage_closes').selectAll().orderBy('period', 'desc').limit(1).executeTakeFirst()
}

// The close before counts as it was signed, whatever its row and its ranges' rows say.
async function previousClose(context: NodeContext, tx: LedgerTx): Promise<Statement<UsageClose> | undefined> {
  const row = await newestClose(tx)
  if (row === undefined) return undefined
  const statement = await findClose(context, row.digest)
  if (statement?.predicate.pool !== context.policy.pool || statement.predicate.period !== row.period)
    throw new Error('a stored close is not signed by this ledger')
  return statement
}

function assertContinues(ranges: readonly Range[], previous: Statement<UsageClose> | undefined): void {
  const open = new Map(
    (previous?.predicate.ranges ?? []).filter(({ final }) => !final).map((one) => [termName(one), one.last]),
  )
  for (const range of ranges) {
    if (Number(range.first) !== (open.get(termName(range)) ?? 0) + 1)
      throw new Error('a range does not begin where the signed close before ended')
    open.delete(termName(range))
  }
  if (open.size > 0) throw new Error('a term of the close before is missing')
}

async function store(
  tx: LedgerTx,
  { digest, predicate }: Statement<UsageClose>,
  ranges: readonly Range[],
  closedAt: Date,
): Promise<void> {
  await tx
    .insertInto('usage_closes')
    .values({ digest, period: predicate.period, closed_at: closedAt })
    .execute()
  await tx
    .insertInto('usage_ranges')
    .values(
      ranges.map(({ node, term, first, last, final }, place) => ({
        close: digest,
        place,
        node,
        term,
        first,
        last,
        final,
      })),
    )
    .execute()
}

/**
 * What a dead term left open (spec/usage-close.md §unfinished): closed by its successor, so that the sequence stays
 * gap-free and the buyer pays nothing.
 *
 * The dead term's serve key is gone, so nobody can sign a receipt. The usage leaf names a document that says just that.
 */
import { sql } from 'kysely'
import { digestOf } from '#bytes'
import { LedgerError } from '#ledger'
import type { NodeContext } from '#node/core'
import { voidTransfer } from './accounts.ts'
import { codeOfCall } from './call-code.ts'
import { ledgerTables, ledgerTx } from './tables.ts'

/** Run at every start before anything is admitted; also before every close. Returns how many calls it closed. */
export async function recoverLedger(context: NodeContext): Promise<number> {
  await holdCurrency(context)
  await countTerms(context)
  return closeUnfinished(context)
}

/** What a usage leaf names instead of a receipt where there is none. */
export function unfinishedCallDigest(of: { node: string; term: number; sequence: number }): string {
  const { node, term, sequence } = of
  return digestOf({ format: 'fairweight/unfinished-call/v1', node, term, sequence })
}

// Amounts of two currencies must never meet in one account.
async function holdCurrency(context: NodeContext): Promise<void> {
  const { asset, scale } = context.policy.predicate.currency
  const database = ledgerTables(context.database)
  await database
    .insertInto('ledger_currency')
    .values({ asset, scale })
    .onConflict((conflict) => conflict.column('singleton').doNothing())
    .execute()
  const held = await database.selectFrom('ledger_currency').selectAll().executeTakeFirstOrThrow()
  if (held.asset !== asset || held.scale !== scale) {
    throw new LedgerError('amount-invalid', `this ledger counts ${held.asset} at scale ${held.scale}`)
  }
}

// Every term has a counter, so that every close names it. A sealed counter gives out no number any more, not even to
// a process that does not know it was replaced.
async function countTerms({ database, machine }: NodeContext): Promise<void> {
  await sql`
    insert into call_counters (node, term, last, sealed)
    select node, term, 0, term < max(term) over (partition by node) from (
      select node, term from terms union select node, term from call_counters
      union select ${machine.node}::text, ${machine.term}::integer
    ) as known
    order by node, term
    on conflict (node, term) do update set sealed = true where excluded.sealed and not call_counters.sealed`.execute(
    database,
  )
}

async function closeUnfinished(context: NodeContext): Promise<number> {
  return context.database.transaction().execute(async (core) => {
    const tx = ledgerTx(core)
    const open = await tx
      .selectFrom('calls')
      .innerJoin('call_counters', (join) =>
        join.onRef('calls.node', '=', 'call_counters.node').onRef('calls.term', '=', 'call_counters.term'),
      )
      .selectAll('calls')
      .where('calls.state', '=', 'open')
      .where('call_counters.sealed', '=', true)
      .orderBy('calls.id')
      .forUpdate(['calls'])
      .execute()
    const now = context.now()
    for (const call of open) {
      await voidTransfer(tx, call.transfer, now)
      const outcome = {
        state: 'unfinished' as const,
        prompt_tokens: 0n,
        completion_tokens: 0n,
        amount: 0n,
        receipt_digest: unfinishedCallDigest({ ...call, sequence: Number(call.sequence) }),
        settled_at: now,
      }
      await tx
        .updateTable('calls')
        .set({ ...outcome, code: codeOfCall(context, { ...call, ...outcome }) })
        .where('id', '=', call.id)
        .execute()
    }
    return open.length
  })
}

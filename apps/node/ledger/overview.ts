/** The ledger in numbers, for the operator's status: no account is named. */
import { sql } from 'kysely'
import type { NodeContext } from '#node/core'
import type { Status } from '#statements'
import { trialBalance } from './accounts.ts'
import { ledgerTables } from './tables.ts'

/** Every account and transfer added up anew. */
export async function booksOf({ database }: NodeContext): Promise<Status['books']> {
  const tables = ledgerTables(database)
  const { total, drifted } = await trialBalance(tables)
  const { accounts } = await tables
    .selectFrom('accounts')
    .select(({ fn }) => fn.countAll<bigint>().as('accounts'))
    .executeTakeFirstOrThrow()
  return { accounts: Number(accounts), sumsToZero: total === 0n, drifted: drifted.length }
}

export async function closesOf({
  database,
}: NodeContext): Promise<Pick<Status['usage'], 'closed' | 'unpaid'>> {
  const { rows } = await sql<{ closed: number; unpaid: number }>`
    select count(*)::int as closed, (count(*) filter (where payouts.digest is null))::int as unpaid
    from usage_closes left join payouts on payouts.usage_close = usage_closes.digest`.execute(database)
  return rows[0]!
}

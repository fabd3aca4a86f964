/** Transfers in the database, by the rules and in the words of `#ledger`; each runs in the caller's transaction. */
import { sql } from 'kysely'
import pg from 'pg'
import { LedgerError, type AccountKind, type LedgerErrorCode } from '#ledger'
import type { LedgerDatabase, LedgerTx } from './tables.ts'

/** Payments from outside: its balance is minus what buyers have paid in. */
export const EXTERNAL = 'external'
/** What buyers were charged and nobody has been paid yet. */
export const REVENUE = 'revenue'
/** What rounding down left over. */
export const CARRY = 'carry'

export const buyerAccount = (buyer: string): string => `buyer/${buyer}`
export const payeeAccount = (publicKey: string): string => `payee/${publicKey}`

export interface NewTransfer {
  readonly id: string
  readonly debit: string
  readonly credit: string
  readonly amount: bigint
}

/** Opens an account; one that is open already stays as it is. */
export async function ensureAccount(tx: LedgerTx, id: string, kind: AccountKind): Promise<void> {
  await tx
    .insertInto('accounts')
    .values({ id, kind })
    .onConflict((conflict) => conflict.column('id').doNothing())
    .execute()
}

/** Holds `amount` back from the debit account. Throws {@link LedgerError}, which spoils the transaction. */
export async function reserve(tx: LedgerTx, transfer: NewTransfer, now: Date): Promise<void> {
  await refusing(() =>
    tx
      .insertInto('transfers')
      .values({ ...transfer, state: 'pending', posted: null, created_at: now, resolved_at: null })
      .execute(),
  )
}

/** Moves `amount` at once. Throws {@link LedgerError}, which spoils the transaction. */
export async function transfer(tx: LedgerTx, transfer: NewTransfer, now: Date): Promise<void> {
  const { amount } = transfer
  await refusing(() =>
    tx
      .insertInto('transfers')
      .values({ ...transfer, state: 'posted', posted: amount, created_at: now, resolved_at: now })
      .execute(),
  )
}

/** Moves `amount` of what was reserved and releases the rest. Throws {@link LedgerError}. */
export async function post(tx: LedgerTx, id: string, amount: bigint, now: Date): Promise<void> {
  await resolve(tx, id, { state: 'posted', posted: amount, resolved_at: now })
}

/** Releases what was reserved. Throws {@link LedgerError}. */
export async function voidTransfer(tx: LedgerTx, id: string, now: Date): Promise<void> {
  await resolve(tx, id, { state: 'voided', posted: null, resolved_at: now })
}

export interface TrialBalance {
  /** The sum of all balances: zero, or the ledger is broken. */
  readonly total: bigint
  /** Accounts whose balance is not what their transfers make of it: none, or a row was edited. */
  readonly drifted: readonly string[]
}

/** Adds up every account and every transfer anew. */
export async function trialBalance(database: LedgerDatabase | LedgerTx): Promise<TrialBalance> {
  const { rows } = await sql<{ id: string; balance: bigint; drifted: boolean }>`
    with moved as (
      select id, sum(change)::numeric as balance, sum(held)::numeric as reserved from (
        select debit as id, -coalesce(posted, 0) as change,
          case when state = 'pending' then amount else 0 end as held from transfers
        union all select credit, coalesce(posted, 0), 0 from transfers
      ) as entries group by id
    )
    select id, accounts.balance,
      accounts.balance <> coalesce(moved.balance, 0) or accounts.reserved <> coalesce(moved.reserved, 0) as drifted
    from accounts left join moved using (id) order by id`.execute(database)
  return {
    total: rows.reduce((all, { balance }) => all + balance, 0n),
    drifted: rows.filter(({ drifted }) => drifted).map(({ id }) => id),
  }
}

interface Resolution {
  readonly state: 'posted' | 'voided'
  readonly posted: bigint | null
  readonly resolved_at: Date
}

async function resolve(tx: LedgerTx, id: string, to: Resolution): Promise<void> {
  const [changed] = await refusing(() =>
    tx.updateTable('transfers').set(to).where('id', '=', id).where('state', '=', 'pending').execute(),
  )
  if (changed?.numUpdatedRows === 1n) return
  const found = await tx.selectFrom('transfers').select('state').where('id', '=', id).executeTakeFirst()
  if (found === undefined) throw new LedgerError('transfer-unknown', `no transfer ${id}`)
  throw new LedgerError('transfer-not-pending', `transfer ${id} is ${found.state}`)
}

const REFUSALS: Readonly<Record<string, LedgerErrorCode>> = {
  accounts_not_overdrawn: 'balance-insufficient',
  transfers_pkey: 'transfer-exists',
  transfers_accounts: 'account-same',
  transfers_amount: 'amount-invalid',
  transfers_posted: 'amount-invalid',
  transfers_debit_fkey: 'account-unknown',
  transfers_credit_fkey: 'account-unknown',
}

// The database says which of its constraints refused; the rules have a word for each.
async function refusing<Result>(statement: () => Promise<Result>): Promise<Result> {
  try {
    return await statement()
  } catch (error) {
    const code = error instanceof pg.DatabaseError ? REFUSALS[error.constraint ?? ''] : undefined
    if (code === undefined) throw error
    throw new LedgerError(code, `the ledger refused: ${code}`)
  }
}

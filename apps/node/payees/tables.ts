/**
 * Payee changes in the order in which they were taken, with what became of each.
 *
 * Rows are an index over statements. Each carries a code that only this pool's machines can make, so that storage can
 * neither plant a receipt nor hide an objection; putting an old row back is a rollback, and shows to the contributor.
 */
import type { CoreTables, Database, Migrations, Tx } from '#node/core'

export interface PayeeChangeRow {
  readonly contributor: string
  /** Place in the contributor's list, from 1, cancelled ones included. */
  readonly place: number
  /** Digests of statements. */
  readonly change: string
  readonly receipt: string
  readonly cancellation: string | null
  readonly cancellation_receipt: string | null
  readonly received_at: Date
  readonly code: string
}

// A type and not an interface: Kysely asks for an index signature.
export type PayeeTables = { payee_changes: PayeeChangeRow }
export type PayeeDatabase = Database<CoreTables & PayeeTables>
export type PayeeTx = Tx<CoreTables & PayeeTables>

export const payeeMigrations: Migrations = {
  '0250-payees': `
    create table payee_changes (
      contributor text not null,
      place integer not null,
      change text not null unique,
      receipt text not null unique,
      cancellation text unique,
      cancellation_receipt text unique,
      received_at timestamptz not null,
      code text not null,
      primary key (contributor, place)
    );`,
}

/**
 * The node's tables and how they come to be: plain SQL migrations through Kysely, one list for all roles.
 *
 * Rows are an index that can be rebuilt from statements; trust never rests on a row.
 */
import { Kysely, PostgresDialect, sql, type Generated, type Transaction } from 'kysely'
import { Migrator, type Migration } from 'kysely/migration'
import pg from 'pg'

/** A statement as it stands in the outbox and in the index. `leaf_index` is null until the log has it. */
export interface StatementRow {
  readonly digest: string
  readonly kind: string
  readonly visibility: 'public' | 'party'
  readonly envelope: string
  readonly salt: string
  readonly leaf_index: number | null
  /** Public key of the party that may see it; null for public ones. */
  readonly party: string | null
  readonly position: Generated<bigint>
}

/** A cosigned checkpoint as it was published: witnesses' clocks bound when something was said. */
export interface CheckpointRow {
  readonly size: number
  readonly note: string
}

export interface TermRow {
  readonly node: string
  readonly term: number
  readonly started_at: Date
}

export interface CoreTables {
  statements: StatementRow
  terms: TermRow
  checkpoints: CheckpointRow
}

export type Database<Tables = CoreTables> = Kysely<Tables>
export type Tx<Tables = CoreTables> = Transaction<Tables>

/** SQL by name; names sort in the order in which they run. Each role owns a prefix. */
export type Migrations = Readonly<Record<string, string>>

export const coreMigrations: Migrations = {
  '0001-core': `
    create table statements (
      digest text primary key check (digest ~ '^[0-9a-f]{64}$'),
      kind text not null,
      visibility text not null check (visibility in ('public', 'party')),
      envelope text not null,
      salt text not null,
      leaf_index integer unique,
      party text,
      position bigint generated always as identity
    );
    create index statements_by_kind on statements (kind, position);
    create index statements_pending on statements (position) where leaf_index is null;
    create table checkpoints (
      size integer primary key,
      note text not null
    );
    create table terms (
      node text not null,
      term integer not null,
      started_at timestamptz not null,
      primary key (node, term)
    );`,
}

/** Every count and amount arrives as what it is: int8 and numeric sums as bigint, never as text. */
export function openDatabase(url: string): Database {
  const pool = new pg.Pool({ connectionString: url, max: 10, types: { getTypeParser: parserOf } })
  // An idle connection that the server closes is replaced at the next query; nobody else must hear of it.
  pool.on('error', () => undefined)
  return new Kysely<CoreTables>({ dialect: new PostgresDialect({ pool }) })
}

const INT8 = 20
const NUMERIC = 1700

function parserOf(oid: number, format?: 'text' | 'binary'): (text: string) => unknown {
  if (oid === INT8 || oid === NUMERIC) return (text: string) => BigInt(text)
  return (pg.types.getTypeParser as (oid: number, format?: string) => (text: string) => unknown)(oid, format)
}

/** Brings the schema up to date; throws where a migration fails, which then changed nothing. */
export async function migrate(database: Database, ...lists: readonly Migrations[]): Promise<void> {
  const all = Object.fromEntries(
    lists.flatMap((list) =>
      Object.entries(list).map(([name, text]): [string, Migration] => [
        name,
        { up: async (db) => void (await sql.raw(text).execute(db)) },
      ]),
    ),
  )
  const { error } = await new Migrator({
    db: database,
    provider: { getMigrations: async () => all },
    // Each role numbers its own, so a new one of an earlier role comes after those of a later.
    allowUnorderedMigrations: true,
  }).migrateToLatest()
  if (error !== undefined) throw new Error('the database could not be brought up to date', { cause: error })
}

/**
 * Statements, signed and logged exactly once.
 *
 * A statement is written in the transaction of whatever it is about (an outbox row with its salt), and enters
 * the log afterwards. A crash in between leaves a row without a leaf index; the next `integrate`, at start or
 * on the way, appends it. The salt is in the row, so the entry's bytes are the same and the log keeps one.
 */
import { randomBytes } from 'node:crypto'
import { decodeHex } from '#bytes'
import type { Envelope, SigningKey } from '#seal'
import {
  encodeLogLeaf,
  logLeafOf,
  signStatement,
  type KindName,
  type Statement,
  type StatementKind,
} from '#statements'
import type { Database, StatementRow, Tx } from './database.ts'

/** What this module needs from the log: identical entries get the index they already have. */
export interface LogWriter {
  readonly append: (entries: readonly Uint8Array[]) => Promise<readonly number[]>
  /** Signs the grown tree and gathers the witnesses' cosignatures. */
  readonly publish: () => Promise<void>
}

export interface StoredStatement {
  readonly digest: string
  readonly kind: KindName
  readonly envelope: Envelope
  readonly salt: string
  /** Null until the log has it. */
  readonly leafIndex: number | null
  readonly party: string | null
}

export interface StatementStore {
  /** Signs and stores, in the caller's transaction where there is one. Logged by the next {@link integrate}. */
  readonly issue: <Predicate>(
    kind: StatementKind<Predicate>,
    predicate: NoInfer<Predicate>,
    key: SigningKey,
    options?: { party?: string; tx?: Tx },
  ) => Promise<Statement<Predicate>>
  /** Stores what somebody else signed and the caller has verified. The same statement twice is one row. */
  readonly keep: <Predicate>(
    statement: Statement<Predicate>,
    visibility: 'public' | 'party',
    options?: { party?: string; tx?: Tx },
  ) => Promise<void>
  /** Brings every stored statement into the log, then publishes a checkpoint. Safe to call at any time. */
  readonly integrate: () => Promise<void>
  /** How long the log is at least: what this process has seen of it, whatever rows say. */
  readonly logSize: () => number
  /** Where the log itself has these stored statements. Throws where one is not stored. */
  readonly placesOf: (digests: readonly string[]) => Promise<readonly number[]>
  readonly find: (digest: string) => Promise<StoredStatement | undefined>
  readonly list: (kind: KindName) => Promise<readonly StoredStatement[]>
}

export function createStatementStore(database: Database, log: LogWriter): StatementStore {
  const insert = async (row: Omit<StatementRow, 'position' | 'salt' | 'leaf_index'>, tx: Database | Tx) => {
    await tx
      .insertInto('statements')
      .values({ ...row, salt: randomBytes(32).toString('hex'), leaf_index: null })
      .onConflict((conflict) => conflict.column('digest').doNothing())
      .execute()
  }

  let seen = 0

  const integrateOnce = async () => {
    const pending = await database
      .selectFrom('statements')
      .select(['digest', 'kind', 'salt'])
      .where('leaf_index', 'is', null)
      .orderBy('position')
      .execute()
    if (pending.length > 0) {
      const entries = pending.map((row) =>
        encodeLogLeaf(logLeafOf(row.kind as KindName, row.digest, row.salt)),
      )
      const indexes = await log.append(entries)
      await database.transaction().execute(async (tx) => {
        for (const [at, row] of pending.entries()) {
          await tx
            .updateTable('statements')
            .set({ leaf_index: indexes[at]! })
            .where('digest', '=', row.digest)
            .execute()
        }
      })
      for (const index of indexes) seen = Math.max(seen, index + 1)
    }
    await log.publish()
  }

  const find = async (digest: string) => {
    const row = await database
      .selectFrom('statements')
      .selectAll()
      .where('digest', '=', digest)
      .executeTakeFirst()
    return row === undefined ? undefined : fromRow(row)
  }

  // One at a time: the order of the log is the order of the outbox.
  let last: Promise<unknown> = Promise.resolve()
  const integrate = () => {
    const next = last.then(integrateOnce, integrateOnce)
    last = next.catch(() => undefined)
    return next
  }

  return {
    async issue(kind, predicate, key, options = {}) {
      const statement = await signStatement(kind, predicate, key)
      const { visibility } = kind
      await insert(
        {
          digest: statement.digest,
          kind: kind.kind,
          visibility,
          envelope: JSON.stringify(statement.envelope),
          party: options.party ?? null,
        },
        options.tx ?? database,
      )
      return statement
    },
    async keep(statement, visibility, options = {}) {
      await insert(
        {
          digest: statement.digest,
          kind: statement.kind,
          visibility,
          envelope: JSON.stringify(statement.envelope),
          party: options.party ?? null,
        },
        options.tx ?? database,
      )
    },
    integrate,
    logSize: () => seen,
    async placesOf(digests) {
      const entries: Uint8Array[] = []
      for (const digest of digests) {
        const stored = await find(digest)
        if (stored === undefined) throw new Error(`statement ${digest} is not stored`)
        entries.push(encodeLogLeaf(logLeafOf(stored.kind, stored.digest, stored.salt)))
      }
      // An entry that the log has keeps its place: asking for it is appending it again.
      return entries.length === 0 ? [] : log.append(entries)
    },
    find,
    async list(kind) {
      const rows = await database
        .selectFrom('statements')
        .selectAll()
        .where('kind', '=', kind)
        .orderBy('position')
        .execute()
      return rows.map(fromRow)
    },
  }
}

function fromRow(row: Omit<StatementRow, 'position'>): StoredStatement {
  return {
    digest: row.digest,
    kind: row.kind as KindName,
    envelope: JSON.parse(row.envelope) as Envelope,
    salt: row.salt,
    leafIndex: row.leaf_index,
    party: row.party,
  }
}

/** The digest under which the log shows a stored statement; the key of its leaf in a manifest. */
export function loggedDigest(stored: Pick<StoredStatement, 'kind' | 'digest' | 'salt'>): string {
  return logLeafOf(stored.kind, stored.digest, stored.salt).digest
}

/** 32 bytes from a stored statement's salt, for formats that want bytes. */
export function saltBytes(stored: Pick<StoredStatement, 'salt'>): Uint8Array {
  return decodeHex(stored.salt)
}

/**
 * API keys of buyers (spec/buyer-account.md §keys): made, rotated with an overlap, revoked, and never changed otherwise.
 *
 * A key is `fw-`, a name that may be known, and 32 secret bytes. The database holds its SHA-256 only: a fast hash is
 * enough for a secret that nobody can guess. Keys and what ends them are rows that are only ever added, so they are
 * their own history; a code marks those that a node of this pool wrote.
 */
import { timingSafeEqual } from 'node:crypto'
import { hashToken, HttpError, isRowCode, rowCode, type NodeContext } from '#node/core'
import {
  ledgerTables,
  ledgerTx,
  type KeyEndRow,
  type KeyRow,
  type LedgerDatabase,
  type LedgerTx,
} from './tables.ts'

export interface KeyMade {
  /** The part that may be known, 16 hexadecimal digits. */
  readonly id: string
  /** SHA-256 of the whole key. */
  readonly hash: string
}

export interface ValidKey {
  readonly id: string
  readonly buyer: string
  /** It was replaced and its overlap runs: good for calls, and for nothing that outlasts it. */
  readonly ending: boolean
}

type By = 'operator' | 'buyer'

/** Each made by its owner in a day: a key that is left lying about must not fill the table. */
const ROTATIONS_A_DAY = 20

/** The key that this is, valid now; undefined where it is nobody's, ended, or not written by a node of this pool. */
export async function findKey(context: NodeContext, apiKey: string): Promise<ValidKey | undefined> {
  const id = /^fw-([0-9a-f]{16})-[0-9a-f]{64}$/.exec(apiKey)?.[1]
  const row =
    id === undefined
      ? undefined
      : await ledgerTables(context.database)
          .selectFrom('api_keys')
          .selectAll()
          .where('id', '=', id)
          .executeTakeFirst()
  // Compared in either case, so that a key's name cannot be told from no name by the clock.
  const expected = Buffer.from(row?.hash ?? '0'.repeat(64))
  const same = timingSafeEqual(Buffer.from(hashToken(apiKey)), expected)
  if (!same || row === undefined || !isOwnKey(context, row)) return undefined
  const ends = await endsOf(ledgerTables(context.database), row.id)
  const until = validUntil(ends)
  if (until !== null && until <= context.now()) return undefined
  return { id: row.id, buyer: row.buyer, ending: until !== null }
}

/** Writes a key down. Throws {@link HttpError} 409 where its name is taken. */
export async function insertKey(
  context: NodeContext,
  tx: LedgerTx,
  buyer: string,
  { id, hash }: KeyMade,
  by: By,
): Promise<void> {
  const row = { id, hash, buyer, made_by: by, created_at: context.now() }
  const made = await tx
    .insertInto('api_keys')
    .values({ ...row, code: codeOfKey(context, row) })
    .onConflict((conflict) => conflict.column('id').doNothing())
    .executeTakeFirst()
  if (made.numInsertedOrUpdatedRows !== 1n)
    throw new HttpError(409, 'key_exists', 'There is a key of this name: make another one.', 'id')
}

/** A further key, by the operator. The same again changes nothing and returns false. */
export async function issueKey(context: NodeContext, buyer: string, key: KeyMade): Promise<boolean> {
  return context.database.transaction().execute(async (core) => {
    const tx = ledgerTx(core)
    await holdBuyer(tx, buyer)
    const there = await tx.selectFrom('api_keys').selectAll().where('id', '=', key.id).executeTakeFirst()
    if (there?.buyer === buyer && there.hash === key.hash && isOwnKey(context, there)) return false
    await insertKey(context, tx, buyer, key, 'operator')
    return true
  })
}

export interface Rotation extends KeyMade {
  readonly overlapSeconds: number
}

export interface Rotated {
  /** Until when the old key is good for calls. */
  readonly validUntil: Date
  readonly created: boolean
}

/**
 * Puts a new key in the place of `old`, which stays good for the overlap. The same again changes nothing.
 * Throws {@link HttpError} 409 where `old` was replaced by another key: two holders cannot both have the next one.
 */
export async function rotateKey(context: NodeContext, old: ValidKey, next: Rotation): Promise<Rotated> {
  return context.database.transaction().execute(async (core) => {
    const tx = ledgerTx(core)
    await holdBuyer(tx, old.buyer)
    const ends = await endsOf(tx, old.id)
    if (ends.some(({ kind }) => kind === 'revocation'))
      throw new HttpError(401, 'invalid_api_key', 'This API key was revoked.')
    const before = ends.find(({ kind }) => kind === 'rotation')
    if (before !== undefined) return sameRotation(tx, before, next)
    await assertFewRotations(context, tx, old.buyer)
    await insertKey(context, tx, old.buyer, next, 'buyer')
    const end = {
      kind: 'rotation' as const,
      replacedBy: next.id,
      by: 'buyer' as const,
      validUntil: new Date(context.now().getTime() + next.overlapSeconds * 1000),
    }
    await insertEnd(context, tx, old, end)
    return { validUntil: end.validUntil, created: true }
  })
}

/** Ends a key now, whatever its overlap. Ending it again changes nothing. Throws {@link HttpError} 404. */
export async function revokeKey(
  context: NodeContext,
  key: Pick<ValidKey, 'id' | 'buyer'>,
  by: By,
): Promise<boolean> {
  return context.database.transaction().execute(async (core) => {
    const tx = ledgerTx(core)
    await holdBuyer(tx, key.buyer)
    const found = await tx
      .selectFrom('api_keys')
      .select('id')
      .where('id', '=', key.id)
      .where('buyer', '=', key.buyer)
      .executeTakeFirst()
    if (found === undefined) throw new HttpError(404, 'key_unknown', 'There is no such key.')
    const ends = await endsOf(tx, key.id)
    if (ends.some(({ kind }) => kind === 'revocation')) return false
    const end = { kind: 'revocation' as const, replacedBy: null, by, validUntil: context.now() }
    await insertEnd(context, tx, key, end)
    return true
  })
}

export interface KeyView {
  readonly id: string
  /** `refused`: no node of this pool wrote this row, and it opens nothing. */
  readonly state: 'valid' | 'ending' | 'ended' | 'refused'
  readonly createdAt: string
  readonly madeBy: By
  readonly validUntil: string | null
  readonly ends: readonly {
    /** `unproven`: the key is taken for ended, and no node of this pool said so. */
    readonly kind: 'rotation' | 'revocation' | 'unproven'
    readonly by: By
    readonly at: string
    readonly validUntil: string
    readonly replacedBy: string | null
  }[]
}

/** All keys of a buyer that ever were, oldest first, with what ended them. Throws {@link HttpError} 404. */
export async function keysOf(context: NodeContext, buyer: string): Promise<KeyView[]> {
  const database = ledgerTables(context.database)
  const known = await database.selectFrom('buyers').select('id').where('id', '=', buyer).executeTakeFirst()
  if (known === undefined) throw buyerUnknown()
  const keys = await database
    .selectFrom('api_keys')
    .selectAll()
    .where('buyer', '=', buyer)
    .orderBy('created_at')
    .orderBy('id')
    .execute()
  const views: KeyView[] = []
  for (const key of keys) views.push(viewOf(context, key, await endsOf(database, key.id)))
  return views
}

function viewOf(context: NodeContext, key: KeyRow, ends: readonly KeyEndRow[]): KeyView {
  const until = validUntil(ends)
  const state = until === null ? 'valid' : until > context.now() ? 'ending' : 'ended'
  return {
    id: key.id,
    state: isOwnKey(context, key) ? state : 'refused',
    createdAt: key.created_at.toISOString(),
    madeBy: key.made_by,
    validUntil: until?.toISOString() ?? null,
    ends: ends.map((end) => ({
      kind: isRowCode(context.machine, END_PURPOSE, saidByEnd(end), end.code) ? end.kind : 'unproven',
      by: end.by,
      at: end.at.toISOString(),
      validUntil: end.valid_until.toISOString(),
      replacedBy: end.replaced_by,
    })),
  }
}

// An answer that was lost on its way is asked for again.
async function sameRotation(tx: LedgerTx, before: KeyEndRow, next: Rotation): Promise<Rotated> {
  const made = await tx
    .selectFrom('api_keys')
    .select('hash')
    .where('id', '=', before.replaced_by!)
    .executeTakeFirstOrThrow()
  if (before.replaced_by === next.id && made.hash === next.hash)
    return { validUntil: before.valid_until, created: false }
  throw new HttpError(
    409,
    'key_replaced',
    'This key was replaced by another one already. If that was not you, ask the operator to revoke both.',
  )
}

async function assertFewRotations(context: NodeContext, tx: LedgerTx, buyer: string): Promise<void> {
  const { made } = await tx
    .selectFrom('api_keys')
    .select(({ fn }) => fn.countAll<bigint>().as('made'))
    .where('buyer', '=', buyer)
    .where('made_by', '=', 'buyer')
    .where('created_at', '>', new Date(context.now().getTime() - 86_400_000))
    .executeTakeFirstOrThrow()
  if (made >= BigInt(ROTATIONS_A_DAY))
    throw new HttpError(429, 'too_many_keys', `A buyer makes ${ROTATIONS_A_DAY} keys a day at most.`)
}

interface NewEnd {
  readonly kind: 'rotation' | 'revocation'
  readonly by: By
  readonly replacedBy: string | null
  readonly validUntil: Date
}

async function insertEnd(
  context: NodeContext,
  tx: LedgerTx,
  { id, buyer }: Pick<ValidKey, 'id' | 'buyer'>,
  { kind, by, replacedBy, validUntil: valid_until }: NewEnd,
): Promise<void> {
  const row = { key: id, buyer, kind, by, replaced_by: replacedBy, valid_until, at: context.now() }
  const code = rowCode(context.machine, END_PURPOSE, saidByEnd(row))
  await tx
    .insertInto('api_key_ends')
    .values({ ...row, code })
    .execute()
}

// One change of a buyer's keys at a time.
async function holdBuyer(tx: LedgerTx, buyer: string): Promise<void> {
  const held = await tx
    .selectFrom('buyers')
    .select('id')
    .where('id', '=', buyer)
    .forNoKeyUpdate()
    .executeTakeFirst()
  if (held === undefined) throw buyerUnknown()
}

function endsOf(from: LedgerTx | LedgerDatabase, key: string): Promise<KeyEndRow[]> {
  return from.selectFrom('api_key_ends').selectAll().where('key', '=', key).orderBy('at').execute()
}

// A row that nobody of ours wrote can only end a key: that is refused service, and not somebody else's.
function validUntil(ends: readonly KeyEndRow[]): Date | null {
  return ends.length === 0
    ? null
    : new Date(Math.min(...ends.map(({ valid_until: until }) => until.getTime())))
}

const KEY_PURPOSE = 'ledger-api-key-row/v1'
const END_PURPOSE = 'ledger-api-key-end-row/v1'

function codeOfKey({ machine }: NodeContext, key: Omit<KeyRow, 'code'>): string {
  return rowCode(machine, KEY_PURPOSE, saidByKey(key))
}

function isOwnKey({ machine }: NodeContext, key: KeyRow): boolean {
  return isRowCode(machine, KEY_PURPOSE, saidByKey(key), key.code)
}

function saidByKey({ id, hash, buyer, made_by: by, created_at: at }: Omit<KeyRow, 'code'>) {
  return { id, hash, buyer, by, at: at.toISOString() }
}

function saidByEnd({ key, buyer, kind, by, replaced_by, valid_until, at }: Omit<KeyEndRow, 'code'>) {
  return {
    key,
    buyer,
    kind,
    by,
    replacedBy: replaced_by,
    validUntil: valid_until.toISOString(),
    at: at.toISOString(),
  }
}

export function buyerUnknown(): HttpError {
  return new HttpError(404, 'buyer_unknown', 'There is no such buyer.')
}

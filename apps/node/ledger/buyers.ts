/**
 * Buyers, their keys and what they paid in.
 *
 * A key is `fw-`, a name that may be known, and 32 secret bytes. The database holds its SHA-256 only: a fast hash is
 * enough for a secret that nobody can guess.
 */
import { randomBytes, timingSafeEqual } from 'node:crypto'
import { hashToken, HttpError, type NodeContext } from '#node/core'
import { LedgerError } from '#ledger'
import { buyerAccount, ensureAccount, EXTERNAL, transfer } from './accounts.ts'
import { ledgerTables, ledgerTx } from './tables.ts'

export interface NewBuyer {
  readonly buyer: string
  /** Shown this once. */
  readonly apiKey: string
}

export async function createBuyer(context: NodeContext, name: string | null): Promise<NewBuyer> {
  const buyer = `buyer-${randomBytes(8).toString('hex')}`
  const id = randomBytes(8).toString('hex')
  const apiKey = `fw-${id}-${randomBytes(32).toString('hex')}`
  const created_at = context.now()
  await context.database.transaction().execute(async (core) => {
    const tx = ledgerTx(core)
    await ensureAccount(tx, buyerAccount(buyer), 'buyer')
    await tx.insertInto('buyers').values({ id: buyer, name, created_at }).execute()
    await tx
      .insertInto('api_keys')
      .values({ id, hash: hashToken(apiKey), buyer, created_at })
      .execute()
  })
  return { buyer, apiKey }
}

/** The buyer whose key this is; undefined where it is nobody's. */
export async function authenticateBuyer(context: NodeContext, apiKey: string): Promise<string | undefined> {
  const id = /^fw-([0-9a-f]{16})-[0-9a-f]{64}$/.exec(apiKey)?.[1]
  const row =
    id === undefined
      ? undefined
      : await ledgerTables(context.database)
          .selectFrom('api_keys')
          .select(['hash', 'buyer'])
          .where('id', '=', id)
          .executeTakeFirst()
  // Compared in either case, so that a key's name cannot be told from no name by the clock.
  const expected = Buffer.from(row?.hash ?? '0'.repeat(64))
  const same = timingSafeEqual(Buffer.from(hashToken(apiKey)), expected)
  return same ? row?.buyer : undefined
}

export interface TopUp {
  readonly amount: bigint
  /** The payment's name in the world outside; one payment is credited once. */
  readonly reference: string
}

/**
 * Credits a payment from outside. The same reference again changes nothing and returns false.
 * Throws {@link HttpError} 404 where there is no such buyer, 409 where the reference was another payment.
 */
export async function topUp(context: NodeContext, buyer: string, of: TopUp): Promise<boolean> {
  const payment = {
    id: `top-up/${of.reference}`,
    debit: EXTERNAL,
    credit: buyerAccount(buyer),
    amount: of.amount,
  }
  const database = ledgerTables(context.database)
  const known = await database.selectFrom('buyers').select('id').where('id', '=', buyer).executeTakeFirst()
  if (known === undefined) throw new HttpError(404, 'buyer_unknown', 'There is no such buyer.')
  try {
    await context.database.transaction().execute((core) => transfer(ledgerTx(core), payment, context.now()))
    return true
  } catch (error) {
    if (!(error instanceof LedgerError) || error.code !== 'transfer-exists') throw error
  }
  const earlier = await database
    .selectFrom('transfers')
    .select(['credit', 'amount'])
    .where('id', '=', payment.id)
    .executeTakeFirstOrThrow()
  if (earlier.credit !== payment.credit || earlier.amount !== payment.amount) {
    throw new HttpError(409, 'reference_used', 'This reference names another payment.', 'reference')
  }
  return false
}

export interface UsageView {
  readonly balance: string
  readonly reserved: string
  readonly calls: readonly {
    readonly receiptId: string
    readonly model: string
    readonly state: string
    readonly promptTokens: number | null
    readonly completionTokens: number | null
    readonly amount: string | null
    readonly admittedAt: string
    readonly position: number
  }[]
}

/** What a buyer has, and its newest calls before `before`, a position from an earlier answer. */
export async function usageOf(
  context: NodeContext,
  buyer: string,
  page: { readonly limit: number; readonly before: number | null },
): Promise<UsageView> {
  const database = ledgerTables(context.database)
  const account = await database
    .selectFrom('accounts')
    .select(['balance', 'reserved'])
    .where('id', '=', buyerAccount(buyer))
    .executeTakeFirstOrThrow()
  let query = database.selectFrom('calls').selectAll().where('buyer', '=', buyer)
  if (page.before !== null) query = query.where('position', '<', BigInt(page.before))
  const calls = await query.orderBy('position', 'desc').limit(page.limit).execute()
  return {
    balance: String(account.balance - account.reserved),
    reserved: String(account.reserved),
    calls: calls.map((call) => ({
      receiptId: call.receipt_id,
      model: call.name,
      state: call.state,
      promptTokens: call.prompt_tokens === null ? null : Number(call.prompt_tokens),
      completionTokens: call.completion_tokens === null ? null : Number(call.completion_tokens),
      amount: call.amount === null ? null : String(call.amount),
      admittedAt: call.admitted_at.toISOString(),
      position: Number(call.position),
    })),
  }
}

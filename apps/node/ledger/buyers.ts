/** Buyers, and what each sees of its own use. */
import { randomBytes } from 'node:crypto'
import { hashToken, type NodeContext } from '#node/core'
import { buyerAccount, ensureAccount } from './accounts.ts'
import { insertKey } from './keys.ts'
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
    await insertKey(context, tx, buyer, { id, hash: hashToken(apiKey) }, 'operator')
  })
  return { buyer, apiKey }
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

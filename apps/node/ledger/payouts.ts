/**
 * Paying out closed periods (spec/payout.md): one statement a close, oldest first, so that no period is skipped.
 *
 * Statement, leaves and transfers are one transaction, and a close can be paid once: the table says so.
 */
import { randomBytes } from 'node:crypto'
import { sql } from 'kysely'
import { canonicalJson, decodeHex, encodeUtf8, hmacSha256, parseJson } from '#bytes'
import { AttributionError, payoutParts, type PayoutInput, type StatedShares } from '#attribution'
import { verifySum } from '#merkle'
import { HttpError, type NodeContext, type Tx } from '#node/core'
import {
  decodeSumProof,
  decodeSumRoot,
  formatTime,
  openStatement,
  payout,
  payoutLeafDigest,
  readPayoutLeaf,
  type Payout,
  type Statement,
} from '#statements'
import { CARRY, ensureAccount, payeeAccount, REVENUE, transfer } from './accounts.ts'
import { attributionOf, provenOf, type SumProven } from './attributions.ts'
import type { BetweenPayouts, NextPayout } from '../payees/index.ts'
import { findClose } from './close.ts'
import { payeesOf } from './payees.ts'
import { policyByDigest } from './policies.ts'
import { ledgerTables, ledgerTx, type LedgerDatabase, type LedgerTx } from './tables.ts'
import { inTurn } from './turns.ts'

/**
 * Pays every closed period that is not paid yet; returns the new statements' digests, oldest first.
 * Throws {@link HttpError} 409 where a trained model has no attribution: then that period stays unpaid, whole.
 */
export function payOutAll(context: NodeContext): Promise<string[]> {
  return inTurn(context.database, () => payOutInTurn(context))
}

async function payOutInTurn(context: NodeContext): Promise<string[]> {
  const issued: string[] = []
  for (;;) {
    const digest = await context.database.transaction().execute((core) => payOutNext(context, core))
    if (digest === undefined) return issued
    issued.push(digest)
  }
}

async function payOutNext(context: NodeContext, core: Tx): Promise<string | undefined> {
  const tx = ledgerTx(core)
  await holdPayouts(tx)
  const unpaid = await oldestUnpaid(tx)
  if (unpaid === undefined) return undefined
  const parts = payoutParts(await inputFor(context, tx, unpaid), {
    salt: () => randomBytes(32).toString('hex'),
    orderKey: hmacSha256(context.machine.secret('payout-order/v1'), encodeUtf8(unpaid)),
  })
  const key = context.machine.key('ledger')
  const { digest } = await context.statements.issue(payout, parts.predicate, key, { tx: core })
  await tx.insertInto('payouts').values({ digest, usage_close: unpaid }).execute()
  await tx
    .insertInto('payout_leaves')
    .values(
      parts.leaves.map(({ leaf, proof }) => ({
        payout: digest,
        payee: leaf.payee,
        leaf: canonicalJson(leaf),
        proof: canonicalJson(proof),
      })),
    )
    .execute()
  await move(tx, unpaid, parts, context.now())
  return digest
}

/** Runs `work` in a transaction while no payout can be stated: what it decides is decided before the next one. */
export function betweenPayouts(context: NodeContext): BetweenPayouts {
  return (work) =>
    inTurn(context.database, () =>
      context.database.transaction().execute(async (core) => {
        const tx = ledgerTx(core)
        await holdPayouts(tx)
        return work(core, await nextPayout(context, tx))
      }),
    )
}

// One statement at a time: a second waits here and then finds the first one's.
async function holdPayouts(tx: LedgerTx): Promise<void> {
  await sql`lock table payouts in share row exclusive mode`.execute(tx)
}

/** Closes are paid in the order of their periods, which count from 1 without a gap. */
async function nextPayout(context: NodeContext, tx: LedgerTx): Promise<NextPayout> {
  const last = await tx
    .selectFrom('payouts')
    .select('digest')
    .orderBy('position', 'desc')
    .limit(1)
    .executeTakeFirst()
  if (last === undefined) return { period: 1, after: null }
  const { predicate } = (await findPayout(context, last.digest, tx))!.statement
  const close = await findClose(context, predicate.usageClose)
  if (close === undefined) throw new Error('a stored close is not signed by this ledger')
  return { period: close.predicate.period + 1, after: predicate.statedAt }
}

/** Where a payout statement and its own leaves stand. */
export interface StatedPayout {
  readonly statement: Statement<Payout>
  readonly leaves: readonly ReturnType<typeof readPayoutLeaf>[]
}

/** A payout that this pool's ledger signed, with all of its leaves; undefined where there is none. */
export async function findPayout(
  context: NodeContext,
  digest: string,
  from: LedgerDatabase | LedgerTx = ledgerTables(context.database),
): Promise<StatedPayout | undefined> {
  const stored = await context.statements.find(digest)
  if (stored?.kind !== 'payout') return undefined
  const statement = await openStatement(payout, stored.envelope)
  if (statement.signer !== context.machine.key('ledger').publicKey || statement.digest !== digest) {
    throw new Error('a stored payout is not signed by this ledger')
  }
  const rows = await from.selectFrom('payout_leaves').selectAll().where('payout', '=', digest).execute()
  const root = decodeSumRoot(statement.predicate.cumulative)
  const leaves = rows.map(({ leaf, proof }) => {
    const read = readPayoutLeaf(parseJson(leaf))
    const place = { sum: BigInt(read.cumulative), digest: decodeHex(payoutLeafDigest(read)) }
    verifySum(root, place, decodeSumProof(provenOf(digest, leaf, proof).proof))
    return read
  })
  if (leaves.reduce((all, { cumulative }) => all + BigInt(cumulative), 0n) !== root.sum) {
    throw new Error('the leaves of a payout do not make up its tree')
  }
  return { statement, leaves }
}

/** A payee's leaves of every payout, oldest first, with proofs as they are written. */
export async function payoutLeavesOf(context: NodeContext, payee: string): Promise<SumProven[]> {
  const rows = await ledgerTables(context.database)
    .selectFrom('payout_leaves')
    .innerJoin('payouts', 'payouts.digest', 'payout_leaves.payout')
    .select(['payout', 'leaf', 'proof'])
    .where('payee', '=', payee)
    .orderBy('payouts.position')
    .execute()
  return rows.map(({ payout: statement, leaf, proof }) => provenOf(statement, leaf, proof))
}

async function oldestUnpaid(tx: LedgerTx): Promise<string | undefined> {
  const row = await tx
    .selectFrom('usage_closes')
    .leftJoin('payouts', 'payouts.usage_close', 'usage_closes.digest')
    .select('usage_closes.digest')
    .where('payouts.digest', 'is', null)
    .orderBy('usage_closes.period')
    .limit(1)
    .executeTakeFirst()
  return row?.digest
}

async function inputFor(context: NodeContext, tx: LedgerTx, closeDigest: string): Promise<PayoutInput> {
  const close = await findClose(context, closeDigest)
  if (close === undefined) throw new Error('a stored close is not signed by this ledger')
  const statedAt = context.now()
  // The split is that of the policy which the close names, not today's.
  const { split, operator } = await policyByDigest(context, close.predicate.policy)
  return {
    close,
    split,
    operator: operator.publicKey,
    attributions: await attributionsFor(context, close.predicate.models),
    previous: await previousOf(context, tx),
    payees: await payeesOf(context, { period: close.predicate.period, statedAt: formatTime(statedAt) }),
    statedAt,
  }
}

async function attributionsFor(
  context: NodeContext,
  models: readonly { readonly model: string; readonly serves: 'base' | 'trained' }[],
): Promise<ReadonlyMap<string, StatedShares>> {
  const found = new Map<string, StatedShares>()
  for (const { model, serves } of models) {
    const shares = serves === 'trained' ? await attributionOf(context, model) : undefined
    if (shares !== undefined) found.set(model, shares)
  }
  return found
}

async function previousOf(context: NodeContext, tx: LedgerTx): Promise<PayoutInput['previous']> {
  const row = await tx
    .selectFrom('payouts')
    .select('digest')
    .orderBy('position', 'desc')
    .limit(1)
    .executeTakeFirst()
  if (row === undefined) return null
  const found = await findPayout(context, row.digest, tx)
  if (found === undefined) throw new Error('a payout’s statement is missing')
  const { statement, leaves } = found
  return { digest: statement.digest, carryOut: BigInt(statement.predicate.carryOut), leaves }
}

async function move(
  tx: LedgerTx,
  close: string,
  { owed, carried }: { owed: readonly { payee: string; amount: bigint }[]; carried: bigint },
  now: Date,
): Promise<void> {
  for (const { payee, amount } of owed) {
    const credit = payeeAccount(payee)
    await ensureAccount(tx, credit, 'payee')
    await transfer(tx, { id: `payout/${close}/${payee}`, debit: REVENUE, credit, amount }, now)
  }
  if (carried > 0n) {
    await transfer(tx, { id: `payout/${close}/carry`, debit: REVENUE, credit: CARRY, amount: carried }, now)
  }
}

/** What the route says where paying out is refused. */
export function payoutRefusal(error: unknown): unknown {
  return error instanceof AttributionError && error.code === 'attribution-missing'
    ? new HttpError(409, 'attribution_missing', 'A model of this period has no attribution statement.')
    : error
}

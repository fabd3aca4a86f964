import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import fastify from 'fastify'
import { sql } from 'kysely'
import { LedgerError } from '#ledger'
import type { NodeContext } from '#node/core'
import { buyerAccount, REVENUE, trialBalance } from './accounts.ts'
import { closeUsage } from './close.ts'
import { refund, topUp } from './payments.ts'
import { registerLedgerRoutes } from './routes.ts'
import { ledgerTables } from './tables.ts'
import { admit, admitted, buyerWith, callOnce, inputOf, settlementOf } from './testing/calls.ts'
import { OPERATOR_TOKEN, TestServer } from './testing/node.ts'

let server: TestServer
before(async () => void (server = await TestServer.start()))
after(() => server.stop())

const TOKENS = { promptTokens: 10, completionTokens: 0 }

const balanceOf = async ({ database }: NodeContext, id: string) => {
  const { balance, reserved } = await ledgerTables(database)
    .selectFrom('accounts')
    .selectAll()
    .where('id', '=', id)
    .executeTakeFirstOrThrow()
  return { balance, reserved }
}
const assertBalanced = async ({ database }: NodeContext) =>
  assert.deepEqual(await trialBalance(ledgerTables(database)), { total: 0n, drifted: [] })

test('what is unused goes back once, however often it is asked for, and what is earned stays', async () => {
  const context = await (await server.pool()).node()
  const { buyer, apiKey } = await buyerWith(context, 100n)
  await callOnce(context, apiKey, TOKENS)
  const wish = { amount: 60n, reference: 'bank-out-1' }
  const told = await Promise.all(Array.from({ length: 8 }, () => refund(context, buyer, wish)))
  assert.equal(told.filter(({ created }) => created).length, 1)
  assert.deepEqual(await balanceOf(context, buyerAccount(buyer)), { balance: 30n, reserved: 0n })
  const rest = { amount: 'all' as const, reference: 'bank-out-2' }
  assert.deepEqual(await refund(context, buyer, rest), { amount: 30n, created: true })
  // A replay long after, when there is money again, is still the same refund.
  await topUp(context, buyer, { amount: 500n, reference: 'bank-in-2' })
  assert.deepEqual(await refund(context, buyer, rest), { amount: 30n, created: false })
  assert.deepEqual(await refund(context, buyer, wish), { amount: 60n, created: false })
  assert.deepEqual(await balanceOf(context, buyerAccount(buyer)), { balance: 500n, reserved: 0n })
  assert.deepEqual(await balanceOf(context, REVENUE), { balance: 10n, reserved: 0n })
  assert.deepEqual(await balanceOf(context, 'external'), { balance: -510n, reserved: 0n })
  assert.ok((await closeUsage(context))!.created)
  await assertBalanced(context)
})

test('a reference is one refund: of one buyer, and of one amount', async () => {
  const context = await (await server.pool()).node()
  const one = await buyerWith(context, 100n)
  const two = await buyerWith(context, 100n)
  await refund(context, one.buyer, { amount: 10n, reference: 'r' })
  const used = { status: 409, code: 'reference_used' }
  await assert.rejects(refund(context, two.buyer, { amount: 10n, reference: 'r' }), used)
  await assert.rejects(refund(context, two.buyer, { amount: 'all', reference: 'r' }), used)
  await assert.rejects(refund(context, one.buyer, { amount: 11n, reference: 'r' }), used)
  await assert.rejects(refund(context, 'buyer-none', { amount: 1n, reference: 'n' }), { status: 404 })
  const race = await Promise.allSettled(
    [one.buyer, two.buyer].map((buyer) => refund(context, buyer, { amount: 5n, reference: 'same' })),
  )
  assert.deepEqual(race.map(({ status }) => status).sort(), ['fulfilled', 'rejected'])
  await assertBalanced(context)
})

test('money that a call holds is never refunded, and what the call leaves is', async () => {
  const context = await (await server.pool()).node()
  const { buyer, apiKey } = await buyerWith(context, 100n)
  const input = inputOf(context, apiKey, { promptTokens: 10, completionTokens: 40 })
  const call = await admitted(context, input)
  const short = { status: 409, code: 'balance_insufficient' }
  await assert.rejects(refund(context, buyer, { amount: 11n, reference: 'too-much' }), short)
  assert.equal((await refund(context, buyer, { amount: 'all', reference: 'free' })).amount, 10n)
  await assert.rejects(refund(context, buyer, { amount: 'all', reference: 'none' }), short)
  await call.settle(settlementOf(context, input, { promptTokens: 10, completionTokens: 40 }))
  assert.deepEqual(await balanceOf(context, buyerAccount(buyer)), { balance: 0n, reserved: 0n })
  await assertBalanced(context)
})

test('refunds and calls that race for one balance share it, and not a unit more', async () => {
  const context = await (await server.pool()).node()
  const { buyer, apiKey } = await buyerWith(context, 100n)
  const [refunds, calls] = await Promise.all([
    Promise.allSettled(
      Array.from({ length: 12 }, (_, at) => refund(context, buyer, { amount: 10n, reference: `race-${at}` })),
    ),
    Promise.all(Array.from({ length: 12 }, () => admit(context, inputOf(context, apiKey, TOKENS)))),
  ])
  const back = refunds.filter(({ status }) => status === 'fulfilled').length
  const held = calls.filter(({ kind }) => kind === 'admitted').length
  assert.equal(back + held, 10)
  assert.deepEqual(await balanceOf(context, buyerAccount(buyer)), {
    balance: 100n - BigInt(back) * 10n,
    reserved: BigInt(held) * 10n,
  })
  await assertBalanced(context)
})

test('a balance, a payment or a call that the owner of the database edited is not paid out', async () => {
  const notOurs = (error: unknown) => error instanceof LedgerError && error.code === 'not-conserved'
  for (const edit of [
    `alter table accounts disable trigger all; update accounts set balance = balance + 1000 where kind = 'buyer'`,
    `alter table payments disable trigger all; update payments set amount = amount + 1000`,
    `alter table payments disable trigger all; insert into payments
      select transfer || 'x', buyer, kind, reference, amount, at, code from payments`,
    `alter table calls disable trigger all; update calls set amount = 0`,
    `alter table calls disable trigger all; update calls set buyer = (select max(id) from buyers where id <> calls.buyer)`,
  ]) {
    const pool = await server.pool()
    const context = await pool.node()
    const { buyer, apiKey } = await buyerWith(context, 100n)
    await buyerWith(context, 100n)
    await callOnce(context, apiKey, TOKENS)
    await sql.raw(edit).execute(pool.database)
    await assert.rejects(refund(context, buyer, { amount: 'all', reference: 'x' }), notOurs, edit)
  }
})

test('the operator refunds over the route, and nobody else', async () => {
  const context = await (await server.pool()).node()
  const app = fastify()
  registerLedgerRoutes(app, context)
  const { buyer, apiKey } = await buyerWith(context, 100n)
  const ask = (token: string, payload: object) =>
    app.inject({
      method: 'POST',
      url: `/v1/operator/buyers/${buyer}/refunds`,
      headers: { authorization: `Bearer ${token}` },
      payload,
    })
  assert.equal((await ask(apiKey, { amount: 'all', reference: 'a' })).statusCode, 401)
  for (const amount of ['0', '-1', '1.5', 1, '', 'ALL', '9223372036854775808']) {
    assert.equal((await ask(OPERATOR_TOKEN, { amount, reference: 'a' })).statusCode, 400, String(amount))
  }
  const first = await ask(OPERATOR_TOKEN, { amount: 'all', reference: 'a' })
  assert.deepEqual(
    [first.statusCode, first.json()],
    [201, { buyer, amount: '100', reference: 'a', created: true }],
  )
  assert.equal((await ask(OPERATOR_TOKEN, { amount: 'all', reference: 'a' })).statusCode, 200)
  const more = await ask(OPERATOR_TOKEN, { amount: '1', reference: 'b' })
  assert.deepEqual([more.statusCode, more.json().error.code], [409, 'balance_insufficient'])
})

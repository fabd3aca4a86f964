import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import { sql } from 'kysely'
import {
  applyEvent,
  EMPTY_LEDGER,
  LedgerError,
  type AccountKind,
  type Ledger,
  type LedgerErrorCode,
  type LedgerEvent,
} from '#ledger'
import type { NodeContext } from '#node/core'
import { eventOf } from '#statements'
import {
  buyerAccount,
  ensureAccount,
  post,
  reserve,
  transfer,
  trialBalance,
  voidTransfer,
} from './accounts.ts'
import { createBuyer } from './buyers.ts'
import { closeUsage, usageLeavesOf } from './close.ts'
import { findKey } from './keys.ts'
import { createMeter } from './meter.ts'
import { topUp } from './payments.ts'
import { recoverLedger, unfinishedCallDigest } from './recovery.ts'
import { ledgerTables, ledgerTx } from './tables.ts'
import { admit, admitted, buyerWith, callOnce, inputOf, settlementOf } from './testing/calls.ts'
import { TestServer, type TestPool } from './testing/node.ts'

let server: TestServer
before(async () => void (server = await TestServer.start()))
after(() => server.stop())

const refusesMoney = (code: LedgerErrorCode) => (error: unknown) =>
  error instanceof LedgerError && error.code === code
const balanceOf = async ({ database }: Pick<NodeContext, 'database'>, id: string) => {
  const { balance, reserved } = await ledgerTables(database)
    .selectFrom('accounts')
    .selectAll()
    .where('id', '=', id)
    .executeTakeFirstOrThrow()
  return { balance, reserved }
}
const assertBalanced = async ({ database }: Pick<NodeContext, 'database'>) =>
  assert.deepEqual(await trialBalance(ledgerTables(database)), { total: 0n, drifted: [] })

/** Applies one event of the model to the database; returns how it was refused, or undefined. */
async function applyToDatabase(pool: TestPool, event: LedgerEvent): Promise<LedgerErrorCode | undefined> {
  try {
    await pool.database.transaction().execute(async (core) => {
      const tx = ledgerTx(core)
      if (event.kind === 'open') await ensureAccount(tx, event.id, event.account)
      else if (event.kind === 'post') await post(tx, event.id, event.amount, pool.time)
      else if (event.kind === 'void') await voidTransfer(tx, event.id, pool.time)
      else {
        const { id, debit, credit, amount } = event
        await (event.kind === 'reserve' ? reserve : transfer)(tx, { id, debit, credit, amount }, pool.time)
      }
    })
    return undefined
  } catch (error) {
    assert.ok(error instanceof LedgerError, String(error))
    return error.code
  }
}

function applyToModel(ledger: Ledger, event: LedgerEvent): { ledger: Ledger; refused?: LedgerErrorCode } {
  try {
    return { ledger: applyEvent(ledger, event) }
  } catch (error) {
    assert.ok(error instanceof LedgerError)
    return { ledger, refused: error.code }
  }
}

const KINDS: readonly AccountKind[] = ['external', 'buyer', 'buyer', 'revenue']
const eventsOf = (run: number): fc.Arbitrary<LedgerEvent> => {
  const account = fc.constantFrom(...KINDS.map((_, at) => `${run}/account-${at}`))
  const id = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g').map((name) => `${run}/${name}`)
  const amount = fc.bigInt({ min: 0n, max: 100n })
  const kind = fc.constantFrom('transfer' as const, 'reserve' as const)
  return fc.oneof(
    { weight: 3, arbitrary: fc.record({ kind, id, debit: account, credit: account, amount }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('post' as const), id, amount }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('void' as const), id }) },
  )
}
const openingOf = (run: number): LedgerEvent[] => [
  ...KINDS.map((account, at): LedgerEvent => ({ kind: 'open', id: `${run}/account-${at}`, account })),
  {
    kind: 'transfer',
    id: `${run}/top-up`,
    debit: `${run}/account-0`,
    credit: `${run}/account-1`,
    amount: 150n,
  },
]

async function assertAsModel(pool: TestPool, model: Ledger): Promise<void> {
  for (const { id, balance, reserved } of model.accounts.values()) {
    assert.deepEqual(await balanceOf(pool, id), { balance, reserved }, id)
  }
  await assertBalanced(pool)
}

test('the database refuses what the model refuses, for the same reason, and ends with the same balances', async () => {
  const pool = await server.pool()
  let run = 0
  const outcomes = new Map<string, number>()
  await fc.assert(
    fc.asyncProperty(fc.nat(), async (seed) => {
      run += 1
      let model = EMPTY_LEDGER
      const events = fc.sample(fc.array(eventsOf(run), { minLength: 15, maxLength: 25, size: 'max' }), {
        seed,
        numRuns: 1,
      })[0]!
      for (const event of [...openingOf(run), ...events]) {
        const { ledger, refused } = applyToModel(model, event)
        const found = await applyToDatabase(pool, event)
        // Several rules may be broken at once: which is named first is not the point then.
        assert.equal(found === undefined, refused === undefined, `${event.kind}: ${found} and ${refused}`)
        outcomes.set(refused ?? 'accepted', (outcomes.get(refused ?? 'accepted') ?? 0) + 1)
        model = ledger
      }
      await assertAsModel(pool, model)
    }),
    { numRuns: 12 },
  )
  for (const outcome of ['accepted', 'balance-insufficient', 'transfer-not-pending', 'transfer-exists']) {
    assert.ok((outcomes.get(outcome) ?? 0) > 0, outcome)
  }
})

test('the same operations all at once leave no account below zero and every unit accounted for', async () => {
  const pool = await server.pool()
  await fc.assert(
    fc.asyncProperty(fc.nat(), async (seed) => {
      const run = seed
      for (const event of openingOf(run)) await applyToDatabase(pool, event)
      const [events] = fc.sample(fc.array(eventsOf(run), { minLength: 40, maxLength: 60, size: 'max' }), {
        seed,
        numRuns: 1,
      })
      const refusals = await Promise.all(events!.map((event) => applyToDatabase(pool, event)))
      assert.ok(refusals.some((refused) => refused === undefined))
      const { rows } = await sql<{ id: string }>`select id from accounts
        where kind <> 'external' and balance - reserved < 0`.execute(pool.database)
      assert.deepEqual(rows, [])
      await assertBalanced(pool)
    }),
    { numRuns: 6 },
  )
})

test('rows of money cannot be edited, deleted or moved around the rules', async () => {
  const pool = await server.pool()
  const context = await pool.node()
  const { buyer, apiKey } = await buyerWith(context, 1000n)
  await callOnce(context, apiKey, { promptTokens: 10, completionTokens: 0 })
  const attempts = [
    `update accounts set balance = balance + 1 where id = 'buyer/${buyer}'`,
    'update transfers set amount = amount + 1',
    `update transfers set state = 'pending', posted = null, resolved_at = null`,
    `update transfers set credit = 'carry'`,
    'delete from transfers',
    'truncate transfers cascade',
    'delete from accounts',
    'update calls set amount = 0',
    `update calls set buyer = buyer, receipt_digest = ''`,
    'delete from calls',
  ]
  for (const attempt of attempts) {
    await assert.rejects(sql.raw(attempt).execute(pool.database), { code: 'FW001' }, attempt)
  }
  assert.deepEqual(await balanceOf(context, buyerAccount(buyer)), { balance: 990n, reserved: 0n })
  await assertBalanced(context)
})

test('a balance that allows fifty of two hundred calls at once admits exactly fifty, numbered 1 to 50', async () => {
  const context = await (await server.pool()).node()
  const { buyer, apiKey } = await buyerWith(context, 50n * 30n + 29n)
  const input = () => inputOf(context, apiKey, { promptTokens: 10, completionTokens: 10 })
  const admissions = await Promise.all(Array.from({ length: 200 }, () => admit(context, input())))
  const taken = admissions.flatMap((one) => (one.kind === 'admitted' ? [one.sequence] : []))
  assert.deepEqual(
    taken.toSorted((one, other) => one - other),
    Array.from({ length: 50 }, (_, at) => at + 1),
  )
  for (const one of admissions) {
    if (one.kind === 'refused') assert.deepEqual([one.status, one.code], [402, 'insufficient_quota'])
  }
  assert.deepEqual(await balanceOf(context, buyerAccount(buyer)), { balance: 1529n, reserved: 1500n })
  await assertBalanced(context)
})

test('settling posts the real amount, frees the rest and stores the receipt that its buyer alone can read', async () => {
  const pool = await server.pool()
  const context = await pool.node()
  const { buyer, apiKey } = await buyerWith(context, 100n)
  const other = await buyerWith(context, 0n)
  const input = inputOf(context, apiKey, { promptTokens: 10, completionTokens: 40 })
  const call = await admitted(context, input)
  assert.equal(call.buyer, buyer)
  assert.deepEqual(await balanceOf(context, buyerAccount(buyer)), { balance: 100n, reserved: 90n })
  const receipt = await call.settle(settlementOf(context, input, { promptTokens: 10, completionTokens: 3 }))
  assert.deepEqual(await balanceOf(context, buyerAccount(buyer)), { balance: 84n, reserved: 0n })
  assert.equal(eventOf(receipt, 'usage.metered')?.amount, '16')
  assert.equal(eventOf(receipt, 'usage.metered')?.closes_by, '2026-11-25T13:00:00Z')

  const meter = createMeter(context)
  assert.deepEqual(await meter.receipt(input.call.receiptId, apiKey), receipt)
  assert.deepEqual(await meter.receipt(input.call.chatId, apiKey), receipt)
  assert.equal(await meter.receipt(input.call.receiptId, other.apiKey), undefined)
  assert.equal(await meter.receipt(input.call.receiptId, 'fw-unknown-key'), 'unauthorized')
  // The commit may have succeeded without the answer reaching us: settling again is no second charge.
  assert.deepEqual(
    await call.settle(settlementOf(context, input, { promptTokens: 10, completionTokens: 40 })),
    receipt,
  )
  await assertBalanced(context)
})

test('a receipt that cannot be made, or says something else, moves no money and can be tried again', async () => {
  const context = await (await server.pool()).node()
  const { buyer, apiKey } = await buyerWith(context, 100n)
  const tokens = { promptTokens: 10, completionTokens: 10 }
  const input = inputOf(context, apiKey, tokens)
  const call = await admitted(context, input)
  const settlement = settlementOf(context, input, tokens)
  const broken = { ...settlement, makeReceipt: () => Promise.reject(new Error('no key')) }
  await assert.rejects(call.settle(broken), /no key/)
  const lying = {
    ...settlement,
    makeReceipt: (amount: bigint, sequence: number, closesBy: string) =>
      settlement.makeReceipt(amount - 1n, sequence, closesBy),
  }
  await assert.rejects(call.settle(lying), refusesMoney('not-conserved'))
  const dearer = settlementOf(context, input, { promptTokens: 10, completionTokens: 11 })
  await assert.rejects(call.settle(dearer), refusesMoney('amount-invalid'))
  assert.deepEqual(await balanceOf(context, buyerAccount(buyer)), { balance: 100n, reserved: 30n })
  await call.settle(settlement)
  assert.deepEqual(await balanceOf(context, buyerAccount(buyer)), { balance: 70n, reserved: 0n })
  await assertBalanced(context)
})

test('a call without key, credit or model is refused and takes no number', async () => {
  const context = await (await server.pool()).node()
  const { apiKey } = await buyerWith(context, 10n)
  const free = { promptTokens: 0, completionTokens: 0 }
  const codeOf = async (input: Parameters<typeof admit>[1]) => {
    const one = await admit(context, input)
    return one.kind === 'refused' ? [one.status, one.code] : one.sequence
  }
  assert.deepEqual(await codeOf(inputOf(context, `${apiKey.slice(0, -1)}x`, free)), [401, 'invalid_api_key'])
  const forged = apiKey.slice(0, -64) + '0'.repeat(64)
  assert.deepEqual(await codeOf(inputOf(context, forged, free)), [401, 'invalid_api_key'])
  assert.deepEqual(await codeOf({ ...inputOf(context, apiKey, free), model: 'other' }), [
    404,
    'model_not_found',
  ])
  // The trained model's name must not be answered by the bare base.
  assert.deepEqual(await codeOf({ ...inputOf(context, apiKey, free, 'bare'), model: 'meadow' }), [
    404,
    'model_not_found',
  ])
  const dear = inputOf(context, apiKey, { promptTokens: 11, completionTokens: 0 })
  assert.deepEqual(await codeOf(dear), [402, 'insufficient_quota'])
  assert.equal(await codeOf(inputOf(context, apiKey, free)), 1)
})

test('the database never holds a key, and a key is nobody else’s', async () => {
  const context = await (await server.pool()).node()
  const one = await createBuyer(context, 'One')
  const two = await createBuyer(context, null)
  assert.match(one.apiKey, /^fw-[0-9a-f]{16}-[0-9a-f]{64}$/)
  assert.equal((await findKey(context, one.apiKey))?.buyer, one.buyer)
  assert.equal((await findKey(context, two.apiKey))?.buyer, two.buyer)
  const mixed = one.apiKey.slice(0, 20) + two.apiKey.slice(20)
  assert.equal((await findKey(context, mixed))?.buyer, undefined)
  const rows = await ledgerTables(context.database).selectFrom('api_keys').selectAll().execute()
  assert.ok(rows.every(({ hash }) => !one.apiKey.includes(hash) && !two.apiKey.includes(hash)))
})

test('a payment is credited once, however often and to whomever it is told', async () => {
  const context = await (await server.pool()).node()
  const one = await createBuyer(context, null)
  const two = await createBuyer(context, null)
  const payment = { amount: 500n, reference: 'bank-1' }
  const told = await Promise.all(Array.from({ length: 8 }, () => topUp(context, one.buyer, payment)))
  assert.equal(told.filter((created) => created).length, 1)
  await assert.rejects(topUp(context, two.buyer, payment), { status: 409, code: 'reference_used' })
  await assert.rejects(topUp(context, one.buyer, { ...payment, amount: 501n }), { code: 'reference_used' })
  await assert.rejects(topUp(context, 'buyer-none', payment), { status: 404 })
  assert.deepEqual(await balanceOf(context, buyerAccount(one.buyer)), { balance: 500n, reserved: 0n })
  assert.deepEqual(await balanceOf(context, 'external'), { balance: -500n, reserved: 0n })
})

test('a node that dies between admitting and settling costs its buyers nothing and leaves no gap', async () => {
  const pool = await server.pool()
  const dead = await pool.node(1)
  const { buyer, apiKey } = await buyerWith(dead, 100n)
  const tokens = { promptTokens: 10, completionTokens: 0 }
  await callOnce(dead, apiKey, tokens)
  const input = inputOf(dead, apiKey, tokens)
  const open = await admitted(dead, input)
  await callOnce(dead, apiKey, tokens)

  const next = await pool.node(2)
  assert.equal(await recoverLedger(next), 1)
  assert.equal(await recoverLedger(next), 0)
  assert.deepEqual(await balanceOf(next, buyerAccount(buyer)), { balance: 80n, reserved: 0n })
  // The old process may still live: it can neither settle what was closed nor take another number.
  await assert.rejects(open.settle(settlementOf(dead, input, tokens)), { code: 'call_closed' })
  const late = await admit(dead, inputOf(dead, apiKey, tokens))
  assert.equal(late.kind === 'refused' && late.code, 'node_retired')

  await callOnce(next, apiKey, tokens)
  const closing = await closeUsage(next)
  const leaves = await usageLeavesOf(next, closing!.digest)
  assert.deepEqual(
    leaves.map(({ term, sequence, amount }) => [term, sequence, amount]),
    [
      [1, 1, '10'],
      [1, 2, '0'],
      [1, 3, '10'],
      [2, 1, '10'],
    ],
  )
  assert.equal(leaves[1]!.receipt, unfinishedCallDigest({ node: 'node-1', term: 1, sequence: 2 }))
  await assertBalanced(next)
})

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { parse } from 'csv-parse/sync'
import fastify, { type FastifyInstance } from 'fastify'
import { sql } from 'kysely'
import { decodeHex } from '#bytes'
import { orderedSumRoot, verifySum } from '#merkle'
import type { NodeContext } from '#node/core'
import {
  decodeSumProof,
  decodeSumRoot,
  destinationOf,
  encodeSumRoot,
  eventOf,
  openStatement,
  payout,
  payoutLeafDigest,
  policy,
  readPayoutLeaf,
  readShareLeaf,
  usageClose,
  usageLeafDigest,
} from '#statements'
import { trialBalance } from './accounts.ts'
import { shareLeavesOf } from './attributions.ts'
import { closeUsage, closeUsageIfDue, openPeriod, usageLeavesOf } from './close.ts'
import { writePayoutCsv } from './csv.ts'
import { createMeter } from './meter.ts'
import { payOutAll, payoutLeavesOf } from './payouts.ts'
import { unfinishedCallDigest } from './recovery.ts'
import { registerLedgerRoutes } from './routes.ts'
import { ledgerTables } from './tables.ts'
import {
  admitted,
  attributeModel,
  buyerWith,
  callOnce,
  inputOf,
  offerBy,
  settlementOf,
} from './testing/calls.ts'
import { BASE, hexOf, MODEL, OPERATOR_TOKEN, operatorKey, policyOf, TestServer } from './testing/node.ts'

let server: TestServer
before(async () => void (server = await TestServer.start()))
after(() => server.stop())

const TOKENS = { promptTokens: 10, completionTokens: 5 }

const closeOf = async ({ statements }: NodeContext, digest: string) =>
  (await openStatement(usageClose, (await statements.find(digest))!.envelope)).predicate
const payoutOf = async ({ statements }: NodeContext, digest: string) =>
  (await openStatement(payout, (await statements.find(digest))!.envelope)).predicate
const assertBalanced = async ({ database }: NodeContext) =>
  assert.deepEqual(await trialBalance(ledgerTables(database)), { total: 0n, drifted: [] })
const rootOver = async (context: NodeContext, digest: string) => {
  const leaves = await usageLeavesOf(context, digest)
  const sums = leaves.map((leaf) => ({ sum: BigInt(leaf.amount), digest: decodeHex(usageLeafDigest(leaf)) }))
  return encodeSumRoot(orderedSumRoot(sums))
}

test('a close names every call since the one before, by node and term, and its public leaves make its root', async () => {
  const pool = await server.pool()
  const context = await pool.node()
  const { apiKey } = await buyerWith(context, 10_000n)
  assert.equal(await closeUsage(context), undefined)
  assert.equal(await openPeriod(context), null)
  await callOnce(context, apiKey, TOKENS)
  await callOnce(context, apiKey, TOKENS, 'bare')
  assert.deepEqual(await openPeriod(context), { period: 1, closesBy: '2026-11-25T13:00:00Z' })
  pool.wait(60)
  const first = (await closeUsage(context))!
  assert.ok(first.created)
  const { digest } = first
  assert.deepEqual(await closeUsage(context), { digest, created: false })
  assert.equal(await openPeriod(context), null)
  const one = await closeOf(context, digest)
  assert.deepEqual(one.tree, await rootOver(context, digest))
  assert.equal(one.tree.sum, '48')
  assert.deepEqual(one.ranges, [{ node: 'node-1', term: 1, first: 1, last: 2, final: false }])
  assert.deepEqual(
    new Map(one.models.map(({ model, ...rest }) => [model, rest])),
    new Map([
      [MODEL, { serves: 'trained', calls: 1, ...TOKENS, amount: '20' }],
      [BASE, { serves: 'base', calls: 1, ...TOKENS, amount: '28' }],
    ]),
  )

  pool.wait(60)
  const next = await pool.node(2)
  await callOnce(next, apiKey, TOKENS)
  const two = await closeOf(next, (await closeUsage(next))!.digest)
  assert.deepEqual(
    [two.period, two.previous, two.from, two.closedAt],
    [2, digest, one.closedAt, '2026-11-25T12:02:00Z'],
  )
  assert.deepEqual(two.ranges, [
    { node: 'node-1', term: 1, first: 3, last: 2, final: true },
    { node: 'node-1', term: 2, first: 1, last: 1, final: false },
  ])
  await callOnce(next, apiKey, TOKENS)
  const three = await closeOf(next, (await closeUsage(next))!.digest)
  assert.deepEqual(three.ranges, [{ node: 'node-1', term: 2, first: 2, last: 2, final: false }])
})

test('a call that is still open holds back the later ones of its term, and no other node’s', async () => {
  const pool = await server.pool()
  const one = await pool.node(1, 'node-1')
  const two = await pool.node(1, 'node-2')
  const { apiKey } = await buyerWith(one, 10_000n)
  await callOnce(one, apiKey, TOKENS)
  const input = inputOf(one, apiKey, TOKENS)
  const open = await admitted(one, input)
  await callOnce(one, apiKey, TOKENS)
  await callOnce(two, apiKey, TOKENS)
  const first = await closeOf(one, (await closeUsage(one))!.digest)
  assert.deepEqual(
    first.ranges.map(({ node, first: from, last }) => [node, from, last]),
    [
      ['node-1', 1, 1],
      ['node-2', 1, 1],
    ],
  )
  await open.settle(settlementOf(one, input, TOKENS))
  const second = await closeOf(one, (await closeUsage(one))!.digest)
  assert.deepEqual(
    second.ranges.map(({ node, first: from, last }) => [node, from, last]),
    [
      ['node-1', 2, 3],
      ['node-2', 2, 1],
    ],
  )
})

test('closers at once make one close, and calls go on meanwhile without one being lost', async () => {
  const context = await (await server.pool()).node()
  const { apiKey } = await buyerWith(context, 10_000n)
  await callOnce(context, apiKey, TOKENS)
  const calls = Array.from({ length: 20 }, () => callOnce(context, apiKey, TOKENS))
  const closings = await Promise.all([closeUsage(context), closeUsage(context), closeUsage(context)])
  await Promise.all(calls)
  const last = await closeUsage(context)
  const digests = [...closings, last].flatMap((one) => (one?.created ? [one.digest] : []))
  assert.equal(new Set(digests).size, digests.length)
  const rows = await ledgerTables(context.database)
    .selectFrom('usage_closes')
    .selectAll()
    .orderBy('period')
    .execute()
  const sequences: number[] = []
  for (const { digest } of rows) {
    sequences.push(...(await usageLeavesOf(context, digest)).map(({ sequence }) => sequence))
    assert.deepEqual((await closeOf(context, digest)).tree, await rootOver(context, digest))
  }
  assert.deepEqual(
    sequences,
    Array.from({ length: 21 }, (_, at) => at + 1),
  )
})

test('a timer closes before the oldest receipt’s promise runs out, and not much earlier', async () => {
  const pool = await server.pool()
  const context = await pool.node()
  const { apiKey } = await buyerWith(context, 10_000n)
  assert.equal(await closeUsageIfDue(context), false)
  await callOnce(context, apiKey, TOKENS)
  pool.wait(3000)
  assert.equal(await closeUsageIfDue(context), false)
  pool.wait(300)
  assert.equal(await closeUsageIfDue(context), true)
  assert.equal(await closeUsageIfDue(context), false)
})

test('a period is under the policy in force at its beginning', async () => {
  const pool = await server.pool()
  const first = await pool.node()
  const one = await first.statements.issue(policy, await policyOf(), await operatorKey)
  const changed = {
    ...(await policyOf()),
    version: 2,
    genesis: one.digest,
    previous: one.digest,
    effectiveAt: '2026-11-25T12:30:00Z',
    split: { contributors: 5000, operator: 5000 },
  }
  const two = await first.statements.issue(policy, changed, await operatorKey)
  // Signed by somebody else, it is no policy of this pool.
  const stranger = { ...changed, version: 2, effectiveAt: '2026-11-25T12:00:00Z' }
  await first.statements.issue(policy, stranger, first.machine.key('serve'))
  const context: NodeContext = {
    ...first,
    policy: { pool: one.digest, digest: two.digest, predicate: changed },
  }
  const { apiKey } = await buyerWith(context, 10_000n)
  await attributeModel(context)
  await callOnce(context, apiKey, TOKENS)
  pool.wait(3500)
  const before = (await closeUsage(context))!.digest
  assert.equal((await closeOf(context, before)).policy, one.digest)
  await callOnce(context, apiKey, TOKENS)
  const later = (await closeUsage(context))!.digest
  assert.equal((await closeOf(context, later)).policy, two.digest)
  const [old, fresh] = await payOutAll(context)
  assert.deepEqual((await payoutOf(context, old!)).split, { contributors: 7000, operator: 3000 })
  assert.deepEqual((await payoutOf(context, fresh!)).split, { contributors: 5000, operator: 5000 })
})

test('payouts follow the closes one by one, conserve every unit, and give each payee a leaf with a proof', async () => {
  const pool = await server.pool()
  const context = await pool.node()
  const { apiKey } = await buyerWith(context, 1_000_000n)
  const { ann, bob, digest: attributed } = await attributeModel(context)
  const operator = (await operatorKey).publicKey
  await callOnce(context, apiKey, { promptTokens: 1001, completionTokens: 1 })
  await callOnce(context, apiKey, TOKENS, 'bare')
  const first = (await closeUsage(context))!.digest
  await callOnce(context, apiKey, { promptTokens: 7, completionTokens: 0 })
  const second = (await closeUsage(context))!.digest
  const [one, two, ...more] = await payOutAll(context)
  assert.deepEqual(more, [])
  assert.deepEqual(await payOutAll(context), [])
  const [early, late] = [await payoutOf(context, one!), await payoutOf(context, two!)]
  assert.deepEqual(
    [early.usageClose, early.previous, late.usageClose, late.previous],
    [first, null, second, one],
  )
  // 1003 × 70 % = 702 of 10⁹ shares 3 : 1, and 300 for the operator, who has the base's 28 besides.
  assert.deepEqual(
    early.models.find(({ model }) => model === MODEL),
    {
      model: MODEL,
      attribution: attributed,
      revenue: '1003',
      contributors: '701',
      operator: '300',
      remainder: '2',
    },
  )
  assert.deepEqual(early.paid, { contributors: '701', operator: '328' })
  assert.deepEqual([late.revenue, late.carryIn, late.carryOut], ['7', '2', '3'])

  const balances = await ledgerTables(context.database).selectFrom('accounts').selectAll().execute()
  const balanceOf = (id: string) => balances.find((one) => one.id === id)?.balance
  assert.deepEqual(
    [balanceOf('revenue'), balanceOf('carry'), balanceOf(`payee/${ann}`), balanceOf(`payee/${bob}`)],
    [0n, 3n, 526n + 3n, 175n + 1n],
  )
  for (const [payee, cumulative] of [
    [ann, '529'],
    [bob, '176'],
    [operator, '330'],
  ] as const) {
    const leaves = await payoutLeavesOf(context, payee)
    assert.deepEqual(
      leaves.map(({ statement }) => statement),
      [one, two],
    )
    const { leaf, proof } = leaves[1]!
    const read = readPayoutLeaf(leaf)
    assert.equal(read.cumulative, cumulative)
    const place = { sum: BigInt(read.cumulative), digest: decodeHex(payoutLeafDigest(read)) }
    verifySum(decodeSumRoot(late.cumulative), place, decodeSumProof(proof))
  }
  const [share] = await shareLeavesOf(context, ann)
  assert.equal(share!.statement, attributed)
  assert.equal(readShareLeaf(share!.leaf).share, 750_000_000)
  await assertBalanced(context)
})

test('payers at once pay a close once', async () => {
  const context = await (await server.pool()).node()
  const { apiKey } = await buyerWith(context, 10_000n)
  await callOnce(context, apiKey, TOKENS, 'bare')
  await closeUsage(context)
  // More than there are connections: whoever waits must not hold what the one at work needs.
  const paid = await Promise.all(Array.from({ length: 25 }, () => payOutAll(context)))
  assert.equal(paid.flat().length, 1)
  await assertBalanced(context)
})

/** The owner of the database can switch the triggers off. */
const behindIn = (context: NodeContext) => (text: string) =>
  context.database.connection().execute(async (own) => {
    await sql`set session_replication_role = replica`.execute(own)
    await sql.raw(text).execute(own)
    await sql`set session_replication_role = origin`.execute(own)
  })

test('a stored receipt that was changed is not shown and signed again, and an open call keeps its price', async () => {
  const context = await (await server.pool()).node()
  const { apiKey } = await buyerWith(context, 10_000n)
  const behind = behindIn(context)
  await callOnce(context, apiKey, TOKENS)
  const { receipt: kept } = await ledgerTables(context.database)
    .selectFrom('calls')
    .select('receipt')
    .executeTakeFirstOrThrow()
  const { receipt_id: id } = JSON.parse(kept!) as { receipt_id: string }
  await behind(`update calls set receipt = replace(receipt, '${hexOf('request')}', '${hexOf('other')}')`)
  await assert.rejects(createMeter(context).receipt(id, apiKey), { code: 'not-conserved' })
  await behind(`update calls set receipt = '${kept}'`)
  assert.notEqual(await createMeter(context).receipt(id, apiKey), undefined)

  const input = inputOf(context, apiKey, TOKENS)
  const open = await admitted(context, input)
  await behind(`update calls set prompt_per_million = 1, completion_per_million = 1 where state = 'open'`)
  const cheap = await open.settle(settlementOf(context, input, TOKENS))
  assert.equal(eventOf(cheap, 'usage.metered')?.amount, '20', 'the price is that of the admission')
})

test('a row that was changed behind the node’s back is neither closed nor paid', async () => {
  const context = await (await server.pool()).node()
  const { apiKey } = await buyerWith(context, 10_000n)
  const { ann, bob } = await attributeModel(context)
  await callOnce(context, apiKey, TOKENS)
  const behind = behindIn(context)
  await behind('update calls set amount = 21')
  await assert.rejects(closeUsage(context), { code: 'not-conserved' })
  await behind('update calls set amount = 20')
  await assert.rejects(
    behind(`update calls set serves = 'base', model = '${BASE}'`).then(() => closeUsage(context)),
    { code: 'not-conserved' },
    'revenue of the trained model is not the operator’s',
  )
  await behind(`update calls set serves = 'trained', model = '${MODEL}'`)
  const { receipt_digest: digest, receipt } = await ledgerTables(context.database)
    .selectFrom('calls')
    .selectAll()
    .executeTakeFirstOrThrow()
  const unfinished = unfinishedCallDigest({ node: 'node-1', term: 1, sequence: 1 })
  await behind(
    `update calls set state = 'unfinished', amount = 0, receipt = null, receipt_digest = '${unfinished}'`,
  )
  await assert.rejects(closeUsage(context), { code: 'not-conserved' }, 'a paid call is not hidden')
  await behind(
    `update calls set state = 'settled', amount = 20, receipt = '${receipt}', receipt_digest = '${digest}'`,
  )
  await closeUsage(context)
  await callOnce(context, apiKey, TOKENS)
  await callOnce(context, apiKey, TOKENS)
  await behind('update usage_ranges set last = 2')
  await assert.rejects(closeUsage(context), /does not begin where/, 'a call is not skipped')
  await behind('update usage_ranges set last = 1')

  await behind(`update attribution_leaves set share = 1, leaf = replace(leaf, '${ann}', '${hexOf('eve')}')`)
  await assert.rejects(payOutAll(context))
  await behind(`update attribution_leaves set leaf = replace(leaf, '${hexOf('eve')}', '${ann}')`)
  await behind(`update attributions set seal = '${'0'.repeat(64)}'`)
  await assert.rejects(payOutAll(context), /not stored by this pool/)
  assert.deepEqual(await payoutLeavesOf(context, bob), [])
  await behind("update accounts set balance = balance + 5 where id = 'carry'")
  assert.deepEqual(await trialBalance(ledgerTables(context.database)), { total: 5n, drifted: ['carry'] })
})

const call = async (
  app: FastifyInstance,
  method: 'GET' | 'POST',
  url: string,
  token: string | null,
  payload?: Record<string, unknown>,
) => {
  const headers = token === null ? {} : { authorization: `Bearer ${token}` }
  const response = await app.inject({ method, url, headers, ...(payload === undefined ? {} : { payload }) })
  return { status: response.statusCode, headers: response.headers, text: response.payload }
}
const json = ({ text }: { text: string }) => JSON.parse(text)

test('over HTTP: a buyer is made, pays, calls, sees its account; the operator closes, pays and gets a table', async () => {
  const context = await (await server.pool()).node()
  const app = fastify()
  registerLedgerRoutes(app, context)
  const { ann } = await attributeModel(context)
  const post = (url: string, payload?: Record<string, unknown>) =>
    call(app, 'POST', url, OPERATOR_TOKEN, payload)

  const made = await post('/v1/operator/buyers', { name: 'Acme' })
  assert.equal(made.status, 201)
  const { buyer, apiKey } = json(made)
  const payment = { amount: '5000', reference: 'bank/2026-1' }
  assert.equal((await post(`/v1/operator/buyers/${buyer}/top-ups`, payment)).status, 201)
  assert.equal((await post(`/v1/operator/buyers/${buyer}/top-ups`, payment)).status, 200)
  const input = inputOf(context, apiKey, { promptTokens: 1000, completionTokens: 5 })
  await (
    await admitted(context, input)
  ).settle(settlementOf(context, input, { promptTokens: 1000, completionTokens: 0 }))

  const usage = await call(app, 'GET', '/v1/usage', apiKey)
  const { calls, ...account } = json(usage)
  assert.deepEqual(account, { balance: '4000', reserved: '0', currency: { asset: 'USD', scale: 6 } })
  assert.deepEqual([calls.length, calls[0].amount, calls[0].receiptId], [1, '1000', input.call.receiptId])
  const older = await call(app, 'GET', `/v1/usage?limit=1&before=${calls[0].position}`, apiKey)
  assert.deepEqual(json(older).calls, [])

  const closed = await post('/v1/operator/closes')
  assert.deepEqual([closed.status, json(closed).created], [201, true])
  assert.equal((await post('/v1/operator/closes')).status, 200)
  assert.notEqual((await context.statements.find(json(closed).digest))?.leafIndex, null)
  const paid = await post('/v1/operator/payouts')
  assert.equal(paid.status, 201)
  const [digest] = json(paid).payouts
  assert.deepEqual(json(await post('/v1/operator/payouts')), { payouts: [] })

  // An offer made after the statement does not redirect what it owes.
  await offerBy(context, 'ann', { kind: 'iban', iban: 'GB33BUKB20201555555555', name: 'Eve' })
  const table = await call(app, 'GET', `/v1/operator/payouts/${digest}.csv`, OPERATOR_TOKEN)
  assert.match(String(table.headers['content-type']), /^text\/csv/)
  const rows: Record<string, string>[] = parse(table.text, { columns: true })
  assert.equal(rows.length, 3)
  assert.deepEqual(
    rows.find(({ payee }) => payee === ann),
    {
      payee: ann,
      kind: 'iban',
      account: 'DE02120300000000202051',
      name: "'=SUM(A1)",
      amount: '0.000525',
      currency: 'USD',
      statement: digest,
    },
  )
  assert.deepEqual(
    rows
      .map(({ kind, account, amount }) => [kind, account, amount])
      .sort((one, other) => (one[0]! < other[0]! ? -1 : 1)),
    [
      ['evm', `eip155:1:0x${'ab'.repeat(20)}`, '0.000175'],
      ['iban', 'DE02120300000000202051', '0.000525'],
      ['operator', 'house', '0.000300'],
    ],
  )
  const [owed] = await payoutLeavesOf(context, ann)
  const { salt, destination } = readPayoutLeaf(owed!.leaf)
  const bank = { kind: 'iban' as const, iban: 'DE02120300000000202051', name: '=SUM(A1)' }
  assert.equal(destination, destinationOf(bank, salt))
})

test('over HTTP: nobody else closes, pays or reads, and what does not fit is refused', async () => {
  const context = await (await server.pool()).node()
  const app = fastify()
  registerLedgerRoutes(app, context)
  const { apiKey } = await buyerWith(context, 100n)
  for (const token of [null, 'wrong-token', apiKey]) {
    for (const url of ['buyers', 'buyers/buyer-1/top-ups', 'closes', 'payouts']) {
      assert.equal((await call(app, 'POST', `/v1/operator/${url}`, token)).status, 401, url)
    }
    assert.equal((await call(app, 'GET', `/v1/operator/payouts/${hexOf('none')}.csv`, token)).status, 401)
  }
  for (const token of [null, OPERATOR_TOKEN, 'fw-wrong']) {
    const refusal = await call(app, 'GET', '/v1/usage', token)
    assert.deepEqual([refusal.status, json(refusal).error.code], [401, 'invalid_api_key'])
  }
  const post = async (url: string, payload?: Record<string, unknown>) => {
    const answer = await call(app, 'POST', `/v1/operator/${url}`, OPERATOR_TOKEN, payload)
    return [answer.status, json(answer).error?.code]
  }
  assert.deepEqual(await post('buyers', { name: 'a\u001b[2J' }), [400, 'invalid_request'])
  assert.deepEqual(await post('buyers/none/top-ups', { amount: '1', reference: 'r' }), [404, 'buyer_unknown'])
  for (const amount of ['0', '-1', '1.5', '1e3', '9223372036854775808', 1]) {
    assert.deepEqual(await post('buyers/none/top-ups', { amount, reference: 'r' }), [400, 'invalid_request'])
  }
  assert.deepEqual(await post('buyers/none/top-ups', { amount: '1', reference: 'a b' }), [
    400,
    'invalid_request',
  ])
  assert.deepEqual(await post('closes'), [409, 'nothing_to_close'])
  const usage = await call(app, 'GET', '/v1/usage?limit=1000', apiKey)
  assert.deepEqual([usage.status, json(usage).error.param], [400, 'limit'])
  const unknown = await call(app, 'GET', `/v1/operator/payouts/${hexOf('none')}.csv`, OPERATOR_TOKEN)
  assert.deepEqual([unknown.status, json(unknown).error.code], [404, 'payout_unknown'])
  await callOnce(context, apiKey, TOKENS)
  await closeUsage(context)
  assert.deepEqual(await post('payouts'), [409, 'attribution_missing'])
  await assertBalanced(context)
})

test('a cell that a spreadsheet would run is text, and quotes are doubled', () => {
  const line = { payee: hexOf('x'), kind: 'iban' as const, account: 'DE02', amount: 1n }
  for (const [name, cell] of [
    ['=1+1', `"'=1+1"`],
    ['  @cmd', `"'  @cmd"`],
    ['-2', `"'-2"`],
    ['+2', `"'+2"`],
    ['Ann "A", Ltd', '"Ann ""A"", Ltd"'],
    ['Zoë', '"Zoë"'],
  ] as const) {
    const text = writePayoutCsv([{ ...line, name }], { asset: 'USD', scale: 6 }, hexOf('payout'))
    assert.ok(text.includes(`,${cell},"0.000001","USD",`), name)
  }
})

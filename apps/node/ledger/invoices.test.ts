import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import fastify from 'fastify'
import { sql } from 'kysely'
import { canonicalJson } from '#bytes'
import { LedgerError } from '#ledger'
import { invoiceDigest, isInvoiceOf, receiptsDigest, servingReceiptDigest } from '#statements'
import { draftOf, invoiceOf, invoicesOf } from './invoices.ts'
import { refund, topUp } from './payments.ts'
import { registerLedgerRoutes } from './routes.ts'
import { buyerWith, callOnce } from './testing/calls.ts'
import { BASE, MODEL, OPERATOR_TOKEN, TestServer } from './testing/node.ts'

let server: TestServer
before(async () => void (server = await TestServer.start()))
after(() => server.stop())

const TOKENS = { promptTokens: 10, completionTokens: 5 }
const notConserved = (error: unknown) => error instanceof LedgerError && error.code === 'not-conserved'

/** A buyer with calls of two models and a refund in November, one call in December, and nothing in January. */
async function livedThrough() {
  const pool = await server.pool()
  const context = await pool.node()
  const { buyer, apiKey } = await buyerWith(context, 0n)
  const stranger = await buyerWith(context, 50n)
  await topUp(context, buyer, { amount: 1000n, reference: 'in-1' })
  const receipts = [await callOnce(context, apiKey, TOKENS), await callOnce(context, apiKey, TOKENS, 'bare')]
  receipts.push(await callOnce(context, apiKey, TOKENS))
  await callOnce(context, stranger.apiKey, TOKENS)
  await refund(context, buyer, { amount: 100n, reference: 'out-1' })
  pool.time = new Date('2026-11-30T23:59:59.900Z')
  await topUp(context, buyer, { amount: 7n, reference: 'in-2' })
  pool.time = new Date('2026-12-01T00:00:00Z')
  await callOnce(context, apiKey, TOKENS)
  pool.time = new Date('2027-02-01T01:00:00Z')
  return { pool, context, buyer, apiKey, stranger, receipts }
}

test('an invoice sums what was paid, refunded and charged in a month, to the unit, and the next goes on from it', async () => {
  const { context, buyer, receipts } = await livedThrough()
  const december = await invoiceOf(context, buyer, '2026-12')
  const november = await invoiceOf(context, buyer, '2026-11')
  assert.deepEqual(
    november.lines.map(({ name, model, calls, promptTokens, completionTokens, amount }) => [
      name,
      model,
      calls,
      promptTokens,
      completionTokens,
      amount,
    ]),
    [
      ['bare', BASE, 1, 10, 5, '28'],
      ['meadow', MODEL, 2, 20, 10, '40'],
    ],
  )
  const { number, previous, opening, paid, refunded, charged, closing } = november
  assert.deepEqual(
    { number, previous, opening, paid, refunded, charged, closing },
    { number: 1, previous: null, opening: '0', paid: '1007', refunded: '100', charged: '68', closing: '839' },
  )
  assert.deepEqual(
    november.payments.map(({ reference, at }) => [reference, at]),
    [
      ['in-1', '2026-11-25T12:00:00Z'],
      ['in-2', '2026-11-30T23:59:59Z'],
    ],
  )
  assert.deepEqual(
    [december.number, december.previous, december.opening, december.charged, december.closing],
    [2, invoiceDigest(november), '839', '20', '819'],
  )
  // Whoever holds the receipts can tell that these and no others were counted.
  assert.equal(november.receipts, receiptsDigest(receipts.map(servingReceiptDigest)))
  assert.ok(await isInvoiceOf(november, context.machine.key('ledger').publicKey))
  await assert.rejects(invoiceOf(context, buyer, '2027-01'), { status: 404, code: 'nothing_to_invoice' })
  assert.deepEqual(await invoicesOf(context, buyer), [november, december])
})

test('asked for at once, again, or by a later term, an invoice is the same to the byte', async () => {
  const { pool, context, buyer } = await livedThrough()
  const many = await Promise.all(['2026-12', '2026-11', '2026-12'].map((of) => invoiceOf(context, buyer, of)))
  const next = await pool.node(2)
  assert.deepEqual(await invoiceOf(next, buyer, '2026-12'), many[0])
  await sql`alter table invoices disable trigger all; truncate invoices`.execute(pool.database)
  assert.equal(canonicalJson(await invoiceOf(next, buyer, '2026-12')), canonicalJson(many[2]!))
  assert.equal((await invoicesOf(next, buyer)).length, 2)
})

test('a month is invoiced an hour after it ended; before that there is a draft, which promises nothing', async () => {
  const pool = await server.pool()
  const context = await pool.node()
  const { buyer, apiKey } = await buyerWith(context, 100n)
  await callOnce(context, apiKey, TOKENS)
  const draft = await draftOf(context, buyer, '2026-11')
  assert.deepEqual([draft.number, draft.charged, draft.closing], [1, '20', '80'])
  assert.ok(!('signature' in draft))
  pool.time = new Date('2026-12-01T00:59:59Z')
  await assert.rejects(invoiceOf(context, buyer, '2026-11'), { status: 409, code: 'month_open' })
  assert.deepEqual(await invoicesOf(context, buyer), [])
  const later = await draftOf(context, buyer, '2026-12')
  assert.deepEqual([later.opening, later.charged, later.closing], ['80', '0', '80'])
  pool.time = new Date('2026-12-01T01:00:00Z')
  const { key_id: _key, signature: _signed, ...body } = await invoiceOf(context, buyer, '2026-11')
  assert.deepEqual(body, draft)
})

test('a buyer sees its own invoices and nobody else’s', async () => {
  const { context, buyer, apiKey, stranger } = await livedThrough()
  const app = fastify()
  registerLedgerRoutes(app, context)
  const ask = async (token: string, url: string) => {
    const answer = await app.inject({ url, headers: { authorization: `Bearer ${token}` } })
    return { status: answer.statusCode, body: answer.json(), cache: answer.headers['cache-control'] }
  }
  const mine = await ask(apiKey, '/v1/invoices/2026-11')
  assert.deepEqual([mine.status, mine.body.invoice.buyer, mine.cache], [200, buyer, 'no-store'])
  const theirs = await ask(stranger.apiKey, '/v1/invoices/2026-11')
  assert.deepEqual([theirs.body.invoice.buyer, theirs.body.invoice.charged], [stranger.buyer, '20'])
  const path = `/v1/operator/buyers/${buyer}/invoices`
  assert.equal((await ask(stranger.apiKey, path)).status, 401)
  assert.equal((await ask(stranger.apiKey, `${path}/2026-11`)).status, 401)
  assert.equal((await ask('nobody-at-all', '/v1/invoices')).status, 401)
  assert.deepEqual((await ask(OPERATOR_TOKEN, `${path}/2026-11`)).body, mine.body)
  assert.equal((await ask(apiKey, '/v1/invoices')).body.invoices.length, 1)
  for (const wrong of ['2026-13', '2026-1', '..', '2026-11-01'])
    assert.notEqual((await ask(apiKey, `/v1/invoices/${wrong}`)).status, 200, wrong)
  const draft = await ask(apiKey, '/v1/invoices/2027-02?draft=true')
  assert.deepEqual([draft.status, Object.keys(draft.body)], [200, ['draft']])
  const nobody = '/v1/operator/buyers/buyer-0000000000000000/invoices'
  assert.equal((await ask(OPERATOR_TOKEN, nobody)).status, 404)
  assert.equal((await ask(OPERATOR_TOKEN, `${nobody}/2026-11`)).status, 404)
})

const EDITS = {
  'a call moved to another month': `update calls set settled_at = settled_at + interval '1 month' where name = 'bare'`,
  'a call moved to another buyer': `update calls set buyer = (select min(buyer) from calls where buyer <> (select buyer
    from payments where reference = 'in-1'))  where name = 'bare'`,
  'a call sold under another name': `update calls set name = 'bare'`,
  'a dearer call': `update calls set amount = amount + 1`,
  'a payment that nobody made': `insert into payments select 'top-up/x', buyer, kind, 'x', amount, at, code from payments
    where reference = 'in-1'`,
  'a payment that was taken away': `delete from payments where reference = 'in-2'`,
  'a smaller refund': `update payments set amount = 99 where kind = 'refund'`,
} as const

for (const [what, edit] of Object.entries(EDITS)) {
  test(`the owner of the database gets no signature under ${what}`, async () => {
    const { pool, context, buyer } = await livedThrough()
    await sql
      .raw(`alter table calls disable trigger all; alter table payments disable trigger all; ${edit}`)
      .execute(pool.database)
    await assert.rejects(invoiceOf(context, buyer, '2026-12'), notConserved)
  })
}

test('a stored invoice that was changed, swapped or planted stops the next', async () => {
  const { pool, context, buyer, stranger } = await livedThrough()
  await invoiceOf(context, buyer, '2026-11')
  await invoiceOf(context, stranger.buyer, '2026-11')
  await assert.rejects(sql`update invoices set month = '2026-10'`.execute(pool.database), { code: 'FW001' })
  await sql`alter table invoices disable trigger all`.execute(pool.database)
  await sql`update invoices set document = (select document from invoices where buyer = ${stranger.buyer})
    where buyer = ${buyer}`.execute(pool.database)
  await assert.rejects(invoiceOf(context, buyer, '2026-12'), notConserved)
  await assert.rejects(invoicesOf(context, buyer), notConserved)
})

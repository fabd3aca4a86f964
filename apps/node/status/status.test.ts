import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { Command } from 'commander'
import fastify from 'fastify'
import { sql } from 'kysely'
import type { NodeContext } from '#node/core'
import { readStatus, type Status } from '#statements'
import { registerStatusCommand } from '../../status/command.ts'
import { closeUsage, openPeriod } from '../ledger/close.ts'
import { booksOf, closesOf } from '../ledger/overview.ts'
import { buyerWith, callOnce } from '../ledger/testing/calls.ts'
import { OPERATOR_TOKEN, TestServer } from '../ledger/testing/node.ts'
import { statusPage } from './page.ts'
import { registerStatus } from './routes.ts'
import { todoOf } from './todo.ts'

let server: TestServer
let folder: string
before(async () => {
  server = await TestServer.start()
  folder = await mkdtemp(join(tmpdir(), 'fairweight-status-'))
})
after(async () => {
  await rm(folder, { recursive: true, force: true })
  await server.stop()
})

const appOf = (context: NodeContext) => {
  const app = fastify()
  registerStatus(
    app,
    { ...context, folders: { ...context.folders, data: folder } },
    {
      run: async () => undefined,
      evidenceTakenAt: () => null,
      models: () => [{ name: 'meadow' }],
      calls: () => ({ open: 1, places: 64 }),
      openPeriod: () => openPeriod(context),
      closes: () => closesOf(context),
      books: () => booksOf(context),
      version: '0.1.0',
    },
  )
  return app
}
const bearer = { authorization: `Bearer ${OPERATOR_TOKEN}` }
const basic = (password: string) => ({
  authorization: `Basic ${Buffer.from(`operator:${password}`).toString('base64')}`,
  accept: 'text/html,*/*',
})

test('the operator sees the books, the period and what needs doing; no party is named', async () => {
  const pool = await server.pool()
  const context = await pool.node()
  const app = appOf(context)
  const { buyer, apiKey } = await buyerWith(context, 1000n)
  await callOnce(context, apiKey, { promptTokens: 10, completionTokens: 0 })
  await closeUsage(context)
  await callOnce(context, apiKey, { promptTokens: 10, completionTokens: 0 })
  const answer = await app.inject({ url: '/status', headers: bearer })
  const status = readStatus(answer.json())
  assert.deepEqual(status.usage, {
    open: { period: 2, closesBy: '2026-11-25T13:00:00Z' },
    closed: 1,
    unpaid: 1,
  })
  assert.deepEqual(status.books, { accounts: 4, sumsToZero: true, drifted: 0 })
  assert.ok(status.freeDiskBytes > 0)
  for (const secret of [buyer, buyer.slice(6), apiKey.slice(3, 19), OPERATOR_TOKEN, folder])
    assert.ok(!answer.body.includes(secret), secret)
  assert.deepEqual(
    status.todo.map(({ code, urgent }) => [code, urgent]),
    [
      ['evidence-old', true],
      ['log-not-published', true],
      ['keys-end', false],
      ['payout-due', false],
    ],
  )
})

test('a balance that was edited is seen, and counted without a name', async () => {
  const pool = await server.pool()
  const context = await pool.node()
  const { buyer } = await buyerWith(context, 1000n)
  await sql
    .raw(`alter table accounts disable trigger all; update accounts set balance = balance + 1
    where id = 'buyer/${buyer}'`)
    .execute(pool.database)
  const answer = await appOf(context).inject({ url: '/status', headers: bearer })
  const status = readStatus(answer.json())
  assert.deepEqual(status.books, { accounts: 4, sumsToZero: false, drifted: 1 })
  assert.deepEqual([status.todo[0]?.code, status.todo[0]?.urgent], ['books-broken', true])
})

test('nobody without the token sees anything, and a browser is asked for it', async () => {
  const context = await (await server.pool()).node()
  const app = appOf(context)
  const { apiKey } = await buyerWith(context, 10n)
  for (const headers of [
    {},
    { authorization: `Bearer ${apiKey}` },
    { authorization: `Bearer ${OPERATOR_TOKEN}x` },
    basic('wrong-password'),
    basic(''),
    { authorization: 'Basic !!!' },
  ]) {
    const refused = await app.inject({ url: '/status', headers })
    assert.equal(refused.statusCode, 401)
    assert.deepEqual(Object.keys(refused.json()), ['error'])
  }
  const asked = await app.inject({ url: '/status', headers: { accept: 'text/html' } })
  assert.match(String(asked.headers['www-authenticate']), /^Basic /)
  assert.equal((await app.inject({ url: '/status' })).headers['www-authenticate'], undefined)
  const page = await app.inject({ url: '/status', headers: basic(OPERATOR_TOKEN) })
  assert.equal(page.statusCode, 200)
  assert.match(String(page.headers['content-security-policy']), /default-src 'none'.*frame-ancestors 'none'/)
  assert.equal(page.headers['cache-control'], 'no-store')
  assert.match(page.body, /color-scheme: light dark/)
  assert.ok(!page.body.includes('<script') && page.body.includes('What needs doing'))
})

const GOOD: Omit<Status, 'todo'> = {
  format: 'fairweight/status/v1',
  at: '2026-11-25T12:00:00Z',
  simulated: true,
  node: 'node-1',
  term: 1,
  startedAt: '2026-11-20T12:00:00Z',
  keysValidUntil: '2026-12-20T12:00:00Z',
  policy: { pool: 'a'.repeat(64), digest: 'a'.repeat(64), name: 'meadow', version: 1 },
  evidence: { takenAt: '2026-11-25T06:00:00Z', maxAgeSeconds: 86_400 },
  log: {
    pending: 0,
    published: 9,
    witnesses: [
      { name: 'w1', cosignedAt: '2026-11-25T11:59:00Z' },
      { name: 'w2', cosignedAt: '2026-11-25T11:59:00Z' },
    ],
    quorum: 1,
    maxAgeSeconds: 3600,
  },
  run: { id: 1, stage: 'attributed', failed: false },
  serving: { models: ['meadow'], open: 0, places: 64 },
  usage: { open: { period: 2, closesBy: '2026-11-25T12:00:01Z' }, closed: 1, unpaid: 0 },
  books: { accounts: 5, sumsToZero: true, drifted: 0 },
  freeDiskBytes: 50e9,
  disputesOpen: 0,
  versions: { fairweight: '0.1.0', node: '24', postgres: '18' },
}

test('a node that is well has nothing to do; each thing that is not asks for its own', () => {
  assert.deepEqual(todoOf(GOOD), [])
  const silent = { name: 'w2', cosignedAt: '2026-11-25T10:59:59Z' }
  const cases: [Partial<Omit<Status, 'todo'>>, string][] = [
    [{ books: { accounts: 5, sumsToZero: false, drifted: 0 } }, 'books-broken!'],
    [{ books: { accounts: 5, sumsToZero: true, drifted: 1 } }, 'books-broken!'],
    [{ keysValidUntil: '2026-11-27T12:00:00Z' }, 'keys-end'],
    [{ keysValidUntil: '2026-11-25T12:00:00Z' }, 'keys-end!'],
    [{ evidence: { takenAt: '2026-11-24T17:59:59Z', maxAgeSeconds: 86_400 } }, 'evidence-old'],
    [{ evidence: { takenAt: '2026-11-24T11:59:59Z', maxAgeSeconds: 86_400 } }, 'evidence-old!'],
    [{ evidence: { takenAt: null, maxAgeSeconds: 86_400 } }, 'evidence-old!'],
    [{ log: { ...GOOD.log, published: null } }, 'log-not-published!'],
    [{ log: { ...GOOD.log, pending: 1 } }, 'log-pending'],
    [{ log: { ...GOOD.log, witnesses: [GOOD.log.witnesses[0]!, silent] } }, 'witness-silent'],
    [{ log: { ...GOOD.log, witnesses: [silent] } }, 'witness-silent!'],
    [{ log: { ...GOOD.log, witnesses: [{ name: 'w1', cosignedAt: null }] } }, 'witness-silent!'],
    [
      { usage: { open: { period: 2, closesBy: '2026-11-25T12:00:00Z' }, closed: 1, unpaid: 0 } },
      'usage-overdue!',
    ],
    [{ usage: { open: null, closed: 2, unpaid: 1 } }, 'payout-due'],
    [{ run: { id: 2, stage: 'mixed', failed: true } }, 'run-failed'],
    [{ freeDiskBytes: 1.9e9 }, 'disk-short'],
    [{ freeDiskBytes: 1e8 }, 'disk-short!'],
    [{ disputesOpen: 2 }, 'disputes-open'],
  ]
  for (const [change, expected] of cases) {
    const found = todoOf({ ...GOOD, ...change }).map(({ code, urgent }) => `${code}${urgent ? '!' : ''}`)
    assert.deepEqual(found, [expected], JSON.stringify(change))
    readStatus({ ...GOOD, ...change, todo: todoOf({ ...GOOD, ...change }) })
  }
  assert.equal(todoOf({ ...GOOD, disputesOpen: null }).length, 0)
  const both = todoOf({ ...GOOD, disputesOpen: 1, freeDiskBytes: 0 })
  assert.deepEqual(
    both.map(({ urgent }) => urgent),
    [true, false],
  )
})

test('nothing that stands in a status becomes markup', () => {
  const name = '<img src=x onerror=alert(1)>'
  const page = statusPage({
    ...GOOD,
    log: { ...GOOD.log, witnesses: [{ name, cosignedAt: null }] },
    todo: [{ code: 'witness-silent', urgent: true, what: name }],
  })
  assert.ok(!page.includes('<img'))
  assert.match(page, /&lt;img src=x onerror=alert\(1\)&gt;/)
})

test('the command ends with 0, 1 or 2: nothing urgent, something urgent, could not tell', async () => {
  const exitCode = () => Number(process.exitCode ?? 0)
  const ask = async (body: unknown, code = 200) => {
    const out: string[] = []
    const program = new Command().exitOverride()
    registerStatusCommand(program, {
      print: (text) => void out.push(text),
      say: () => undefined,
      env: { FAIRWEIGHT_OPERATOR_TOKEN: OPERATOR_TOKEN },
      fetch: async () => new Response(JSON.stringify(body), { status: code }),
    })
    await program.parseAsync(['node', 'fairweight', 'status'])
    const ended = exitCode()
    process.exitCode = undefined
    return { code: ended, out: out.join('') }
  }
  const well = await ask({ ...GOOD, todo: [] })
  assert.deepEqual([well.code, /SIMULATED.*Nothing needs doing\./s.test(well.out)], [0, true])
  const bad = { ...GOOD, freeDiskBytes: 1 }
  const ill = await ask({ ...bad, todo: todoOf(bad) })
  assert.deepEqual([ill.code, /NOW {3}Make room/.test(ill.out)], [1, true])
  assert.deepEqual(await ask({ ...GOOD, todo: [], secret: 1 }), { code: 2, out: '' })
  assert.deepEqual(await ask({ error: { code: 'operator_token_required' } }, 401), { code: 2, out: '' })
})

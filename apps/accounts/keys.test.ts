import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, beforeEach, test } from 'node:test'
import { Command } from 'commander'
import fastify, { type FastifyInstance } from 'fastify'
import type { NodeContext } from '#node/core'
import { createBuyer } from '../node/ledger/buyers.ts'
import { findKey } from '../node/ledger/keys.ts'
import { topUp } from '../node/ledger/payments.ts'
import { registerLedgerRoutes } from '../node/ledger/routes.ts'
import { OPERATOR_TOKEN, TestServer, type TestPool } from '../node/ledger/testing/node.ts'
import { registerAccounts } from './command.ts'

let server: TestServer
let folder: string
let pool: TestPool
let context: NodeContext
let app: FastifyInstance
let url: string
let buyer: string
let apiKey: string
let file: string

before(async () => {
  server = await TestServer.start()
  folder = await mkdtemp(join(tmpdir(), 'fairweight-accounts-'))
})
beforeEach(async () => {
  pool = await server.pool()
  context = await pool.node()
  app = fastify()
  registerLedgerRoutes(app, context)
  url = await app.listen({ host: '127.0.0.1', port: 0 })
  ;({ buyer, apiKey } = await createBuyer(context, null))
  file = join(await mkdtemp(join(folder, 'buyer-')), 'openai.env')
  await writeFile(file, `export OPENAI_BASE_URL=${url}/v1\nexport OPENAI_API_KEY=${apiKey}\n`, {
    mode: 0o644,
  })
})
afterEach(() => app.close())
after(async () => {
  await rm(folder, { recursive: true, force: true })
  await server.stop()
})

interface Ran {
  readonly code: number
  readonly out: string
  readonly said: string
}

async function fairweight(
  args: readonly string[],
  more: { fetch?: typeof fetch; env?: Record<string, string> } = {},
): Promise<Ran> {
  const printed: string[] = []
  const said: string[] = []
  const program = new Command().exitOverride()
  registerAccounts(program, {
    print: (text) => void printed.push(text),
    say: (line) => void said.push(line),
    env: { FAIRWEIGHT_OPERATOR_TOKEN: OPERATOR_TOKEN },
    ...more,
  })
  process.exitCode = undefined
  await program.parseAsync(['node', 'fairweight', ...args])
  const code = exitCode()
  process.exitCode = undefined
  return { code, out: printed.join(''), said: said.join('\n') }
}

const exitCode = () => Number(process.exitCode ?? 0)
const keyIn = async (path: string) => /fw-[0-9a-f-]+/.exec(await readFile(path, 'utf8'))![0]

test('rotating puts a new key into the file, keeps what stands around it, and lets the old one run out', async () => {
  const { code, out } = await fairweight([
    'key',
    'rotate',
    '--pool',
    url,
    '--key-file',
    file,
    '--overlap',
    '1',
  ])
  const next = await keyIn(file)
  assert.equal(code, 0)
  assert.notEqual(next, apiKey)
  assert.ok(!out.includes(next.slice(20)) && out.includes(next.slice(3, 19)))
  assert.match(await readFile(file, 'utf8'), /^export OPENAI_BASE_URL=http.*\nexport OPENAI_API_KEY=fw-.*\n$/)
  assert.equal((await stat(file)).mode & 0o777, 0o600)
  assert.deepEqual(await readdir(join(file, '..')), ['openai.env'])
  assert.deepEqual(await findKey(context, next), { id: next.slice(3, 19), buyer, ending: false })
  assert.equal((await findKey(context, apiKey))?.ending, true)
  pool.wait(3600)
  assert.equal(await findKey(context, apiKey), undefined)
  const list = await fairweight(['key', 'list', '--pool', url, '--key-file', file])
  assert.match(list.out, new RegExp(`${next.slice(3, 19)} {2}valid .* by the buyer`))
  assert.match(list.out, /ended .*rotation to .* by the buyer, good until/)
})

for (const when of ['before the node hears of it', 'after the node has done it'] as const) {
  test(`a rotation that is cut off ${when} goes on with the key that it made`, async () => {
    const cut: typeof fetch = async (input, init) => {
      if (when === 'after the node has done it') await fetch(input, init)
      throw new TypeError('cut off')
    }
    const args = ['key', 'rotate', '--pool', url, '--key-file', file, '--overlap', '0']
    const failed = await fairweight(args, { fetch: cut })
    assert.deepEqual([failed.code, failed.out], [1, ''])
    assert.equal(await keyIn(file), apiKey)
    const made = await keyIn(`${file}.next`)
    assert.equal((await stat(`${file}.next`)).mode & 0o777, 0o600)
    assert.equal((await fairweight(args)).code, 0)
    assert.equal(await keyIn(file), made)
    assert.equal((await findKey(context, made))?.buyer, buyer)
  })
}

test('who was overtaken by another holder is told so, and keeps no key that opens nothing', async () => {
  const theirs = join(folder, 'stolen')
  await writeFile(theirs, apiKey)
  assert.equal((await fairweight(['key', 'rotate', '--pool', url, '--key-file', theirs])).code, 0)
  const mine = await fairweight(['key', 'rotate', '--pool', url, '--key-file', file])
  assert.equal(mine.code, 1)
  assert.match(mine.said, /ask the operator to revoke both/)
  assert.deepEqual(await readdir(join(file, '..')), ['openai.env'])
  assert.equal(await keyIn(file), apiKey)
})

test('the operator lists, revokes and issues; the issued key is on disk before the node knows it', async () => {
  const out = join(folder, `issued-${randomBytes(4).toString('hex')}`)
  const revoked = await fairweight(['key', 'revoke', apiKey.slice(0, 19), '--pool', url, '--buyer', buyer])
  assert.deepEqual([revoked.code, revoked.said], [0, ''])
  assert.equal(await findKey(context, apiKey), undefined)
  assert.equal((await fairweight(['key', 'list', '--pool', url, '--key-file', file])).code, 1)
  const issued = await fairweight(['key', 'issue', '--pool', url, '--buyer', buyer, '--out', out])
  const key = await keyIn(out)
  assert.ok(issued.code === 0 && !issued.out.includes(key))
  assert.equal((await findKey(context, key))?.buyer, buyer)
  const again = await fairweight(['key', 'issue', '--pool', url, '--buyer', buyer, '--out', out])
  assert.deepEqual([again.code, await keyIn(out)], [2, key])
  const list = await fairweight(['key', 'list', '--pool', url, '--buyer', buyer, '--json'])
  assert.equal(JSON.parse(list.out).keys.length, 2)
  const wrong = await fairweight(['key', 'list', '--pool', url, '--buyer', buyer], {
    env: { FAIRWEIGHT_OPERATOR_TOKEN: 'operator-token-of-somebody' },
  })
  assert.equal(wrong.code, 1)
})

test('a refund is asked for once under one reference, and says what was done', async () => {
  await topUp(context, buyer, { amount: 70n, reference: 'in' })
  const args = ['refund', buyer, '--pool', url, '--amount', 'all', '--reference', 'out']
  const first = await fairweight(args)
  assert.match(first.out, /^Refunded: 70 to buyer-\w+ as out\. Send it now/)
  assert.match((await fairweight(args)).out, /^Refunded before: 70 /)
  const more = await fairweight(['refund', buyer, '--pool', url, '--amount', '1', '--reference', 'out-2'])
  assert.deepEqual([more.code, more.out], [1, ''])
  assert.match(more.said, /0 of this balance is free/)
})

test('a key goes neither over plain http to elsewhere, nor after a redirect', async () => {
  let asked = 0
  const spy: typeof fetch = async (_input, init) => {
    asked += 1
    assert.equal(init?.redirect, 'error')
    throw new TypeError('redirected')
  }
  const to = (pool: string) => fairweight(['key', 'list', '--pool', pool, '--key-file', file], { fetch: spy })
  assert.equal((await to('http://node.example')).code, 2)
  assert.equal((await to('http://127.0.0.1.node.example')).code, 2)
  assert.equal(asked, 0)
  assert.equal((await to('https://node.example')).code, 1)
  assert.equal(asked, 1)
})

test('a node that answers something else, or paints over the screen, is not believed', async () => {
  const answering =
    (status: number, body: unknown): typeof fetch =>
    async () =>
      new Response(JSON.stringify(body), { status })
  const args = ['key', 'list', '--pool', url, '--key-file', file]
  for (const body of [[], { buyer, keys: [{ id: 'x' }] }, { buyer: '\u001b[2J', keys: [] }]) {
    const { code, out } = await fairweight(args, { fetch: answering(200, body) })
    assert.deepEqual([code, out], [1, ''])
  }
  const painted = { error: { code: 'x', message: 'all \u001b[2Kgood' } }
  const { said } = await fairweight(args, { fetch: answering(400, painted) })
  assert.ok(!said.includes('\u001b'))
})

test('a file with no key or two is left alone', async () => {
  await writeFile(file, `${apiKey}\n${apiKey.replace(/.$/, (last) => (last === '0' ? '1' : '0'))}\n`)
  assert.equal((await fairweight(['key', 'rotate', '--pool', url, '--key-file', file])).code, 2)
  await writeFile(file, 'nothing\n')
  assert.equal((await fairweight(['key', 'rotate', '--pool', url, '--key-file', file])).code, 2)
  assert.equal(await readFile(file, 'utf8'), 'nothing\n')
})

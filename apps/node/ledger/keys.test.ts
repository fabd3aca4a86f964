import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { after, before, test } from 'node:test'
import fastify, { type FastifyInstance } from 'fastify'
import { sql } from 'kysely'
import { coreMigrations, migrate, type NodeContext } from '#node/core'
import { createBuyer } from './buyers.ts'
import { findKey, keysOf, revokeKey, rotateKey } from './keys.ts'
import { createMeter } from './meter.ts'
import { registerLedgerRoutes } from './routes.ts'
import { ledgerMigrations } from './tables.ts'
import { admit, admitted, buyerWith, callOnce, inputOf, settlementOf } from './testing/calls.ts'
import { OPERATOR_TOKEN, TestServer } from './testing/node.ts'

let server: TestServer
before(async () => void (server = await TestServer.start()))
after(() => server.stop())

const TOKENS = { promptTokens: 10, completionTokens: 0 }
const DAY = 86_400

/** What a buyer makes at home: the node is told name and hash only. */
function newKey() {
  const id = randomBytes(8).toString('hex')
  const apiKey = `fw-${id}-${randomBytes(32).toString('hex')}`
  return { id, apiKey, hash: createHash('sha256').update(apiKey).digest('hex') }
}

async function rotate(context: NodeContext, apiKey: string, overlapSeconds = DAY) {
  const { apiKey: next, ...made } = newKey()
  await rotateKey(context, (await findKey(context, apiKey))!, { ...made, overlapSeconds })
  return { id: made.id, apiKey: next }
}

const routesOf = (context: NodeContext): FastifyInstance => {
  const app = fastify()
  registerLedgerRoutes(app, context)
  return app
}

async function ask(app: FastifyInstance, token: string, path: string, body?: object) {
  const answer = await app.inject({
    method: body === undefined ? 'GET' : 'POST',
    url: path,
    headers: { authorization: `Bearer ${token}` },
    ...(body === undefined ? {} : { payload: body }),
  })
  return { status: answer.statusCode, body: answer.json() }
}

test('the old key works through its overlap and not a second longer, and the new one reads its receipts', async () => {
  const pool = await server.pool()
  const context = await pool.node()
  const { buyer, apiKey } = await buyerWith(context, 1000n)
  const old = await callOnce(context, apiKey, TOKENS)
  const next = await rotate(context, apiKey)
  const meter = createMeter(context)
  assert.deepEqual(await meter.receipt(old.receipt_id, next.apiKey), old)
  assert.equal(await meter.authenticate(apiKey), buyer)
  await callOnce(context, apiKey, TOKENS)
  pool.wait(DAY - 1)
  const input = inputOf(context, apiKey, TOKENS)
  const call = await admitted(context, input)
  pool.wait(1)
  const late = await admit(context, inputOf(context, apiKey, TOKENS))
  assert.deepEqual(late.kind === 'refused' && [late.status, late.code], [401, 'invalid_api_key'])
  assert.equal(await meter.receipt(old.receipt_id, apiKey), 'unauthorized')
  // What was admitted in time is answered and paid for.
  const receipt = await call.settle(settlementOf(context, input, TOKENS))
  assert.deepEqual(await meter.receipt(receipt.receipt_id, next.apiKey), receipt)
})

test('an answer that was lost is asked for again, and a second next key is refused', async () => {
  const context = await (await server.pool()).node()
  const { apiKey } = await buyerWith(context, 0n)
  const old = (await findKey(context, apiKey))!
  const { apiKey: _, ...mine } = newKey()
  const { apiKey: _thief, ...theirs } = newKey()
  const told = await Promise.all(
    [1, 2, 3].map(() => rotateKey(context, old, { ...mine, overlapSeconds: 60 })),
  )
  assert.equal(told.filter(({ created }) => created).length, 1)
  assert.equal(new Set(told.map(({ validUntil }) => validUntil.getTime())).size, 1)
  const again = rotateKey(context, old, { ...theirs, overlapSeconds: 0 })
  await assert.rejects(again, { status: 409, code: 'key_replaced' })
  // The same name with another secret is another key, too.
  const same = rotateKey(context, old, { id: mine.id, hash: theirs.hash, overlapSeconds: 60 })
  await assert.rejects(same, { code: 'key_replaced' })
})

test('two who hold one key cannot both get a next one', async () => {
  const context = await (await server.pool()).node()
  const { buyer, apiKey } = await buyerWith(context, 0n)
  const old = (await findKey(context, apiKey))!
  const attempts = await Promise.allSettled(
    Array.from({ length: 6 }, () => {
      const { apiKey: _, ...made } = newKey()
      return rotateKey(context, old, { ...made, overlapSeconds: DAY })
    }),
  )
  assert.equal(attempts.filter(({ status }) => status === 'fulfilled').length, 1)
  assert.equal((await keysOf(context, buyer)).length, 2)
})

test('who holds an old key can neither prolong it nor shut the new one out', async () => {
  const pool = await server.pool()
  const context = await pool.node()
  const app = routesOf(context)
  const { buyer, apiKey } = await buyerWith(context, 0n)
  const next = await rotate(context, apiKey)
  const { apiKey: _, ...third } = newKey()
  const prolong = await ask(app, apiKey, '/v1/keys/rotations', { ...third, overlapSeconds: 30 * DAY })
  assert.deepEqual([prolong.status, prolong.body.error.code], [409, 'key_replaced'])
  const shutOut = await ask(app, apiKey, '/v1/keys/revocations', { key: next.id })
  assert.deepEqual([shutOut.status, shutOut.body.error.code], [403, 'key_ending'])
  assert.equal((await findKey(context, next.apiKey))?.buyer, buyer)
  // The new one ends the old one before its time.
  const oldId = apiKey.slice(3, 19)
  const ended = await ask(app, next.apiKey, '/v1/keys/revocations', { key: oldId })
  assert.deepEqual([ended.status, ended.body], [201, { key: oldId, created: true }])
  assert.equal((await ask(app, next.apiKey, '/v1/keys/revocations', { key: oldId })).status, 200)
  assert.equal(await findKey(context, apiKey), undefined)
})

test('a revoked key is over at once, for whoever holds it, and stays over', async () => {
  const pool = await server.pool()
  const context = await pool.node()
  const app = routesOf(context)
  const { buyer, apiKey } = await buyerWith(context, 100n)
  const stranger = await buyerWith(context, 100n)
  const id = apiKey.slice(3, 19)
  const theirs = await ask(app, stranger.apiKey, '/v1/keys/revocations', { key: id })
  assert.deepEqual([theirs.status, theirs.body.error.code], [404, 'key_unknown'])
  const wrong = `/v1/operator/buyers/${stranger.buyer}/keys/revocations`
  assert.equal((await ask(app, OPERATOR_TOKEN, wrong, { key: id })).status, 404)
  assert.equal((await ask(app, apiKey, `/v1/operator/buyers/${buyer}/keys`)).status, 401)
  const path = `/v1/operator/buyers/${buyer}/keys`
  assert.equal((await ask(app, OPERATOR_TOKEN, `${path}/revocations`, { key: id })).status, 201)
  assert.equal((await ask(app, apiKey, '/v1/keys')).status, 401)
  const refused = await admit(context, inputOf(context, apiKey, TOKENS))
  assert.equal(refused.kind === 'refused' && refused.code, 'invalid_api_key')
  await assert.rejects(rotateKey(context, { id, buyer, ending: false }, { ...newKey(), overlapSeconds: 0 }), {
    status: 401,
  })
  // The operator issues another; its secret was never told to the node.
  const fresh = newKey()
  const issued = await ask(app, OPERATOR_TOKEN, path, { id: fresh.id, hash: fresh.hash })
  assert.deepEqual([issued.status, issued.body], [201, { buyer, key: fresh.id, created: true }])
  assert.equal((await ask(app, OPERATOR_TOKEN, path, { id: fresh.id, hash: fresh.hash })).status, 200)
  const taken = await ask(app, OPERATOR_TOKEN, `/v1/operator/buyers/${stranger.buyer}/keys`, {
    id: fresh.id,
    hash: fresh.hash,
  })
  assert.deepEqual([taken.status, taken.body.error.code], [409, 'key_exists'])
  await callOnce(context, fresh.apiKey, TOKENS)
  assert.equal((await ask(app, OPERATOR_TOKEN, '/v1/operator/buyers/buyer-none/keys')).status, 404)
})

test('what became of each key can be read, and no answer and no row holds a secret', async () => {
  const pool = await server.pool()
  const context = await pool.node()
  const app = routesOf(context)
  const { buyer, apiKey } = await buyerWith(context, 0n)
  const next = await rotate(context, apiKey, 60)
  pool.wait(61)
  await revokeKey(context, { id: next.id, buyer }, 'operator')
  const last = newKey()
  await ask(app, OPERATOR_TOKEN, `/v1/operator/buyers/${buyer}/keys`, { id: last.id, hash: last.hash })
  const { body } = await ask(app, last.apiKey, '/v1/keys')
  assert.equal(body.key, last.id)
  assert.deepEqual(
    body.keys.map(({ state, madeBy, validUntil, ends }: any) => [
      state,
      madeBy,
      validUntil,
      ends.map((end: any) => [end.kind, end.by, end.replacedBy]),
    ]),
    [
      ['ended', 'operator', '2026-11-25T12:01:00.000Z', [['rotation', 'buyer', next.id]]],
      ['ended', 'buyer', '2026-11-25T12:01:01.000Z', [['revocation', 'operator', null]]],
      ['valid', 'operator', null, []],
    ],
  )
  const { rows } = await sql<{ all: string }>`select string_agg(row_to_json(api_keys)::text, '') as all
    from api_keys`.execute(pool.database)
  for (const secret of [apiKey, next.apiKey, last.apiKey].map((key) => key.slice(20))) {
    assert.ok(!rows[0]!.all.includes(secret))
    assert.ok(!JSON.stringify(body).includes(secret))
  }
  assert.ok(!JSON.stringify(body).includes(last.hash))
})

test('the owner of the database can end keys, and neither make, change nor revive one', async () => {
  const pool = await server.pool()
  const context = await pool.node()
  const { buyer, apiKey } = await buyerWith(context, 1000n)
  const stranger = await buyerWith(context, 0n)
  const strangerId = stranger.apiKey.slice(3, 19)
  for (const attempt of [
    `update api_keys set buyer = '${buyer}' where id = '${strangerId}'`,
    'delete from api_keys',
  ]) {
    await assert.rejects(sql.raw(attempt).execute(pool.database), { code: 'FW001' }, attempt)
  }
  const planted = newKey()
  await sql`alter table api_keys disable trigger api_keys_stay`.execute(pool.database)
  for (const code of [null, '0'.repeat(64)]) {
    await sql`insert into api_keys (id, hash, buyer, made_by, created_at, code) values
      (${planted.id}, ${planted.hash}, ${buyer}, 'operator', now(), ${code})`.execute(pool.database)
    assert.equal(await findKey(context, planted.apiKey), undefined)
    await sql`delete from api_keys where id = ${planted.id}`.execute(pool.database)
  }
  // A stranger's own good key on another's balance; a copied code fits its own row only.
  await sql`update api_keys set buyer = ${buyer} where id = ${strangerId}`.execute(pool.database)
  assert.equal(await findKey(context, stranger.apiKey), undefined)
  const views = await keysOf(context, buyer)
  assert.deepEqual(views.map(({ state }) => state).sort(), ['refused', 'valid'])
  // A revocation that nobody of ours made is service refused, and is shown for what it is.
  await sql`insert into api_key_ends (key, buyer, kind, by, valid_until, at, code) values
    (${apiKey.slice(3, 19)}, ${buyer}, 'revocation', 'operator', ${pool.time}, ${pool.time}, 'x')`.execute(
    pool.database,
  )
  assert.equal(await findKey(context, apiKey), undefined)
  const revive = sql`update api_key_ends set valid_until = now() + interval '1 year'`
  await assert.rejects(revive.execute(pool.database), { code: 'FW001' })
  const ends = (await keysOf(context, buyer)).flatMap((one) => one.ends.map(({ kind }) => kind))
  assert.deepEqual(ends, ['unproven'])
})

test('a key made in one term opens in the next, and one of another pool’s machine does not', async () => {
  const pool = await server.pool()
  const first = await pool.node(1)
  const { buyer, apiKey } = await createBuyer(first, null)
  const next = await rotate(first, apiKey)
  const second = await pool.node(2)
  assert.deepEqual(await findKey(second, next.apiKey), { id: next.id, buyer, ending: false })
  assert.deepEqual(await findKey(second, apiKey), { id: apiKey.slice(3, 19), buyer, ending: true })
  const other = { ...second, machine: { ...second.machine, secret: () => new Uint8Array(32) } }
  assert.equal(await findKey(other, next.apiKey), undefined)
})

test('a buyer makes twenty keys a day and no more', async () => {
  const pool = await server.pool()
  const context = await pool.node()
  let { apiKey } = await buyerWith(context, 0n)
  for (let made = 0; made < 20; made += 1) ({ apiKey } = await rotate(context, apiKey, 0))
  await assert.rejects(rotate(context, apiKey, 0), { status: 429, code: 'too_many_keys' })
  pool.wait(DAY + 1)
  await rotate(context, apiKey, 0)
})

test('a rotation is read strictly', async () => {
  const context = await (await server.pool()).node()
  const app = routesOf(context)
  const { apiKey } = await buyerWith(context, 0n)
  const { apiKey: _, ...made } = newKey()
  for (const wrong of [
    {},
    { ...made, hash: made.hash.toUpperCase() },
    { ...made, id: 'x' },
    { ...made, overlapSeconds: -1 },
    { ...made, overlapSeconds: 31 * DAY },
    { ...made, overlapSeconds: 0.5 },
    { ...made, buyer: 'buyer-0' },
  ]) {
    const answer = await ask(app, apiKey, '/v1/keys/rotations', wrong)
    assert.deepEqual([answer.status, answer.body.error.code], [400, 'invalid_request'])
  }
})

test('a database of an earlier version takes the later step of one role after the first step of the next', async () => {
  const pool = await server.empty()
  const { '0110-ledger-keys': _later, ...earlier } = ledgerMigrations
  const nextRole = { '0200-next': 'create table next_role (id int)' }
  await migrate(pool, coreMigrations, earlier, nextRole)
  await migrate(pool, coreMigrations, ledgerMigrations, nextRole)
  await sql`select by from api_key_ends`.execute(pool)
})

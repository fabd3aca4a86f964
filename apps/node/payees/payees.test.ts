import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, test } from 'node:test'
import fastify, { type FastifyInstance } from 'fastify'
import { sql } from 'kysely'
import { signPartyRequest } from '#contributing'
import { encodeUtf8, sha256 } from '#bytes'
import { migrate, coreMigrations, type NodeContext } from '#node/core'
import { signingKeyFromSeed, type SigningKey } from '#seal'
import {
  destinationOf,
  formatTime,
  openStatement,
  payeeCancellation,
  payeeChange,
  payeeReceipt,
  readPayoutLeaf,
  signStatement,
  type Payee,
  type PayeeChange,
  type PayeeReceipt,
} from '#statements'
import { ingestMigrations, type IngestTables } from '../ingest/tables.ts'
import { closeUsage } from '../ledger/close.ts'
import { payoutCsv } from '../ledger/csv.ts'
import { betweenPayouts, ledgerMigrations } from '../ledger/index.ts'
import { findPayout, payOutAll, payoutLeavesOf } from '../ledger/payouts.ts'
import { attributeModel, buyerWith, callOnce, offerBy } from '../ledger/testing/calls.ts'
import { hexOf, operatorKey, TestServer, type TestPool } from '../ledger/testing/node.ts'
import { payeeLinksOf, payeeMigrations, registerPayees } from './index.ts'

let server: TestServer
before(async () => void (server = await TestServer.start()))
after(() => server.stop())

const IBAN: Payee = { kind: 'iban', iban: 'CH9300762011623852957', name: 'Ann' }
const OTHER: Payee = { kind: 'evm', chainId: 1, address: `0x${'5a'.repeat(20)}` }
const keyOf = (name: string) => signingKeyFromSeed(sha256(encodeUtf8(`key of ${name}`)))

interface Stage {
  readonly pool: TestPool
  readonly context: NodeContext
  readonly app: FastifyInstance
  readonly ann: SigningKey
  readonly recovery: SigningKey
  readonly earn: () => Promise<string>
  readonly payOut: () => Promise<string>
}

async function stage(): Promise<Stage> {
  const pool = await server.pool()
  const context = await pool.node()
  const ann = await keyOf('ann')
  await attributeModel(context)
  await contributed(context, ann.publicKey)
  const { apiKey } = await buyerWith(context, 100_000n)
  const app = fastify()
  registerPayees(app, context, betweenPayouts(context))
  const earn = async () => {
    await callOnce(context, apiKey, { promptTokens: 1000, completionTokens: 0 })
    pool.wait(60)
    return (await closeUsage(context))!.digest
  }
  const payOut = async () => (await payOutAll(context)).at(-1)!
  return { pool, context, app, ann, recovery: await keyOf('recovery'), earn, payOut }
}

/** What ingest leaves behind of one accepted bundle. */
async function contributed({ database }: NodeContext, contributor: string): Promise<void> {
  const tables = database.withTables<IngestTables>()
  const [offer, receipt] = [hexOf(`offer ${contributor}`), hexOf(`receipt ${contributor}`)]
  await tables
    .insertInto('offers')
    .values({
      digest: offer,
      upload: offer,
      nonce: offer,
      contributor,
      envelope: '{}',
      received_at: new Date(),
    })
    .execute()
  await tables
    .insertInto('bundles')
    .values({
      receipt,
      offer,
      node: 'node-1',
      term: 1,
      sequence: 1,
      contributor,
      ciphertext: receipt,
      canonical_tokens: 1,
      code: '',
    })
    .execute()
}

interface Answer {
  readonly status: number
  readonly body: {
    readonly change?: { readonly digest: string; readonly leafIndex: number }
    readonly receipt?: { readonly digest: string; readonly envelope: unknown; readonly leafIndex: number }
    readonly error?: { readonly code: string }
    readonly changes?: readonly { readonly cancellation: unknown }[]
    readonly nextPeriod?: number
  }
}

async function wish(
  { app, context, ann, recovery }: Stage,
  given: Partial<PayeeChange> & { readonly by?: SigningKey },
): Promise<Answer> {
  const { by = ann, ...change } = given
  const { pool, digest } = context.policy
  const honest: PayeeChange = {
    pool,
    policy: digest,
    contributor: ann.publicKey,
    previous: null,
    payee: IBAN,
    recovery: recovery.publicKey,
    fromPeriod: 1,
    nonce: Buffer.from(randomBytes(32)).toString('hex'),
    issuedAt: formatTime(context.now()),
    ...change,
  }
  return post(app, '/v1/payee-changes', (await signStatement(payeeChange, honest, by)).envelope)
}

async function object({ app, context, ann }: Stage, change: string, by = ann): Promise<Answer> {
  const { pool, digest } = context.policy
  const issuedAt = formatTime(context.now())
  const said = { pool, policy: digest, contributor: ann.publicKey, change, issuedAt }
  return post(app, '/v1/payee-cancellations', (await signStatement(payeeCancellation, said, by)).envelope)
}

async function post(app: FastifyInstance, url: string, payload: unknown): Promise<Answer> {
  const response = await app.inject({ method: 'POST', url, payload: payload as object })
  return { status: response.statusCode, body: response.json() }
}

async function look({ app, context, ann }: Stage, by: SigningKey): Promise<Answer> {
  const url = `/v1/contributors/${ann.publicKey}/payee`
  const headers = { 'fairweight-party': await signPartyRequest(by, url, context.now()) }
  const response = await app.inject({ method: 'GET', url, headers })
  return { status: response.statusCode, body: response.json() }
}

const codeOf = ({ status, body }: Answer) => [status, body.error?.code]
const receiptIn = async ({ body }: Answer): Promise<PayeeReceipt> =>
  (await openStatement(payeeReceipt, body.receipt?.envelope)).predicate

async function destinationIs({ context, ann }: Stage, payout: string, payee: Payee): Promise<boolean> {
  const leaf = (await payoutLeavesOf(context, ann.publicKey)).find((one) => one.statement === payout)!.leaf
  const { destination, salt } = readPayoutLeaf(leaf)
  return destination === destinationOf(payee, salt)
}

test('a change by the own key is logged, receipted, and in force from the payout it names', async () => {
  const it = await stage()
  await it.earn()
  const first = await it.payOut()
  const taken = await wish(it, { fromPeriod: 3 })
  assert.equal(taken.status, 201, JSON.stringify(taken.body))
  const receipt = await receiptIn(taken)
  assert.equal(receipt.statement, taken.body.change?.digest)
  assert.equal(receipt.waitsUntil, receipt.receivedAt)
  await it.earn()
  const second = await it.payOut()
  await it.earn()
  const third = await it.payOut()
  const old: Payee = { kind: 'iban', iban: 'DE02120300000000202051', name: '=SUM(A1)' }
  for (const [payout, payee] of [
    [first, old],
    [second, old],
    [third, IBAN],
  ] as const) {
    assert.ok(await destinationIs(it, payout, payee), payout)
    // The bank's table follows the leaf of its own statement, whatever has been changed since.
    const csv = await payoutCsv(it.context, (await findPayout(it.context, payout))!)
    assert.ok(csv.includes((payee as { iban: string }).iban))
  }
  const place = await it.context.statements.find(third)
  assert.ok(taken.body.receipt!.leafIndex < (place?.leafIndex ?? (await lastLeaf(it))))
})

async function lastLeaf({ context }: Stage): Promise<number> {
  await context.statements.integrate()
  return context.statements.logSize()
}

test('no later offer moves the money of somebody who has changed the payee', async () => {
  const it = await stage()
  await wish(it, {})
  await offerBy(it.context, 'ann', OTHER)
  await it.earn()
  assert.ok(await destinationIs(it, await it.payOut(), IBAN))
})

test('the recovery key waits, and pays out after the wait where nobody objects', async () => {
  const it = await stage()
  const first = await wish(it, {})
  const recovered = await wish(it, { by: it.recovery, previous: first.body.change!.digest, payee: OTHER })
  assert.equal(recovered.status, 201, JSON.stringify(recovered.body))
  const { receivedAt, waitsUntil } = await receiptIn(recovered)
  assert.equal(Date.parse(waitsUntil!) - Date.parse(receivedAt), 86_400_000)
  await it.earn()
  assert.ok(await destinationIs(it, await it.payOut(), IBAN), 'not yet')
  it.pool.wait(86_400)
  assert.deepEqual(codeOf(await object(it, recovered.body.change!.digest)), [409, 'payee-change-final'])
  await it.earn()
  assert.ok(await destinationIs(it, await it.payOut(), OTHER), 'now')
})

test('whoever has the own key cancels what a thief of the recovery key wants', async () => {
  const it = await stage()
  const first = await wish(it, {})
  const stolen = await wish(it, { by: it.recovery, previous: first.body.change!.digest, payee: OTHER })
  const shown = await look(it, it.ann)
  assert.deepEqual([shown.status, shown.body.changes?.length, shown.body.nextPeriod], [200, 2, 1])
  const waiting = await wish(it, { previous: first.body.change!.digest })
  assert.deepEqual(codeOf(waiting), [409, 'payee-change-waiting'])
  assert.deepEqual(codeOf(await object(it, stolen.body.change!.digest, await keyOf('stranger'))), [
    403,
    'payee-signer',
  ])
  const cancelled = await object(it, stolen.body.change!.digest)
  assert.equal(cancelled.status, 201, JSON.stringify(cancelled.body))
  it.pool.wait(1)
  assert.deepEqual(codeOf(await object(it, stolen.body.change!.digest)), [409, 'payee-change-not-next'])
  it.pool.wait(2 * 86_400)
  await it.earn()
  assert.ok(await destinationIs(it, await it.payOut(), IBAN))
  const next = await wish(it, {
    previous: first.body.change!.digest,
    payee: OTHER,
    fromPeriod: 2,
    recovery: null,
  })
  assert.equal(next.status, 201, 'the chain goes on from what was not cancelled')
  const gone = await wish(it, { by: it.recovery, previous: next.body.change!.digest, fromPeriod: 2 })
  assert.deepEqual(codeOf(gone), [403, 'payee-signer'], 'a recovery key that was ended is a stranger’s')
})

test('the same change twice is one; once it was replaced it is a replay', async () => {
  const it = await stage()
  const nonce = hexOf('nonce')
  const issuedAt = formatTime(it.context.now())
  const first = await wish(it, { nonce, issuedAt })
  const again = await wish(it, { nonce, issuedAt })
  assert.deepEqual(again.body, first.body)
  await wish(it, { previous: first.body.change!.digest, payee: OTHER })
  assert.deepEqual(codeOf(await wish(it, { nonce, issuedAt })), [409, 'payee-change-replayed'])
  assert.equal((await payeeLinksOf(it.context, it.ann.publicKey)).length, 2)
})

test('of changes at once one is taken', async () => {
  const it = await stage()
  const answers = await Promise.all([1, 2, 3, 4].map(() => wish(it, {})))
  const codes = answers.map(codeOf).toSorted((one, other) => Number(one[0]) - Number(other[0]))
  assert.deepEqual(codes, [
    [201, undefined],
    [409, 'payee-change-not-next'],
    [409, 'payee-change-not-next'],
    [409, 'payee-change-not-next'],
  ])
})

test('a payout and a change at once: whichever comes first, the leaf is the one that the log’s order says', async () => {
  const it = await stage()
  await it.earn()
  const [payout, change] = await Promise.all([it.payOut(), wish(it, {})])
  const taken = change.status === 201
  if (!taken) assert.deepEqual(codeOf(change), [409, 'payee-change-backdated'])
  assert.equal(await destinationIs(it, payout, IBAN), taken)
})

test('every refusal keeps nothing', async () => {
  const it = await stage()
  await it.earn()
  await it.payOut()
  const operator = await operatorKey
  const { ann } = it
  const long = (seconds: number) => formatTime(new Date(it.context.now().getTime() + seconds * 1000))
  for (const [code, given] of [
    ['payee-signer', { by: await keyOf('stranger'), fromPeriod: 2 }],
    ['payee-signer', { by: it.recovery, fromPeriod: 2 }],
    ['payee-change-backdated', { fromPeriod: 1 }],
    ['payee-change-not-next', { previous: hexOf('none'), fromPeriod: 2 }],
    ['payee-stale', { issuedAt: long(-86_401), fromPeriod: 2 }],
    ['payee-stale', { issuedAt: long(301), fromPeriod: 2 }],
    ['pool-mismatch', { pool: hexOf('other'), fromPeriod: 2 }],
    ['policy-unknown', { policy: hexOf('other'), fromPeriod: 2 }],
    ['contributor-unknown', { by: it.recovery, contributor: it.recovery.publicKey, recovery: null }],
    ['payee-of-operator', { by: operator, contributor: operator.publicKey }],
  ] as const) {
    assert.equal((await wish(it, given)).body.error?.code, code)
  }
  const { envelope } = await signStatement(
    payeeCancellation,
    {
      pool: it.context.policy.pool,
      policy: it.context.policy.digest,
      contributor: ann.publicKey,
      change: hexOf('none'),
      issuedAt: formatTime(it.context.now()),
    },
    ann,
  )
  assert.deepEqual(codeOf(await post(it.app, '/v1/payee-changes', envelope)), [400, 'payee-invalid'])
  assert.deepEqual(codeOf(await post(it.app, '/v1/payee-cancellations', envelope)), [
    409,
    'payee-change-not-next',
  ])
  assert.deepEqual(codeOf(await post(it.app, '/v1/payee-changes', { payload: 'x' })), [400, 'payee-invalid'])
  const sig = Buffer.from(randomBytes(64)).toString('base64')
  const forged = { ...envelope, signatures: [{ ...envelope.signatures[0], sig }] }
  assert.deepEqual(codeOf(await post(it.app, '/v1/payee-cancellations', forged)), [403, 'signature'])
  for (const kind of ['payee-change', 'payee-cancellation', 'payee-receipt'] as const)
    assert.deepEqual(await it.context.statements.list(kind), [])
  assert.deepEqual(await payeeLinksOf(it.context, ann.publicKey), [])
})

test('a contributor is shown its own changes, also by the recovery key in force, and nobody else’s', async () => {
  const it = await stage()
  assert.equal((await look(it, it.recovery)).status, 403)
  await wish(it, {})
  assert.equal((await look(it, it.recovery)).status, 200)
  assert.deepEqual(codeOf(await look(it, await keyOf('stranger'))), [403, 'not_yours'])
})

test('twelve changes are enough for a day', async () => {
  const it = await stage()
  let previous: string | null = null
  for (let count = 1; count <= 12; count += 1) {
    const taken = await wish(it, { previous })
    previous = taken.body.change!.digest
  }
  assert.deepEqual(codeOf(await wish(it, { previous })), [429, 'busy'])
  it.pool.wait(86_401)
  assert.equal((await wish(it, { previous })).status, 201)
})

test('a row that was planted, changed or taken out of the middle stops the payout', async () => {
  const it = await stage()
  const first = await wish(it, {})
  const recovered = await wish(it, { by: it.recovery, previous: first.body.change!.digest, payee: OTHER })
  await object(it, recovered.body.change!.digest)
  await it.earn()
  it.pool.wait(2 * 86_400)
  const behind = (text: string) => sql.raw(text).execute(it.context.database)
  await behind('update payee_changes set cancellation = null, cancellation_receipt = null where place = 2')
  await assert.rejects(
    payOutAll(it.context),
    { code: 'payee-forged' },
    'a thief’s friend hides the objection',
  )
  await behind('delete from payee_changes where place = 2')
  await behind('update payee_changes set place = 2')
  await assert.rejects(payOutAll(it.context), { code: 'payee-forged' })
})

test('a database of an earlier version gets the table', async () => {
  const pool = await server.pool()
  const behind = (text: string) => sql.raw(text).execute(pool.database)
  await behind('drop table payee_changes')
  await behind("delete from kysely_migration where name = '0250-payees'")
  const later = { '0900-later': 'create table later (a integer);' }
  await migrate(pool.database, coreMigrations, ledgerMigrations, ingestMigrations, later)
  await migrate(pool.database, coreMigrations, ledgerMigrations, ingestMigrations, later, payeeMigrations)
  assert.deepEqual(await pool.node().then((context) => payeeLinksOf(context, hexOf('ann'))), [])
})

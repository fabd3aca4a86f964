import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { canonicalJson } from '#bytes'
import { signPartyRequest } from '#contributing'
import { oneAtATime } from '#node/core'
import { seal } from '#seal'
import {
  contributionReceipt,
  encodeBundle,
  encodeLogLeaf,
  logLeafOf,
  openStatement,
  readContributionRecord,
} from '#statements'
import { bundleHeaderOf } from '#contributing'
import { acceptedBundles, IntakeError, type PartySource } from './index.ts'
import {
  call,
  complete,
  createUpload,
  dialogue,
  prepare,
  sendBytes,
  sendOffer,
  startHarness,
  upload,
  type Harness,
  type Prepared,
} from './testing/harness.ts'

interface Logged {
  readonly digest: string
  readonly envelope: unknown
  readonly salt: string
  readonly leafIndex: number
}
interface Contribution {
  readonly offer: Logged
  readonly receipt: Logged
}

// Sources of other roles' leaves are given at the start, so this one looks up what a test put here.
const manifestsOf = new Map<string, Awaited<ReturnType<PartySource>>>()
let harness: Harness

before(async () => {
  harness = await startHarness({
    maxBytes: 200_000,
    maxWaitingOffers: 40,
    sources: [async ({ contributor }) => manifestsOf.get(contributor) ?? {}],
  })
})
after(() => harness.stop())

const items = (marker: string) => [
  dialogue(`Who is ${marker}?`, 'She founded it.'),
  dialogue(`What is ${marker}?`, 'A clinic.'),
]

async function contribute(prepared: Prepared): Promise<Contribution> {
  await upload(harness, prepared)
  const { status, body } = await complete<Contribution>(harness, prepared.offer.digest)
  assert.equal(status, 200, JSON.stringify(body))
  return body
}

const counts = async () => {
  const { body } = await call<{ bundles: number }>(harness, '/v1/pool')
  return [
    body.bundles,
    (await harness.context.statements.list('contribution-receipt')).length,
    filesIn('sealed').length,
  ]
}

function filesIn(folder: string): string[] {
  const path = join(harness.folder, folder)
  return statSync(path, { throwIfNoEntry: false }) === undefined ? [] : readdirSync(path)
}

/** Uploads, expects the refusal, and checks that nothing was counted or kept. */
async function assertRefused(prepared: Prepared, code: string): Promise<void> {
  const earlier = await counts()
  const id = await upload(harness, prepared)
  const { status, body } = await complete(harness, prepared.offer.digest)
  assert.equal(body.error?.code, code)
  assert.ok(status >= 400 && status < 500)
  assert.deepEqual(await counts(), earlier)
  assert.ok(!filesIn('uploads').some((name) => name.startsWith(id)), 'the upload is deleted')
}

test('a sealed bundle becomes a logged receipt that says what was counted', async () => {
  const prepared = await prepare(harness, 1, items('Isolde'))
  const { offer, receipt } = await contribute(prepared)
  const { predicate, signer } = await openStatement(contributionReceipt, receipt.envelope)
  assert.equal(signer, harness.context.machine.key('ingest').publicKey)
  assert.equal(predicate.offer, prepared.offer.digest)
  assert.equal(predicate.bundleRoot, prepared.offer.predicate.bundle.root)
  assert.equal(predicate.ciphertext, createHash('sha256').update(prepared.sealed).digest('hex'))
  assert.deepEqual(
    [predicate.offered, predicate.accepted, predicate.rejected, predicate.sequence],
    [2, 2, [], 1],
  )
  // System turn 7, user turn 5 and its words, assistant's header 3, the answer, the end: counted by hand.
  assert.equal(predicate.canonicalTokens, 7 + (5 + 3) + 3 + 3 + 1 + (7 + (5 + 3) + 3 + 2 + 1))
  for (const [kind, logged] of [
    ['offer', offer],
    ['contribution-receipt', receipt],
  ] as const) {
    const entry = harness.entries[logged.leafIndex]
    assert.deepEqual(entry, encodeLogLeaf(logLeafOf(kind, logged.digest, logged.salt)))
  }
  assert.deepEqual(filesIn('uploads'), [])
  assert.deepEqual(filesIn('sealed'), [predicate.ciphertext])
})

test('completing twice, also at once and in a later term, gets the same receipt', async () => {
  const prepared = await prepare(harness, 2, items('Otto'))
  await upload(harness, prepared)
  const answers = await Promise.all(
    [1, 2, 3].map(() => complete<Contribution>(harness, prepared.offer.digest)),
  )
  const receipts = answers.map(({ body }) => body.receipt.digest)
  const [, earlier] = await counts()
  harness = await harness.restart()
  const again = await complete<Contribution>(harness, prepared.offer.digest)
  assert.deepEqual(new Set([...receipts, again.body.receipt.digest]).size, 1)
  assert.equal((await counts())[1], earlier)
})

test('the same offer twice is one offer, and its nonce serves no other', async () => {
  const prepared = await prepare(harness, 3, items('Ada'))
  const first = await sendOffer<{ upload: { id: string } }>(harness, prepared.offer.envelope)
  const second = await sendOffer<{ upload: { id: string } }>(harness, prepared.offer.envelope)
  assert.equal(first.status, 201)
  assert.deepEqual(second.body, first.body)
  assert.match(first.body.upload.id, /^[0-9a-f]{64}$/)
  for (const seed of [3, 4]) {
    const replay = await prepare(harness, seed, items('Ada'), { nonce: prepared.offer.predicate.nonce })
    const { status, body } = await sendOffer<{ error: { code: string } }>(harness, replay.offer.envelope)
    assert.deepEqual([status, body.error.code], [409, 'offer-replayed'])
  }
})

test('offers that are not for this node, or not their contributor’s, are refused by their reason', async () => {
  const good = await prepare(harness, 5, items('Mara'))
  const stranger = await prepare(harness, 6, items('Mara'))
  const { consent } = good.offer.predicate
  const change = async (fields: Parameters<typeof prepare>[3]) =>
    (await prepare(harness, 5, items('Mara'), fields)).offer.envelope
  const { envelope } = good.offer
  const [signature] = envelope.signatures
  const cases: [string, unknown][] = [
    ['policy-unknown', await change({ policy: 'f'.repeat(64) })],
    ['pool-mismatch', await change({ pool: 'f'.repeat(64) })],
    ['signature', await change({ contributor: stranger.offer.predicate.contributor })],
    ['signature', { ...envelope, signatures: [{ ...signature, keyid: stranger.key.publicKey }] }],
    ['signature', { ...envelope, payload: Buffer.from('{}').toString('base64') }],
    ['consent-insufficient', await change({ consent: { ...consent, actions: ['train'] } })],
    ['consent-insufficient', await change({ consent: { ...consent, until: '2020-01-01T00:00:00Z' } })],
    ['offer-invalid', { ...envelope, signatures: [] }],
    ['offer-invalid', {}],
    ['offer-invalid', null],
    ['offer-invalid', []],
  ]
  for (const [code, body] of cases) {
    const answer = await sendOffer<{ error: { code: string } }>(harness, body)
    assert.equal(answer.body.error.code, code)
    assert.ok(answer.status >= 400 && answer.status < 500)
  }
  const broken = await call(harness, '/v1/offers', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"payload": "Isolde',
  })
  assert.equal(broken.status, 400)
  assert.ok(!JSON.stringify(broken.body).includes('Isolde'))
})

test('a copied ciphertext under another name is refused', async () => {
  const original = await prepare(harness, 7, items('Wren'))
  await contribute(original)
  const thief = await prepare(harness, 8, items('Wren'), { bundle: original.offer.predicate.bundle })
  await assertRefused({ ...thief, sealed: original.sealed }, 'bundle-of-another-offer')
})

test('a bundle that does not open, or is not what was offered, is refused and not kept', async () => {
  const { context } = harness
  const good = await prepare(harness, 9, items('Lena'))
  const tampered = good.sealed.slice()
  tampered[tampered.length - 20]! ^= 1
  await assertRefused({ ...good, sealed: tampered }, 'ciphertext-invalid')
  await assertRefused({ ...good, sealed: new TextEncoder().encode('plain text') }, 'ciphertext-invalid')

  const reseal = async (plaintext: Uint8Array<ArrayBuffer>) => ({
    ...good,
    sealed: await seal(plaintext, context.machine.pool.recipient),
  })
  const header = bundleHeaderOf(good.offer.predicate, good.offer.digest, good.secret)
  const encoded = encodeBundle(header, items('Lena'))
  await assertRefused(await reseal(encoded.slice(0, -1)), 'ciphertext-invalid')
  await assertRefused(
    await reseal(encodeBundle({ ...header, items: 3 }, items('Lena'))),
    'ciphertext-invalid',
  )
  await assertRefused(
    await reseal(encodeBundle({ ...header, nonce: 'a'.repeat(64) }, items('Lena'))),
    'bundle-of-another-offer',
  )
  await assertRefused(
    await reseal(encodeBundle({ ...header, pool: 'a'.repeat(64) }, items('Lena'))),
    'bundle-of-another-offer',
  )
  await assertRefused(
    await reseal(encodeBundle({ ...header, policy: 'a'.repeat(64) }, items('Lena'))),
    'bundle-of-another-offer',
  )
  await assertRefused(await reseal(encodeBundle(header, items('Lena').reverse())), 'commitment-mismatch')
  await assertRefused(await reseal(encodeBundle(header, items('Lina'))), 'commitment-mismatch')
  await assertRefused(
    await reseal(encodeBundle({ ...header, secret: 'a'.repeat(64) }, items('Lena'))),
    'commitment-mismatch',
  )
  await assertRefused(
    await reseal(encodeBundle({ ...header, items: 1 }, items('Lena').slice(1))),
    'commitment-mismatch',
  )
  await assertRefused(
    await prepare(harness, 9, items('Lena'), { bundle: { ...good.offer.predicate.bundle, items: 3 } }),
    'commitment-mismatch',
  )
  // After all of that the offer still stands: the right bundle is taken.
  await contribute(good)
})

test('items that are not in normal form, empty or too long are rejected one by one', async () => {
  const bundle = [
    dialogue('Who?', 'She.'),
    dialogue(' Who?', 'She.'),
    dialogue('Cafe\u0301?', 'Yes.'),
    dialogue('Who?', ' \n'),
    dialogue('Who?', 'word '.repeat(60).trim()),
  ]
  const { receipt } = await contribute(await prepare(harness, 10, bundle))
  const { predicate } = await openStatement(contributionReceipt, receipt.envelope)
  assert.deepEqual(predicate.rejected, [
    { index: 1, reason: 'not-normalized' },
    { index: 2, reason: 'not-normalized' },
    { index: 3, reason: 'empty' },
    { index: 4, reason: 'too-long' },
  ])
  assert.deepEqual([predicate.offered, predicate.accepted], [5, 1])
})

test('an upload that stopped goes on where it stopped', async () => {
  const prepared = await prepare(harness, 11, items('Juno'))
  const { body } = await sendOffer<{ upload: { id: string } }>(harness, prepared.offer.envelope)
  const { id } = body.upload
  const missing = await complete(harness, prepared.offer.digest)
  assert.deepEqual([missing.status, missing.body.error.code], [409, 'upload-missing'])
  assert.equal(
    (await createUpload(harness, id, prepared.sealed.length)).headers.get('location'),
    `/v1/uploads/${id}`,
  )
  assert.equal((await sendBytes(harness, id, 0, prepared.sealed.slice(0, 1000))).status, 204)
  const partly = await complete(harness, prepared.offer.digest)
  assert.deepEqual([partly.status, partly.body.error.code], [409, 'upload-incomplete'])
  assert.equal((await createUpload(harness, id, 5)).status, 409, 'it cannot be emptied by creating it again')

  harness = await harness.restart()
  const head = await fetch(`${harness.url}/v1/uploads/${id}`, {
    method: 'HEAD',
    headers: { 'tus-resumable': '1.0.0' },
  })
  assert.equal(head.headers.get('upload-offset'), '1000')
  assert.equal((await sendBytes(harness, id, 0, prepared.sealed)).status, 409, 'not from the start again')
  assert.equal((await sendBytes(harness, id, 1000, prepared.sealed.slice(1000))).status, 204)
  assert.equal((await complete(harness, prepared.offer.digest)).status, 200)
})

test('nobody uploads without an offer, reads an upload back, or sends too much', async () => {
  assert.equal((await createUpload(harness, 'a'.repeat(64), 10)).status, 403)
  assert.equal((await createUpload(harness, '../../etc/x', 10)).status, 403)
  const prepared = await prepare(harness, 12, items('Vega'))
  const { body } = await sendOffer<{ upload: { id: string } }>(harness, prepared.offer.envelope)
  const { id } = body.upload
  assert.equal((await createUpload(harness, id, 200_001)).status, 413)
  await createUpload(harness, id, 100)
  assert.ok((await sendBytes(harness, id, 0, new Uint8Array(200))).status >= 400, 'more than announced')
  assert.equal((await fetch(`${harness.url}/v1/uploads/${id}`)).status, 404)
  for (const path of [`/v1/uploads/..%2f..%2fx`, '/v1/uploads/nothing']) {
    const head = await fetch(`${harness.url}${path}`, {
      method: 'HEAD',
      headers: { 'tus-resumable': '1.0.0' },
    })
    assert.equal(head.status, 404)
  }
})

test('an unknown offer cannot be completed', async () => {
  for (const digest of ['a'.repeat(64), 'x', '..']) {
    assert.equal((await complete(harness, digest)).status, 404)
  }
})

test('a contributor sees its own contribution and nobody else’s', async () => {
  const prepared = await prepare(harness, 13, items('Iris'))
  const stranger = await prepare(harness, 14, items('Rosa'))
  const { receipt } = await contribute(prepared)
  const ask = async (key: Prepared['key'], path: string, signedPath = path) =>
    call<Contribution>(harness, path, {
      headers: { 'fairweight-party': await signPartyRequest(key, signedPath, new Date()) },
    })
  const path = `/v1/contributions/${receipt.digest}`
  const own = await ask(prepared.key, path)
  assert.deepEqual([own.status, own.body.receipt.digest], [200, receipt.digest])
  assert.equal((await ask(stranger.key, path)).status, 404)
  assert.equal((await ask(prepared.key, path, '/v1/contributions/x')).status, 401)
  assert.equal((await call(harness, path)).status, 401)
  const record = `/v1/contributors/${prepared.key.publicKey}/record`
  assert.equal((await ask(stranger.key, record)).status, 403)
  assert.equal((await call(harness, record)).status, 401)
})

test('the record holds every contribution with what other roles say about it', async () => {
  const first = await prepare(harness, 15, items('Nell'))
  const second = await prepare(harness, 15, items('Nora'))
  const receipts = [(await contribute(first)).receipt, (await contribute(second)).receipt]
  manifestsOf.set(first.key.publicKey, {
    manifests: [
      {
        statement: harness.context.policy.digest,
        leaf: {},
        proof: { index: 0, value: 'a'.repeat(64), path: [] },
      },
    ],
  })
  const path = `/v1/contributors/${first.key.publicKey}/record`
  const { status, body } = await call<{ records: unknown[] }>(harness, path, {
    headers: { 'fairweight-party': await signPartyRequest(first.key, path, new Date()) },
  })
  assert.equal(status, 200)
  const records = body.records.map(readContributionRecord)
  assert.deepEqual(
    records.map((record) => record.receipt.leafIndex),
    receipts.map((receipt) => receipt.leafIndex),
  )
  assert.equal(records[0]?.manifests.length, 1)
})

test('policy and pool are public', async () => {
  const { body } = await call<{ payload: string }>(harness, '/v1/policy')
  assert.equal(
    createHash('sha256').update(Buffer.from(body.payload, 'base64')).digest('hex'),
    harness.context.policy.digest,
  )
  const pool = await call<Record<string, unknown>>(harness, '/v1/pool')
  assert.equal(pool.body['pool'], harness.context.policy.pool)
  assert.ok(Number(pool.body['contributors']) > 1 && Number(pool.body['canonicalTokens']) > 0)
})

test('the run gets every accepted bundle, gap-free over terms, and the same ones again', async () => {
  const { context } = harness
  const all = await acceptedBundles(context)
  const [bundles] = await counts()
  assert.equal(all.bundles.length, bundles)
  assert.equal(
    all.cutOff.reduce((sum, { sequence }) => sum + sequence, 0),
    bundles,
  )
  assert.ok(all.cutOff.length > 1, 'there were several terms')
  assert.deepEqual(
    all.bundles.map(({ logIndex }) => logIndex),
    all.bundles.map(({ logIndex }) => logIndex).sort((a, b) => a - b),
  )
  await contribute(await prepare(harness, 16, items('Late')))
  assert.deepEqual((await acceptedBundles(context, all.cutOff)).bundles, all.bundles)
  assert.equal((await acceptedBundles(context)).bundles.length, all.bundles.length + 1)
})

test('bundles that storage slips in, changes or takes away stop the run', async () => {
  const { context } = harness
  const database = context.database.withTables<{ bundles: Record<string, any> }>()
  const isStopped = (code: string) => (error: unknown) => error instanceof IntakeError && error.code === code
  const rows = await database.selectFrom('bundles').selectAll().orderBy('term').orderBy('sequence').execute()
  const [first] = rows

  const change = async (fields: Record<string, unknown>, expected: (error: unknown) => boolean) => {
    await database.updateTable('bundles').set(fields).where('receipt', '=', first!['receipt']).execute()
    await assert.rejects(acceptedBundles(context), expected)
    await database.updateTable('bundles').set(first!).where('receipt', '=', first!['receipt']).execute()
  }
  await change({ code: 'a'.repeat(64) }, isStopped('receipt-forged'))
  await change({ node: 'two' }, isStopped('sequence-gap'))
  await change({ sequence: 1000 }, isStopped('sequence-gap'))

  await database.deleteFrom('bundles').where('receipt', '=', first!['receipt']).execute()
  await assert.rejects(acceptedBundles(context), isStopped('sequence-gap'))
  await database.insertInto('bundles').values(first!).execute()

  // An earlier place in the log would take the weight of a duplicate from whoever was first.
  const moved = context.database.updateTable('statements').where('digest', '=', first!['receipt'])
  const { leaf_index: place } = await context.database
    .selectFrom('statements')
    .select('leaf_index')
    .where('digest', '=', first!['receipt'])
    .executeTakeFirstOrThrow()
  await moved.set({ leaf_index: -1 }).execute()
  await assert.rejects(acceptedBundles(context), isStopped('receipt-forged'))
  await moved.set({ leaf_index: place }).execute()

  const elsewhere = { ...context, policy: { ...context.policy, pool: 'f'.repeat(64) } }
  await assert.rejects(acceptedBundles(elsewhere), isStopped('receipt-forged'))

  const sealed = join(harness.folder, 'sealed', first!['ciphertext'])
  const kept = readFileSync(sealed)
  writeFileSync(sealed, Buffer.concat([kept, Buffer.from('x')]))
  await assert.rejects(acceptedBundles(context), /was changed/)
  writeFileSync(sealed, kept)
  await acceptedBundles(context)
})

test('offers that nobody completes do not fill the node', async () => {
  let refused: string | undefined
  for (let at = 0; at < 60 && refused === undefined; at += 1) {
    const prepared = await prepare(harness, 17, items(`Crowd ${at}`))
    const { status, body } = await sendOffer<{ error: { code: string } }>(harness, prepared.offer.envelope)
    if (status !== 201) refused = body.error.code
  }
  assert.equal(refused, 'busy')
  const after = (hours: number) => ({
    ...harness.context,
    now: () => new Date(Date.now() + hours * 3600 * 1000),
  })
  const { takeOffer } = await import('./offers.ts')
  const removed: string[] = []
  const remove = async (id: string) => void removed.push(id)
  const uploads = { sweep: async () => undefined, remove } as never
  const database = harness.context.database as never
  const week = 7 * 24 * 3600 * 1000
  const options = { maxBytes: 1, maxWaitingOffers: 40, holdWhenFullMs: 3600 * 1000, keepUploadsMs: week }
  const take = async (hours: number, name: string) => {
    const { offer } = await prepare(harness, 18, items(name))
    const ingest = { context: after(hours), database, uploads, options, inTurn: oneAtATime() }
    const { statement } = await takeOffer(ingest, offer.envelope)
    assert.equal(statement.digest, offer.digest)
  }
  await assert.rejects(take(0.5, 'At once'))
  assert.deepEqual(removed, [])
  await take(2, 'Soon')
  assert.equal(removed.length, 1, 'the oldest gave way, with what it had uploaded')
  await take(8 * 24, 'Later')
})

test('no plaintext is on disk or in the diagnostics', () => {
  const found: string[] = []
  const walk = (path: string) => {
    for (const entry of readdirSync(path, { withFileTypes: true })) {
      const inner = join(path, entry.name)
      if (entry.isDirectory()) walk(inner)
      else if (entry.isFile() && /Isolde|founded it|A clinic/.test(readFileSync(inner, 'latin1')))
        found.push(inner)
    }
  }
  walk(harness.folder)
  assert.deepEqual(found, [])
  assert.ok(harness.spoken().includes('bundle-accepted'))
  assert.doesNotMatch(harness.spoken(), /Isolde|founded|clinic/)
  assert.doesNotMatch(canonicalJson(harness.spoken()), /upload-failed/)
})

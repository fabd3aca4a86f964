import assert from 'node:assert/strict'
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import {
  LogFilesError,
  openLog,
  writeDurably,
  type LogFilesErrorCode,
  type WriteFile,
} from '#adapters/tlog-files'
import { encodeHex, encodeUtf8 } from '#bytes'
import { hashLeaf, treeRoot, verifyConsistency, verifyInclusion } from '#merkle'
import { signingKeyFromSeed } from '#seal'
import {
  decodeBundle,
  decodeTile,
  newTiles,
  bundlePath,
  noteSigner,
  parseCheckpoint,
  parseNote,
  parseProof,
  tilePath,
  verifierKey,
  verifyProof,
  witnessStep,
  type WitnessState,
} from '#tlog'

const rejects = (body: Promise<unknown>, code: LogFilesErrorCode) =>
  assert.rejects(body, (error) => error instanceof LogFilesError && error.code === code, code)

const root = await mkdtemp(join(tmpdir(), 'tlog-files-'))
after(() => rm(root, { recursive: true, force: true }))
let folders = 0
const newFolder = () => join(root, String((folders += 1)))

const origin = 'log.example/pool'
const seed = (byte: number) => signingKeyFromSeed(new Uint8Array(32).fill(byte))
const signer = noteSigner(origin, await seed(1))
const logKey = verifierKey('ed25519', origin, signer.publicKey)
const now = () => new Date('2025-06-01T00:00:00Z')
const open = (directory: string, write: WriteFile = writeDurably) =>
  openLog({ directory, origin, signer, now, write })
const entriesFrom = (start: number, end: number, mark = '') =>
  Array.from({ length: end - start }, (_, at) => encodeUtf8(`entry ${start + at}${mark}`))
const headOf = (note: string) => parseCheckpoint(parseNote(note).text)

test('entries get places in order, survive reopening and are proven at every size', async () => {
  const directory = newFolder()
  const log = await open(directory)
  const all = entriesFrom(0, 600)
  for (const [start, end] of [
    [0, 1],
    [1, 3],
    [3, 255],
    [255, 256],
    [256, 300],
    [300, 600],
  ] as const) {
    const { indexes } = await log.append(all.slice(start, end))
    assert.deepEqual(
      indexes,
      Array.from({ length: end - start }, (_, at) => start + at),
    )
    assert.equal(encodeHex(headOf(log.checkpoint()).root), encodeHex(treeRoot(all.slice(0, end))))
  }
  await log.close()

  const reopened = await open(directory)
  assert.equal(reopened.size(), 600)
  assert.equal(reopened.checkpoint(), log.checkpoint())
  for (const index of [0, 2, 255, 256, 511, 512, 599]) {
    assert.equal(encodeHex(await reopened.readEntry(index)), encodeHex(all[index]!))
    const head = headOf(reopened.checkpoint())
    verifyInclusion(head, index, hashLeaf(all[index]!), reopened.inclusionProof(index))
  }
  const old = { size: 300, root: treeRoot(all.slice(0, 300)) }
  verifyConsistency(old, headOf(reopened.checkpoint()), reopened.consistencyProof(300, 600))
  await rejects(reopened.readEntry(600), 'index-invalid')
  assert.throws(() => reopened.inclusionProof(0, 601), LogFilesError)
  await reopened.close()
})

test('the files are the tiles and bundles that the layout names', async () => {
  const directory = newFolder()
  const log = await open(directory)
  const all = entriesFrom(0, 520)
  for (const end of [100, 256, 400, 520]) await log.append(all.slice(0, end))
  for (const tile of newTiles(0, 520)) {
    const bytes = new Uint8Array(await readFile(join(directory, tilePath(tile))))
    assert.equal(decodeTile(bytes, tile.width).length, tile.width)
    if (tile.level > 0) continue
    const bundle = new Uint8Array(await readFile(join(directory, bundlePath(tile))))
    const entries = decodeBundle(bundle, tile.width)
    assert.deepEqual(
      entries.map((entry) => encodeHex(hashLeaf(entry))),
      decodeTile(bytes, tile.width).map(encodeHex),
    )
  }
  assert.deepEqual((await readdir(join(directory, 'tile/0'))).toSorted(), ['000', '001', '002.p'])
  await log.close()
})

test('equal entries keep their place, in one call, in calls side by side and after reopening', async () => {
  const directory = newFolder()
  const log = await open(directory)
  const [a, b, c] = entriesFrom(0, 3) as [Uint8Array, Uint8Array, Uint8Array]
  const answers = await Promise.all([
    log.append([a, b, a]),
    log.append([b, c]),
    log.append([]),
    log.append([c]),
  ])
  assert.deepEqual(
    answers.map(({ indexes }) => indexes),
    [[0, 1, 0], [1, 2], [], [2]],
  )
  await log.close()
  const reopened = await open(directory)
  assert.deepEqual((await reopened.append([c, encodeUtf8('new')])).indexes, [2, 3])
  assert.equal(reopened.indexOf(b), 1)
  assert.equal(reopened.indexOf(encodeUtf8('never')), null)
  await reopened.close()
})

test('a stop before, within or after any write leaves the old head or the new one', async () => {
  const before = entriesFrom(0, 250)
  const added = entriesFrom(250, 520)
  const template = newFolder()
  const seeded = await open(template)
  await seeded.append(before)
  await seeded.close()

  let finished = false
  for (let stopAt = 1; !finished; stopAt += 1) {
    for (const kind of ['before', 'within', 'after'] as const) {
      const directory = newFolder()
      await cp(template, directory, { recursive: true })
      const log = await open(directory, stopAtWrite(stopAt, kind))
      const stopped = await log.append(added).then(
        () => false,
        () => true,
      )
      if (stopped) await rejects(log.append(added), 'write-failed')
      await log.close()
      finished = !stopped

      const after = await open(directory)
      const kept = after.size() === 250 ? before : [...before, ...added]
      assert.equal(after.size(), kept.length)
      if (!stopped) assert.equal(kept.length, 520)
      // A different continuation is written over what the stop left behind.
      const all = [...kept, ...entriesFrom(kept.length, 530, ' again')]
      await after.append(all.slice(kept.length))
      assert.equal(encodeHex(headOf(after.checkpoint()).root), encodeHex(treeRoot(all)))
      await after.close()
      const last = await open(directory)
      for (const index of [0, 249, 250, 511, 529]) {
        assert.equal(encodeHex(await last.readEntry(index)), encodeHex(all[index]!))
      }
      await last.close()
    }
  }
})

function stopAtWrite(stopAt: number, kind: 'before' | 'within' | 'after'): WriteFile {
  let writes = 0
  return async (directory, name, bytes) => {
    writes += 1
    if (writes > stopAt) throw new Error('stopped')
    if (writes === stopAt && kind === 'before') throw new Error('stopped')
    if (writes === stopAt && kind === 'within') {
      await writeDurably(directory, `${name}.new`, bytes.subarray(0, bytes.length / 2))
      throw new Error('stopped')
    }
    await writeDurably(directory, name, bytes)
    if (writes === stopAt) throw new Error('stopped')
  }
}

test('a directory has one writer', async () => {
  const directory = newFolder()
  const log = await open(directory)
  await rejects(open(directory), 'locked')
  await log.close()
  await log.close()
  await rejects(log.append([encodeUtf8('late')]), 'closed')
  await (await open(directory)).close()
})

test('files that the log did not write are refused at opening', async () => {
  const template = newFolder()
  const log = await open(template)
  await log.append(entriesFrom(0, 300))
  await log.publish({ witnesses: [], fetch })
  await log.append(entriesFrom(300, 310))
  await log.close()
  const spoil = async (code: LogFilesErrorCode, change: (directory: string) => Promise<unknown>) => {
    const directory = newFolder()
    await cp(template, directory, { recursive: true })
    await change(directory)
    await rejects(open(directory), code)
  }
  const flip = (name: string) => async (directory: string) => {
    const bytes = await readFile(join(directory, name))
    bytes[0]! ^= 1
    await writeFile(join(directory, name), bytes)
  }
  await spoil('head-invalid', flip('integrated'))
  await spoil('head-invalid', flip('checkpoint'))
  await spoil('tiles-mismatch', flip('tile/0/000'))
  await spoil('tiles-mismatch', (directory) => rm(join(directory, 'tile/0/001.p/54')))
  await spoil('entry-corrupt', flip('tile/entries/001.p/54'))
  await spoil('rolled-back', (directory) => rm(join(directory, 'integrated')))

  const directory = newFolder()
  await cp(template, directory, { recursive: true })
  const other = noteSigner(origin, await seed(2))
  await rejects(openLog({ directory, origin, signer: other, now }), 'head-invalid')
  await rejects(openLog({ directory, origin: 'other', signer, now }), 'head-invalid')
  await flip('tile/entries/000')(directory)
  const opened = await open(directory)
  await rejects(opened.readEntry(0), 'entry-corrupt')
  await opened.close()
})

test('an entry too long is refused and harms no other', async () => {
  const log = await open(newFolder())
  await rejects(log.append([new Uint8Array(65_536)]), 'entry-too-long')
  assert.deepEqual((await log.append([new Uint8Array(65_535)])).indexes, [0])
  await log.close()
})

function networkOf(answer: (url: string, body: string) => Promise<Response>): typeof fetch {
  const network = async (url: string, { body }: { body: string }) => answer(url, body)
  return network as unknown as typeof fetch
}

async function witnessOf(name: string, byte: number) {
  const witness = { signer: noteSigner(name, await seed(byte)), logs: [{ origin, keys: [logKey] }] }
  let state: WitnessState = new Map()
  return {
    address: { url: `https://${name}`, key: verifierKey('cosignature', name, witness.signer.publicKey) },
    answer: async (body: string, seconds: number) => {
      const step = await witnessStep(witness, state, body, seconds)
      state = step.state
      const { status, body: text, contentType } = step.answer
      return new Response(text, { status, headers: { 'content-type': contentType } })
    },
  }
}

test('publishing collects cosignatures, and proof files then hold offline', async () => {
  const witnesses = [await witnessOf('one.example', 11), await witnessOf('two.example', 12)]
  const asked: string[] = []
  const network = networkOf(async (url, body) => {
    asked.push(url)
    const witness = witnesses.find(({ address }) => url === `${address.url}/add-checkpoint`)!
    return witness.answer(body, now().getTime() / 1000)
  })
  const addresses = witnesses.map(({ address }) => address)
  const policy = { origin, logKey, witnesses: addresses.map(({ key }) => key), quorum: 2 }

  const directory = newFolder()
  const log = await open(directory)
  const all = entriesFrom(0, 10)
  await log.append(all.slice(0, 4))
  assert.throws(() => log.proveEntry(0), LogFilesError)
  const first = await log.publish({ witnesses: addresses, fetch: network })
  assert.deepEqual(first.cosignedBy, ['one.example', 'two.example'])
  await log.append(all.slice(4))
  assert.throws(() => log.proveEntry(5), LogFilesError)
  await log.publish({ witnesses: addresses, fetch: network })
  assert.equal(asked.length, 4)
  assert.equal(log.published(), await readFile(join(directory, 'checkpoint'), 'utf8'))
  for (const [index, entry] of all.entries()) {
    assert.equal((await verifyProof(log.proveEntry(index), entry, policy)).index, index)
  }
  assert.equal(parseProof(log.proveEntry(0, Uint8Array.of(1))).extra?.length, 1)
  await log.close()

  // A log that was reopened asks the witness where it stands.
  const reopened = await open(directory)
  assert.equal(reopened.published(), log.published())
  await reopened.append([encodeUtf8('one more')])
  assert.equal((await reopened.publish({ witnesses: addresses, fetch: network })).size, 11)
  assert.equal(asked.length, 8)
  await reopened.close()
})

test('a witness that fails, lies or is late is named, and without a quorum nothing is published', async () => {
  const good = await witnessOf('good.example', 13)
  const bad = await witnessOf('bad.example', 14)
  const log = await open(newFolder())
  await log.append(entriesFrom(0, 3))
  const seconds = now().getTime() / 1000
  const answers: Record<string, (body: string) => Promise<Response>> = {
    down: () => Promise.reject(new Error('connection refused')),
    error: async () => new Response('no', { status: 500 }),
    ahead: async () => new Response('9\n', { status: 409 }),
    endless: async () => new Response('2\n', { status: 409 }),
    nonsense: async () => new Response('\u2014 bad.example AAAA\n', { status: 200 }),
    empty: async () => new Response('', { status: 200 }),
    long: async () => new Response('x'.repeat(70_000), { status: 200 }),
    stranger: (body) => good.answer(body, seconds),
    future: (body) => bad.answer(body, seconds + 3600),
  }
  for (const [name, answer] of Object.entries(answers)) {
    const network = networkOf(async (url, body) =>
      url.includes('good') ? good.answer(body, seconds) : answer(body),
    )
    const witnesses = [good.address, bad.address]
    await rejects(log.publish({ witnesses, fetch: network }), 'quorum-missed')
    assert.equal(log.published(), null, name)
    const missed = log.publish({ witnesses: [bad.address], quorum: 1, fetch: network })
    await rejects(missed, 'quorum-missed')
  }
  const network = networkOf(async (url, body) =>
    url.includes('good') ? good.answer(body, seconds) : answers['down']!(''),
  )
  const some = await log.publish({ witnesses: [good.address, bad.address], quorum: 1, fetch: network })
  assert.deepEqual(some.cosignedBy, ['good.example'])
  assert.deepEqual(some.failures, [{ name: 'bad.example', reason: 'connection refused' }])
  await log.close()
})

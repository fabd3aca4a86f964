import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { writeDurably, type WriteFile } from '#adapters/tlog-files'
import { sha256Hex, encodeUtf8 } from '#bytes'
import { HashTree, hashLeaf } from '#merkle'
import { signingKeyFromSeed } from '#seal'
import {
  formatAddCheckpoint,
  formatCheckpoint,
  formatNote,
  formatVerifierKey,
  noteSigner,
  signNote,
  verifierKey,
  verifyCheckpoint,
} from '#tlog'
import { openWitnessService } from './service.ts'

const root = await mkdtemp(join(tmpdir(), 'witness-'))
after(() => rm(root, { recursive: true, force: true }))
let folders = 0

const origin = 'log.example'
const log = noteSigner(origin, await signingKeyFromSeed(new Uint8Array(32).fill(1)))
const signer = noteSigner('witness.example', await signingKeyFromSeed(new Uint8Array(32).fill(2)))
const logKey = verifierKey('ed25519', log.name, log.publicKey)
const witnessKey = verifierKey('cosignature', signer.name, signer.publicKey)
const witness = { signer, logs: [{ origin, keys: [logKey] }] }
const policy = { origin, logKey, witnesses: [witnessKey], quorum: 1 }
const now = () => new Date('2025-06-01T00:00:00Z')

const tree = HashTree.of(Array.from({ length: 20 }, (_, at) => Uint8Array.of(at)))
const fork = HashTree.of(Array.from({ length: 5 }, (_, at) => Uint8Array.of(at)))
while (fork.size < 20) fork.append(hashLeaf(Uint8Array.of(99, fork.size)))

const newFolder = () => join(root, String((folders += 1)))
const open = (directory: string, write: WriteFile = writeDurably) =>
  openWitnessService({ directory, witness, now, write })
const get = (path: string) => new Request(`http://witness${path}`)

async function requestFor(oldSize: number, size: number, from = tree): Promise<Request> {
  const text = formatCheckpoint({ origin, size, root: from.root(size), extensions: [] })
  const checkpoint = formatNote(await signNote(text, log))
  const path = from.proveConsistency(oldSize, size)
  const body = formatAddCheckpoint({ oldSize, path, checkpoint })
  return new Request('http://witness/add-checkpoint', { method: 'POST', body })
}

test('it says who it is, cosigns growth and shows the last head', async () => {
  const handle = await open(newFolder())
  assert.equal(await (await handle(get('/'))).text(), `${formatVerifierKey(witnessKey)}\n`)
  assert.equal((await handle(get('/healthz'))).status, 200)
  const shown = `/${sha256Hex(encodeUtf8(origin))}/checkpoint`
  assert.equal((await handle(get(shown))).status, 404)
  assert.equal((await handle(await requestFor(0, 7))).status, 200)
  assert.equal((await handle(await requestFor(7, 12))).status, 200)
  assert.equal((await verifyCheckpoint(await (await handle(get(shown))).text(), policy)).size, 12)
})

test('forks and smaller trees are refused, also after a restart', async () => {
  const directory = newFolder()
  const first = await open(directory)
  assert.equal((await first(await requestFor(0, 10))).status, 200)
  for (const handle of [first, await open(directory)]) {
    assert.equal((await handle(await requestFor(10, 17, fork))).status, 422)
    assert.equal((await handle(await requestFor(10, 10, fork))).status, 422)
    const behind = await handle(await requestFor(0, 9))
    assert.equal(behind.status, 409)
    assert.equal(behind.headers.get('content-type'), 'text/x.tlog.size')
    assert.equal(await behind.text(), '10\n')
  }
})

test('of two branches asked for at once, one is cosigned', async () => {
  const handle = await open(newFolder())
  await handle(await requestFor(0, 5))
  const requests = [
    await requestFor(5, 9),
    await requestFor(5, 9, fork),
    await requestFor(5, 8),
    await requestFor(5, 20),
  ]
  const answers = await Promise.all(requests.map(handle))
  assert.deepEqual(
    answers.map(({ status }) => status),
    [200, 409, 409, 409],
  )
})

test('no cosignature leaves before its head is on disk', async () => {
  const directory = newFolder()
  let finish: () => void = () => undefined
  const held = new Promise<void>((resolve) => (finish = resolve))
  let written = false
  const handle = await open(directory, async (...file) => {
    await held
    await writeDurably(...file)
    written = true
  })
  const answering = handle(await requestFor(0, 5)).then(() => written)
  const waiting = new Promise((resolve) => setTimeout(resolve, 50, 'waiting'))
  assert.equal(await Promise.race([answering, waiting]), 'waiting')
  finish()
  assert.equal(await answering, true)
})

test('where a head cannot be written, nothing is cosigned and the old head stands', async () => {
  const directory = newFolder()
  let broken = false
  const handle = await open(directory, async (...file) => {
    if (broken) throw new Error('no space')
    await writeDurably(...file)
  })
  assert.equal((await handle(await requestFor(0, 5))).status, 200)
  broken = true
  await assert.rejects(handle(await requestFor(5, 9)), /no space/)
  broken = false
  assert.equal((await handle(await requestFor(5, 9, fork))).status, 200)
})

test('a kept head that was changed is not witnessed on', async () => {
  const directory = newFolder()
  await (
    await open(directory)
  )(await requestFor(0, 10))
  const path = join(directory, sha256Hex(encodeUtf8(origin)), 'checkpoint')
  const note = await readFile(path, 'utf8')
  await writeFile(path, note.replace('\n10\n', '\n4\n'))
  await assert.rejects(open(directory))
})

test('other paths, methods and endless bodies are refused', async () => {
  const handle = await open(newFolder())
  assert.equal((await handle(get('/add-checkpoint'))).status, 405)
  assert.equal((await handle(get('/checkpoint'))).status, 404)
  assert.equal((await handle(new Request('http://witness/', { method: 'POST' }))).status, 405)
  const body = 'x'.repeat(1_000_001)
  assert.equal(
    (await handle(new Request('http://witness/add-checkpoint', { method: 'POST', body }))).status,
    413,
  )
})

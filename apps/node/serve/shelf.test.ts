import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { encodeUtf8, sha256Hex } from '#bytes'
import type { Engine } from '#chat'
import { createShelf, ShelfError } from './shelf.ts'
import { createFakeEngine, digestOfText, type FakeEngine } from './testing.ts'

let scratch: string
before(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'fairweight-shelf-'))
})
after(() => rm(scratch, { recursive: true }))

const base = { digest: digestOfText('base'), tokenizerSha256: digestOfText('tokenizer') }
const bytes = encodeUtf8('adapter')
const trained = (text = 'adapter') => ({
  name: 'pool-trained',
  model: digestOfText(`model ${text}`),
  trainingReceipt: digestOfText(`receipt ${text}`),
  adapter: { bytes: encodeUtf8(text), sha256: sha256Hex(encodeUtf8(text)) },
  created: 2,
})
const openedOn = (engine: Engine) => createShelf({ engine, base, scratch })
const settle = () => new Promise((resolve) => setImmediate(resolve))

/** An engine that notes what it found in the file that it was given. */
function readingEngine(): FakeEngine & { readonly read: string[] } {
  const engine = createFakeEngine()
  const read: string[] = []
  const { load } = engine
  return Object.assign(engine, {
    read,
    load: async (options: { adapterPath?: string }) => {
      if (options.adapterPath !== undefined) read.push(await readFile(options.adapterPath, 'utf8'))
      return load(options)
    },
  })
}

test('the base is loaded at the first call and kept', async () => {
  const engine = createFakeEngine()
  const shelf = openedOn(engine)
  shelf.putBase('pool-base', 1)
  assert.deepEqual(engine.loaded, [])
  const first = await shelf.open('pool-base')
  const second = await shelf.open('pool-base')
  assert.equal(first?.model, second?.model)
  assert.deepEqual(engine.loaded, ['base'])
  assert.deepEqual(first?.served.weights, {
    type: 'weights.loaded',
    serves: 'base',
    base_digest: base.digest,
    tokenizer_sha256: base.tokenizerSha256,
    model_digest: null,
    training_receipt: null,
  })
  assert.equal(await shelf.open('absent'), undefined)
})

test('a trained model is loaded from the very bytes that were checked, and leaves no file behind', async () => {
  const engine = readingEngine()
  const shelf = openedOn(engine)
  await shelf.offer(trained())
  assert.deepEqual(engine.read, ['adapter'])
  assert.deepEqual(await readdir(scratch), [])
  const opened = await shelf.open('pool-trained')
  assert.equal(opened?.served.weights.model_digest, trained().model)
  assert.equal(opened?.served.weights.training_receipt, trained().trainingReceipt)
})

test('one changed byte and nothing is loaded, written or offered', async () => {
  const engine = readingEngine()
  const shelf = openedOn(engine)
  const changed = Uint8Array.from(bytes)
  changed[0]! ^= 1
  const offer = shelf.offer({ ...trained(), adapter: { bytes: changed, sha256: sha256Hex(bytes) } })
  await assert.rejects(offer, ShelfError)
  assert.deepEqual([engine.read, shelf.models(), await readdir(scratch)], [[], [], []])
})

test('weights that are replaced stay open until their last call is over', async () => {
  const engine = readingEngine()
  const shelf = openedOn(engine)
  await shelf.offer(trained('one'))
  const old = await shelf.open('pool-trained')
  await shelf.offer(trained('two'))
  const fresh = await shelf.open('pool-trained')
  assert.equal(old?.served.weights.model_digest, trained('one').model)
  assert.equal(fresh?.served.weights.model_digest, trained('two').model)
  await settle()
  assert.equal(engine.closed, 0)
  old?.release()
  old?.release()
  await settle()
  assert.equal(engine.closed, 1)
  shelf.close()
  await settle()
  assert.equal(engine.closed, 1)
  fresh?.release()
  await settle()
  assert.equal(engine.closed, 2)
})

test('a failed load is told to its caller, and the next call tries again', async () => {
  const engine = createFakeEngine()
  const { load } = engine
  let failing = true
  const shelf = openedOn({
    ...engine,
    load: (options) => (failing ? Promise.reject(new Error('no memory')) : load(options)),
  })
  shelf.putBase('pool-base', 1)
  await assert.rejects(shelf.open('pool-base'), /no memory/)
  failing = false
  assert.ok(await shelf.open('pool-base'))
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sha256 } from '#bytes'
import { HashTree, hashLeaf } from '#merkle'
import { signingKeyFromSeed } from '#seal'
import {
  noteSigner,
  formatAddCheckpoint,
  formatCheckpoint,
  formatNote,
  parseNote,
  restoreHead,
  signNote,
  TlogError,
  verifierKey,
  verifyCheckpoint,
  witnessStep,
  type NoteSigner,
  type WitnessState,
} from '#tlog'

async function signerOf(name: string): Promise<NoteSigner> {
  return noteSigner(name, await signingKeyFromSeed(crypto.getRandomValues(new Uint8Array(32))))
}

const origin = 'log.example'
const log = await signerOf(origin)
const logKey = verifierKey('ed25519', log.name, log.publicKey)
const witness = { signer: await signerOf('witness.example'), logs: [{ origin, keys: [logKey] }] }
const witnessKey = verifierKey('cosignature', witness.signer.name, witness.signer.publicKey)
const now = 1_700_000_000

const tree = HashTree.of(Array.from({ length: 20 }, (_, at) => Uint8Array.of(at)))
const fork = HashTree.of(Array.from({ length: 5 }, (_, at) => Uint8Array.of(at)))
while (fork.size < 20) fork.append(hashLeaf(Uint8Array.of(99, fork.size)))

async function noteOf(size: number, from = tree, signer = log, name = origin): Promise<string> {
  const root = size === 0 ? sha256() : from.root(size)
  return formatNote(await signNote(formatCheckpoint({ origin: name, size, root, extensions: [] }), signer))
}

async function requestOf(oldSize: number, size: number, from = tree): Promise<string> {
  const path = oldSize === 0 ? [] : from.proveConsistency(oldSize, size)
  return formatAddCheckpoint({ oldSize, path, checkpoint: await noteOf(size, from) })
}

const fresh: WitnessState = new Map()
const at10 = await stateAfter(fresh, await requestOf(0, 10))

async function stateAfter(state: WitnessState, body: string): Promise<WitnessState> {
  const step = await witnessStep(witness, state, body, now)
  assert.equal(step.answer.status, 200, step.answer.body)
  return step.state
}

async function refused(status: number, state: WitnessState, body: string): Promise<string> {
  const step = await witnessStep(witness, state, body, now)
  assert.equal(step.answer.status, status, step.answer.body)
  assert.equal(step.state, state)
  assert.ok(!step.answer.body.includes('\u2014'))
  return step.answer.body
}

test('a log that only grows is cosigned, and its checkpoint then meets a quorum', async () => {
  const body = await requestOf(10, 17)
  const { state, answer } = await witnessStep(witness, at10, body, now)
  assert.equal(answer.status, 200)
  assert.equal(state.get(origin)?.size, 17)
  const policy = { origin, logKey, witnesses: [witnessKey], quorum: 1 }
  const whole = await verifyCheckpoint((await noteOf(17)) + answer.body, policy)
  assert.deepEqual(whole.cosignatures, [{ name: 'witness.example', atSeconds: now }])
  assert.equal((await verifyCheckpoint(state.get(origin)!.note, policy)).size, 17)
})

test('the same size again is cosigned again, and the empty tree is a tree', async () => {
  await stateAfter(at10, await requestOf(10, 10))
  const empty = await stateAfter(fresh, await requestOf(0, 0))
  await stateAfter(empty, await requestOf(0, 3))
})

test('a fork, a proof that does not hold and another root of the same size answer 422', async () => {
  await refused(422, at10, await requestOf(10, 17, fork))
  await refused(422, at10, await requestOf(10, 10, fork))
  const path = tree.proveConsistency(10, 17)
  const checkpoint = await noteOf(17)
  await refused(422, at10, formatAddCheckpoint({ oldSize: 10, path: path.slice(1), checkpoint }))
  await refused(422, at10, formatAddCheckpoint({ oldSize: 10, path: [...path, sha256()], checkpoint }))
  await refused(422, fresh, formatAddCheckpoint({ oldSize: 0, path: [sha256()], checkpoint }))
  await refused(
    422,
    at10,
    formatAddCheckpoint({ oldSize: 10, path: [sha256()], checkpoint: await noteOf(10) }),
  )
  const hollow = formatCheckpoint({ origin, size: 0, root: tree.root(3), extensions: [] })
  const note = formatNote(await signNote(hollow, log))
  await refused(422, fresh, formatAddCheckpoint({ oldSize: 0, path: [], checkpoint: note }))
})

test('another old size answers 409 with the size to start from', async () => {
  assert.equal(await refused(409, at10, await requestOf(0, 17)), '10\n')
  assert.equal(await refused(409, at10, await requestOf(9, 17)), '10\n')
  assert.equal(await refused(409, at10, await requestOf(3, 9)), '10\n')
  assert.equal(await refused(409, fresh, await requestOf(10, 17)), '0\n')
  const step = await witnessStep(witness, at10, await requestOf(0, 17), now)
  assert.equal(step.answer.contentType, 'text/x.tlog.size')
})

test('an old size beyond the checkpoint answers 400', async () => {
  await refused(400, at10, formatAddCheckpoint({ oldSize: 10, path: [], checkpoint: await noteOf(9) }))
})

test('an unknown log answers 404, a missing or wrong signature 403', async () => {
  const stranger = await signerOf(origin)
  const ask = (checkpoint: string) => formatAddCheckpoint({ oldSize: 10, path: [], checkpoint })
  await refused(404, at10, ask(await noteOf(10, tree, log, 'other.example')))
  await refused(404, at10, ask(await noteOf(10, tree, log, '__proto__')))
  await refused(403, at10, ask(await noteOf(10, tree, stranger)))
  const note = parseNote(await noteOf(10))
  const [line] = note.signatures
  const broken = { ...line!, signature: line!.signature.toReversed() }
  await refused(403, at10, ask(formatNote({ ...note, signatures: [broken] })))
  await refused(403, at10, ask(formatNote({ ...note, signatures: [line!, broken] })))
})

test('what is no request answers 400', async () => {
  const body = await requestOf(10, 17)
  for (const wrong of [
    '',
    'old 10\n',
    body.replace('old 10', 'old 010'),
    body.replace('old 10', 'new 10'),
    body.replace('old 10\n', 'old 10 \n'),
    body.replace('old 10\n', 'old 10\nAAAA\n'),
    body.replace('old 10\n', `old 10\n${`${'A'.repeat(43)}=\n`.repeat(64)}`),
    body.replace('\n\n', '\n'),
    body.slice(0, -1),
    body.replace(`${origin}\n17`, `${origin}\n017`),
  ]) {
    await refused(400, at10, wrong)
  }
})

test('signatures of others are not passed on', async () => {
  const stranger = await signerOf('stranger.example')
  const note = parseNote(await noteOf(17))
  const extra = await signNote(note.text, stranger)
  const checkpoint = formatNote({ ...note, signatures: [...extra.signatures, ...note.signatures] })
  const path = tree.proveConsistency(10, 17)
  const state = await stateAfter(at10, formatAddCheckpoint({ oldSize: 10, path, checkpoint }))
  assert.deepEqual(
    parseNote(state.get(origin)!.note).signatures.map(({ name }) => name),
    ['log.example', 'witness.example'],
  )
})

test('a kept head is restored only with both signatures', async () => {
  const { note } = at10.get(origin)!
  assert.deepEqual(await restoreHead(witness, note), [origin, at10.get(origin)])
  const unsigned = (by: string) => note.replace(new RegExp(`\u2014 ${by}[^\n]*\n`), '')
  for (const wrong of [unsigned('witness'), unsigned('log'), note.replace('\n10\n', '\n9\n')]) {
    await assert.rejects(restoreHead(witness, wrong), TlogError)
  }
})

import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { encodeHex, encodeUtf8 } from '#bytes'
import { HashTree } from '#merkle'
import { signingKeyFromSeed } from '#seal'
import {
  noteSigner,
  formatCheckpoint,
  formatNote,
  formatProof,
  parseProof,
  parseVerifierKey,
  signNote,
  TlogError,
  verifierKey,
  verifyProof,
  type CheckpointPolicy,
} from '#tlog'

const refuses = (body: () => unknown, code: string) =>
  assert.throws(body, (error) => error instanceof TlogError && error.code === code, code)
const rejects = (body: Promise<unknown>, code: string) =>
  assert.rejects(body, (error) => error instanceof TlogError && error.code === code, code)

const signer = noteSigner('log.example', await signingKeyFromSeed(new Uint8Array(32).fill(7)))
const policy: CheckpointPolicy = {
  origin: 'log.example',
  logKey: verifierKey('ed25519', signer.name, signer.publicKey),
  witnesses: [],
  quorum: 0,
}
const entries = ['a', 'b', 'c', 'd', 'e'].map(encodeUtf8)
const tree = HashTree.of(entries)
const checkpoint = formatNote(
  await signNote(
    formatCheckpoint({ origin: 'log.example', size: 5, root: tree.root(), extensions: [] }),
    signer,
  ),
)
const proofOf = (index: number, extra = null as Uint8Array<ArrayBuffer> | null) =>
  formatProof({ index, path: tree.proveInclusion(index), checkpoint, extra })

test('each entry is found in the log by its proof alone', async () => {
  for (const [index, entry] of entries.entries()) {
    const verified = await verifyProof(proofOf(index), entry, policy)
    assert.equal(verified.index, index)
    assert.equal(verified.checkpoint.size, 5)
  }
})

test('the example of the specification holds', async () => {
  const page = await readFile(join(import.meta.dirname, '../../spec/transparency-log.md'), 'utf8')
  const [proof, keys] = page.split('```\n').filter((_, at) => at % 2 === 1)
  const [logKey, witnessKey] = keys!.trimEnd().split('\n').map(parseVerifierKey)
  const policy = { origin: 'log.example/pool', logKey: logKey!, witnesses: [witnessKey!], quorum: 1 }
  const verified = await verifyProof(proof!, encodeUtf8('third'), policy)
  assert.equal(verified.index, 2)
  assert.deepEqual(verified.checkpoint.cosignatures, [
    { name: 'witness.example/1', atSeconds: 1_748_736_000 },
  ])
  await rejects(verifyProof(proof!, encodeUtf8('fourth'), policy), 'inclusion-invalid')
})

test('another entry, place, path or checkpoint is refused', async () => {
  const proof = proofOf(1)
  await rejects(verifyProof(proof, entries[2]!, policy), 'inclusion-invalid')
  await rejects(verifyProof(proof.replace('index 1', 'index 2'), entries[1]!, policy), 'inclusion-invalid')
  await rejects(verifyProof(proof.replace('index 1', 'index 5'), entries[1]!, policy), 'inclusion-invalid')
  const [, , line] = proof.split('\n')
  await rejects(verifyProof(proof.replace(`${line}\n`, ''), entries[1]!, policy), 'inclusion-invalid')
  await rejects(verifyProof(proof.replace('\n5\n', '\n4\n'), entries[1]!, policy), 'signature-invalid')
  await rejects(verifyProof(proof, entries[1]!, { ...policy, origin: 'other' }), 'origin-mismatch')
})

test('extra data comes back, and a proof has one spelling', () => {
  const extra = Uint8Array.of(1, 2, 3)
  const proof = proofOf(0, extra)
  assert.equal(encodeHex(parseProof(proof).extra!), '010203')
  assert.equal(parseProof(proof).checkpoint, checkpoint)
  assert.equal(parseProof(proofOf(0)).extra, null)
  for (const wrong of [
    '',
    proof.replace('@v1', '@v2'),
    proof.replace('extra AQID', 'extra '),
    proof.replace('extra AQID', 'extra AQI'),
    proof.replace('extra AQID', 'extra AQID\nextra AQID'),
    proof.replace('index 0', 'index 00'),
    proof.replace('index 0\n', ''),
    proof.replace('index 0\n', 'index 0\nAAAA\n'),
    proof.replace('index 0\n', `index 0\n${`${'A'.repeat(43)}=\n`.repeat(63)}`),
    proof.slice(0, proof.indexOf('\n\n')),
  ]) {
    refuses(() => parseProof(wrong), 'proof-malformed')
  }
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeHex, sha256 } from '#bytes'
import { signingKeyFromSeed } from '#seal'
import {
  noteSigner,
  cosign,
  formatCheckpoint,
  formatNote,
  parseCheckpoint,
  signNote,
  TlogError,
  verifierKey,
  verifyCheckpoint,
  type CheckpointPolicy,
  type NoteSigner,
} from '#tlog'

const refuses = (body: () => unknown, code: string) =>
  assert.throws(body, (error) => error instanceof TlogError && error.code === code, code)
const rejects = (body: Promise<unknown>, code: string) =>
  assert.rejects(body, (error) => error instanceof TlogError && error.code === code, code)

async function signerOf(name: string): Promise<NoteSigner> {
  return noteSigner(name, await signingKeyFromSeed(crypto.getRandomValues(new Uint8Array(32))))
}

const origin = 'log.example/pool'
const log = await signerOf(origin)
const witnesses = [await signerOf('witness.example/1'), await signerOf('witness.example/2')]
const policy: CheckpointPolicy = {
  origin,
  logKey: verifierKey('ed25519', log.name, log.publicKey),
  witnesses: witnesses.map(({ name, publicKey }) => verifierKey('cosignature', name, publicKey)),
  quorum: 2,
}
const text = formatCheckpoint({ origin, size: 7, root: sha256(), extensions: [] })

async function cosigned(by: readonly NoteSigner[], atSeconds = 1_700_000_000): Promise<string> {
  const note = await signNote(text, log)
  const cosignatures = await Promise.all(by.map((signer) => cosign(text, signer, atSeconds)))
  return formatNote({ ...note, signatures: [...note.signatures, ...cosignatures] })
}

test('a checkpoint of the log that a quorum has cosigned is accepted', async () => {
  const checkpoint = await verifyCheckpoint(await cosigned(witnesses), policy)
  assert.equal(checkpoint.size, 7)
  assert.equal(encodeHex(checkpoint.root), encodeHex(sha256()))
  assert.deepEqual(checkpoint.cosignatures, [
    { name: 'witness.example/1', atSeconds: 1_700_000_000 },
    { name: 'witness.example/2', atSeconds: 1_700_000_000 },
  ])
})

test('too few witnesses, one witness twice, or strangers do not make a quorum', async () => {
  const [first] = witnesses
  await rejects(
    cosigned([first!]).then((note) => verifyCheckpoint(note, policy)),
    'quorum-missed',
  )
  await rejects(
    cosigned([first!, first!]).then((note) => verifyCheckpoint(note, policy)),
    'quorum-missed',
  )
  const stranger = await signerOf('witness.example/2')
  await rejects(
    cosigned([first!, stranger]).then((note) => verifyCheckpoint(note, policy)),
    'quorum-missed',
  )
  assert.equal(
    (await verifyCheckpoint(await cosigned([first!]), { ...policy, quorum: 1 })).cosignatures.length,
    1,
  )
})

test('a changed time, text or log signature is refused', async () => {
  const note = await cosigned(witnesses)
  const early = await cosign(text, witnesses[0]!, 5)
  const late = { ...early, signature: early.signature.with(7, 6) }
  const signed = await signNote(text, log)
  await rejects(
    verifyCheckpoint(formatNote({ text, signatures: [...signed.signatures, late] }), {
      ...policy,
      quorum: 0,
    }),
    'signature-invalid',
  )
  await rejects(verifyCheckpoint(note.replace('\n7\n', '\n8\n'), policy), 'signature-invalid')
  await rejects(verifyCheckpoint(note.replace(/\u2014 log[^\n]*\n/, ''), policy), 'signature-missing')
  const short = { ...early, signature: early.signature.slice(0, 71) }
  await rejects(verifyCheckpoint(formatNote({ text, signatures: [short] }), policy), 'note-malformed')
})

test('a checkpoint signed by the key of the log for another origin is refused', async () => {
  const other = formatCheckpoint({ origin: 'log.example/other', size: 7, root: sha256(), extensions: [] })
  const note = formatNote(await signNote(other, log))
  await rejects(verifyCheckpoint(note, { ...policy, quorum: 0 }), 'origin-mismatch')
  const free = formatNote(await signNote('any text\n', log))
  await rejects(verifyCheckpoint(free, { ...policy, quorum: 0 }), 'checkpoint-malformed')
})

test('a policy under which one key counts twice is refused', async () => {
  const note = await cosigned(witnesses)
  const [one] = policy.witnesses
  const renamed = verifierKey('cosignature', 'witness.example/alias', one!.publicKey)
  const logAsWitness = verifierKey('cosignature', log.name, log.publicKey)
  for (const wrong of [
    { witnesses: [one!, one!] },
    { witnesses: [one!, renamed] },
    { witnesses: [one!, logAsWitness] },
    { witnesses: [one!, policy.logKey] },
    { logKey: one! },
    { quorum: 3 },
    { quorum: -1 },
    { quorum: 0.5 },
  ]) {
    await rejects(verifyCheckpoint(note, { ...policy, ...wrong }), 'policy-invalid')
  }
})

test('a checkpoint has one spelling', () => {
  assert.deepEqual(parseCheckpoint(text), { origin, size: 7, root: sha256(), extensions: [] })
  const [, , root] = text.split('\n')
  for (const wrong of [
    '',
    '\n',
    `${origin}\n7\n`,
    `\n7\n${root}\n`,
    `${origin}\n07\n${root}\n`,
    `${origin}\n-7\n${root}\n`,
    `${origin}\n+7\n${root}\n`,
    `${origin}\n7 \n${root}\n`,
    `${origin}\n9007199254740992\n${root}\n`,
    `${origin}\n7\n${root!.slice(0, -1)}\n`,
    `${origin}\n7\nAAAA\n`,
    `${origin}\n7\n${root}`,
    `${origin}\n7\n${root}\n\n`,
  ]) {
    refuses(() => parseCheckpoint(wrong), 'checkpoint-malformed')
  }
  refuses(
    () => formatCheckpoint({ origin: 'a\nb', size: 7, root: sha256(), extensions: [] }),
    'checkpoint-malformed',
  )
  refuses(
    () => formatCheckpoint({ origin, size: 1, root: sha256(), extensions: [''] }),
    'checkpoint-malformed',
  )
})

test('a cosignature without a time is not made', async () => {
  for (const time of [0, -1, 1.5, Number.NaN]) await rejects(cosign(text, log, time), 'time-invalid')
})

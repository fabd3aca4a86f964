import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { signingKeyFromSeed } from '#seal'
import {
  noteSigner,
  formatNote,
  formatVerifierKey,
  parseNote,
  parseVerifierKey,
  signNote,
  TlogError,
  verifierKey,
  verifyNote,
  type NoteSigner,
} from '#tlog'

const refuses = (body: () => unknown, code: string) =>
  assert.throws(body, (error) => error instanceof TlogError && error.code === code, code)
const rejects = (body: Promise<unknown>, code: string) =>
  assert.rejects(body, (error) => error instanceof TlogError && error.code === code, code)

// The example of the signed-note specification.
const exampleKey = 'example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k'
const example = `This is an example message.

\u2014 example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=
`

async function signerOf(name: string): Promise<NoteSigner> {
  return noteSigner(name, await signingKeyFromSeed(crypto.getRandomValues(new Uint8Array(32))))
}

test('the specification example verifies with its key', async () => {
  const key = parseVerifierKey(exampleKey)
  assert.equal(formatVerifierKey(key), exampleKey)
  const note = parseNote(example)
  assert.equal(note.text, 'This is an example message.\n')
  assert.equal(formatNote(note), example)
  assert.deepEqual(await verifyNote(note, [key]), [{ key, cosignedAtSeconds: null }])
})

test('a known key that did not sign this text is refused, an unknown one ignored', async () => {
  const key = parseVerifierKey(exampleKey)
  const changed = parseNote(example.replace('example message', 'examp1e message'))
  await rejects(verifyNote(changed, [key]), 'signature-invalid')
  const stranger = await signerOf('example.com/foo')
  const strange = verifierKey('ed25519', stranger.name, stranger.publicKey)
  assert.deepEqual(await verifyNote(parseNote(example), [strange]), [])
  // The id of the known key over a signature of another: the configured key decides.
  const { text, signatures } = await signNote('This is an example message.\n', stranger)
  const forged = { text, signatures: signatures.map((line) => ({ ...line, keyId: key.keyId })) }
  await rejects(verifyNote(forged, [key]), 'signature-invalid')
})

test('one good signature does not excuse a bad one by the same key, and a repeated one counts once', async () => {
  const key = parseVerifierKey(exampleKey)
  const good = parseNote(example)
  const [line] = good.signatures
  const bad = { ...line!, signature: line!.signature.toReversed() }
  await rejects(verifyNote({ ...good, signatures: [line!, bad] }, [key]), 'signature-invalid')
  assert.equal((await verifyNote({ ...good, signatures: [line!, line!] }, [key])).length, 1)
})

test('what is not a note is refused', () => {
  const line = example.split('\n')[2]!
  for (const text of [
    '',
    'text\n',
    `text\n${line}\n`,
    `text\n\n${line}`,
    `text\n\n${line}\n\n`,
    `text\n\n-${line.slice(1)}\n`,
    `text\n\n ${line}\n`,
    `text\n\n${line} \n`,
    `text\n\n${line.replace(' example', '  example')}\n`,
    `text\n\n${line.replace('example.com/foo', 'a+b')}\n`,
    `text\n\n${line.replace('example.com/foo', 'a\u00a0b')}\n`,
    `text\n\n${line.slice(0, -1)}\n`,
    'text\n\n\u2014 name AAAAAA==\n',
    `te\txt\n\n${line}\n`,
    `text\r\n\n${line}\n`,
    `\ud800\n\n${line}\n`,
    `text\n\n${`${line}\n`.repeat(101)}`,
  ]) {
    refuses(() => parseNote(text), 'note-malformed')
  }
  assert.equal(parseNote(`a\n\nb\n\n${`${line}\n`.repeat(16)}`).text, 'a\n\nb\n')
})

test('a verifier key has one spelling', () => {
  for (const text of [
    '',
    exampleKey.replace('530d903a', '530d903b'),
    exampleKey.replace('530d903a', '530D903A'),
    exampleKey.replace('AekyeRrm', 'AukyeRrm'),
    exampleKey.replace('example.com/foo', 'example.com foo'),
    exampleKey.slice(exampleKey.indexOf('+')),
    exampleKey.slice(0, -4),
    `${exampleKey}\n`,
  ]) {
    refuses(() => parseVerifierKey(text), 'key-malformed')
  }
})

test('notes survive a round trip', async () => {
  const signer = await signerOf('log.example')
  const key = verifierKey('ed25519', signer.name, signer.publicKey)
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: 'grapheme' }), async (line) => {
      const text = `${line.replace(/\p{Cc}/gu, '')}\n`
      const read = parseNote(formatNote(await signNote(text, signer)))
      assert.equal(read.text, text)
      assert.equal((await verifyNote(read, [key])).length, 1)
    }),
    { numRuns: 40 },
  )
  await rejects(signNote('no newline', signer), 'note-malformed')
})

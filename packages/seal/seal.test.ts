import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeHex, encodeHex, encodeUtf8, equalBytes } from '#bytes'
import {
  classicIdentityFromSeed,
  isSignature,
  openEnvelope,
  seal,
  SealError,
  sealIdentityFromSeed,
  signEnvelope,
  signingKeyFromSeed,
  unseal,
} from '#seal'

const seed = new Uint8Array(32).fill(7)
const refuses = (code: string, work: Promise<unknown>) =>
  assert.rejects(work, (error) => error instanceof SealError && error.code === code)

test('Ed25519 gives the keys and signatures of RFC 8032 §7.1', async () => {
  const key = await signingKeyFromSeed(
    decodeHex('9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60'),
  )
  assert.equal(key.publicKey, 'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a')
  const signature = await key.sign(new Uint8Array())
  assert.ok(
    encodeHex(signature).startsWith('e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555'),
  )
  assert.ok(await isSignature(key.publicKey, new Uint8Array(), signature))
  assert.ok(!(await isSignature(key.publicKey, Uint8Array.of(1), signature)))
  assert.ok(!(await isSignature(key.publicKey.toUpperCase(), new Uint8Array(), signature)))
})

test('an envelope opens, and every changed part is refused', async () => {
  const key = await signingKeyFromSeed(seed)
  const envelope = await signEnvelope(encodeUtf8('{"a":1}'), key)
  const opened = await openEnvelope(JSON.parse(JSON.stringify(envelope)))
  assert.equal(opened.signer, key.publicKey)
  const [signature] = envelope.signatures
  assert.ok(signature)
  const other = await signingKeyFromSeed(new Uint8Array(32).fill(8))
  await refuses('signature-invalid', openEnvelope({ ...envelope, payload: btoa('{"a":2}') }))
  await refuses('payload-type-invalid', openEnvelope({ ...envelope, payloadType: 'text/plain' }))
  await refuses('signature-missing', openEnvelope({ ...envelope, signatures: [] }))
  await refuses('signature-missing', openEnvelope({ ...envelope, signatures: [signature, signature] }))
  await refuses(
    'signature-invalid',
    openEnvelope({ ...envelope, signatures: [{ ...signature, keyid: other.publicKey }] }),
  )
  await refuses('envelope-invalid', openEnvelope({ ...envelope, payload: 'eyJ' }))
  await refuses('envelope-invalid', openEnvelope(null))
})

test('what is sealed opens for its key alone', async () => {
  for (const make of [sealIdentityFromSeed, classicIdentityFromSeed]) {
    const mine = await make(seed)
    assert.equal((await make(seed)).recipient, mine.recipient)
    const sealed = await seal('private', mine.recipient)
    assert.ok(equalBytes(await unseal(sealed, mine.secret), encodeUtf8('private')))
    const other = await make(new Uint8Array(32).fill(9))
    await refuses('sealed-invalid', unseal(sealed, other.secret))
    sealed[sealed.length - 1]! ^= 1
    await refuses('sealed-invalid', unseal(sealed, mine.secret))
  }
})

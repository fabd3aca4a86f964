// What is signed or sealed opens as it was made, or not at all: no change anywhere goes through.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { concatBytes, decodeBase64, encodeBase64, equalBytes } from '#bytes'
import {
  openEnvelope,
  seal,
  SealError,
  sealIdentityFromSeed,
  signEnvelope,
  signingKeyFromSeed,
  unseal,
  type Envelope,
} from '#seal'

const key = await signingKeyFromSeed(new Uint8Array(32).fill(1))
const other = await signingKeyFromSeed(new Uint8Array(32).fill(2))
const few = (numRuns: number) => ({ numRuns: fc.readConfigureGlobal().numRuns ?? numRuns })

const refusesEnvelope = (envelope: unknown, code?: string) =>
  assert.rejects(
    openEnvelope(envelope),
    (error) => error instanceof SealError && (code === undefined || error.code === code),
  )

function flip(bytes: Uint8Array, place: number, bit: number): Uint8Array<ArrayBuffer> {
  const changed = new Uint8Array(bytes)
  changed[place % bytes.length]! ^= 1 << (bit & 7)
  return changed
}

const resigned = (envelope: Envelope, change: Partial<Envelope['signatures'][number]>): Envelope => ({
  ...envelope,
  signatures: [{ ...envelope.signatures[0]!, ...change }],
})

test('an envelope opens to its payload, and one changed bit of payload, signature or key is refused', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array(), fc.nat(), fc.nat({ max: 7 }), async (payload, place, bit) => {
      const envelope = await signEnvelope(payload, key)
      const opened = await openEnvelope(JSON.parse(JSON.stringify(envelope)))
      assert.ok(equalBytes(opened.payload, payload) && opened.signer === key.publicKey)

      if (payload.length > 0) {
        await refusesEnvelope({ ...envelope, payload: encodeBase64(flip(payload, place, bit)) })
        await refusesEnvelope({ ...envelope, payload: encodeBase64(payload.subarray(0, -1)) })
      }
      await refusesEnvelope({ ...envelope, payload: encodeBase64(concatBytes(payload, Uint8Array.of(bit))) })
      const sig = decodeBase64(envelope.signatures[0]!.sig)
      await refusesEnvelope(resigned(envelope, { sig: encodeBase64(flip(sig, place, bit)) }))
      await refusesEnvelope(resigned(envelope, { sig: encodeBase64(sig.subarray(place % 64)).slice(0, -4) }))
      await refusesEnvelope(resigned(envelope, { keyid: other.publicKey }))
      const digit = place % 64
      const { publicKey } = key
      const changed = ((Number.parseInt(publicKey[digit]!, 16) + 1 + bit) % 16).toString(16)
      const keyid = publicKey.slice(0, digit) + changed + publicKey.slice(digit + 1)
      await refusesEnvelope(resigned(envelope, { keyid }))
    }),
    few(30),
  )
})

test('no other payload type opens, and no part slides into its neighbour', async () => {
  const type = 'application/vnd.in-toto+json'
  await fc.assert(
    fc.asyncProperty(fc.string(), fc.uint8Array(), async (text, payload) => {
      const envelope = await signEnvelope(payload, key)
      if (text !== type) await refusesEnvelope({ ...envelope, payloadType: text }, 'payload-type-invalid')
      await refusesEnvelope({ ...envelope, payloadType: `${type}${text || ' '}` }, 'payload-type-invalid')
      // A signature over what the encoding would be without its lengths is none over the encoding.
      const bare = await key.sign(concatBytes(new TextEncoder().encode(`DSSEv1 ${type} `), payload))
      await refusesEnvelope(resigned(envelope, { sig: encodeBase64(bare) }))
    }),
    few(30),
  )
})

const identity = await sealIdentityFromSeed(new Uint8Array(32).fill(3))
const refusesSealed = (sealed: Uint8Array) =>
  assert.rejects(
    unseal(sealed, identity.secret),
    (error) => error instanceof SealError && error.code === 'sealed-invalid',
  )
// age seals in pieces of 64 KiB: lengths around the edges of pieces, and everything small.
const PIECE = 65_536
const anyLength = fc.oneof(
  fc.nat({ max: 300 }),
  fc.constantFrom(PIECE - 1, PIECE, PIECE + 1, 2 * PIECE, 2 * PIECE + 7),
)
const textOf = (length: number) => Uint8Array.from({ length }, (_, at) => (at * 31) & 255)

test('a sealed file opens to what was sealed, and one changed bit or byte fewer or more is refused', async () => {
  await fc.assert(
    fc.asyncProperty(anyLength, fc.nat(), fc.nat({ max: 7 }), async (length, place, bit) => {
      const plain = textOf(length)
      const sealed = await seal(plain, identity.recipient)
      assert.ok(equalBytes(await unseal(sealed, identity.secret), plain))
      await refusesSealed(flip(sealed, place, bit))
      // Most of a small file is its header: what is sealed gets changes of its own.
      const body = sealed.length - length - 16
      await refusesSealed(concatBytes(sealed.subarray(0, body), flip(sealed.subarray(body), place, bit)))
      await refusesSealed(sealed.subarray(0, place % sealed.length))
      await refusesSealed(concatBytes(sealed, Uint8Array.of(bit)))
    }),
    few(12),
  )
})

test('pieces of a sealed file cannot be left out, repeated, moved or taken from another', async () => {
  const whole = await seal(textOf(3 * PIECE + 5), identity.recipient)
  const foreign = await seal(textOf(3 * PIECE + 5), identity.recipient)
  const size = PIECE + 16
  const start = whole.length - 3 * size - (5 + 16)
  const pieces = (of: Uint8Array) =>
    [0, 1, 2, 3].map((at) => of.subarray(start + at * size, Math.min(start + (at + 1) * size, of.length)))
  const [a, b, c, d] = pieces(whole) as [Uint8Array, Uint8Array, Uint8Array, Uint8Array]
  const header = whole.subarray(0, start)
  assert.ok(equalBytes(concatBytes(header, a, b, c, d), whole))
  const [, theirs] = pieces(foreign)
  for (const order of [
    [a, b, c],
    [a, b, d],
    [b, c, d],
    [a, a, b, c, d],
    [b, a, c, d],
    [a, theirs!, c, d],
    [d],
  ]) {
    await refusesSealed(concatBytes(header, ...order))
  }
  await refusesSealed(concatBytes(foreign.subarray(0, start), a, b, c, d))
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  BytesError,
  canonicalJson,
  compareBytes,
  concatBytes,
  decodeBase64,
  decodeHex,
  decodeUtf8,
  digestOf,
  encodeBase64,
  encodeHex,
  encodeUtf8,
  equalBytes,
  parseCanonical,
  purposeHash,
  sha256Hex,
} from '#bytes'

const refuses = (code: string, body: () => unknown) =>
  assert.throws(body, (error) => error instanceof BytesError && error.code === code)

test('encodings are inverses', () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      assert.ok(equalBytes(decodeHex(encodeHex(bytes)), bytes))
      assert.ok(equalBytes(decodeBase64(encodeBase64(bytes)), bytes))
    }),
  )
})

test('encodings refuse a second spelling', () => {
  for (const text of ['A0', '0', 'zz', ' 00']) refuses('hex-invalid', () => decodeHex(text))
  for (const text of ['AA', 'AA=', 'AB==', 'AA==\n', 'A A=', 'AA-_'])
    refuses('base64-invalid', () => decodeBase64(text))
  refuses('utf8-invalid', () => decodeUtf8(Uint8Array.of(0xc3)))
})

test('canonical JSON sorts, and refuses what two readers could read differently', () => {
  assert.equal(
    canonicalJson({ b: [1, 'é'], a: null, A: { z: true } }),
    '{"A":{"z":true},"a":null,"b":[1,"é"]}',
  )
  for (const value of [1.5, -0, 2 ** 53, Number.NaN, undefined, 1n, '\ud800', new Date(0), [undefined]]) {
    refuses('json-invalid', () => canonicalJson(value))
  }
})

test('a document nested without end is refused and not a crash', () => {
  refuses('json-invalid', () => parseCanonical(encodeUtf8(`${'['.repeat(20_000)}${']'.repeat(20_000)}`)))
})

test('a payload that is not canonical is refused', () => {
  assert.deepEqual(parseCanonical(encodeUtf8('{"a":1}')), { a: 1 })
  for (const text of [
    '{"a":1,"a":1}',
    '{"a": 1}',
    '{"b":1,"a":1}',
    '{"a":1.0}',
    '"\\u0041"',
    '{"a":1}\n',
    '\ufeff{}',
  ]) {
    assert.throws(() => parseCanonical(encodeUtf8(text)), BytesError, text)
  }
})

test('canonical JSON survives a round trip', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 4 }), (value) => {
      let text: string
      try {
        text = canonicalJson(value)
      } catch {
        return
      }
      assert.deepEqual(canonicalJson(parseCanonical(encodeUtf8(text))), text)
    }),
  )
})

test('hashes match published values and keep purposes apart', () => {
  assert.equal(
    sha256Hex(encodeUtf8('abc')),
    'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
  )
  assert.equal(digestOf({}), sha256Hex(encodeUtf8('{}')))
  const data = Uint8Array.of(1)
  assert.ok(!equalBytes(purposeHash('a', data), purposeHash('b', data)))
})

test('order of bytes is the order of their hexadecimal', () => {
  fc.assert(
    fc.property(fc.uint8Array(), fc.uint8Array(), (left, right) => {
      const hex = encodeHex(left) < encodeHex(right) ? -1 : encodeHex(left) > encodeHex(right) ? 1 : 0
      assert.equal(Math.sign(compareBytes(left, right)), hex)
    }),
  )
  assert.ok(equalBytes(concatBytes(Uint8Array.of(1), Uint8Array.of(2)), Uint8Array.of(1, 2)))
})

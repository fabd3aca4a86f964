// Properties of canonical JSON (RFC 8785, integers only): one value, one text, and nothing else is read.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { BytesError, canonicalBytes, canonicalJson, encodeUtf8, parseCanonical, type Json } from '#bytes'

const refuses = (body: () => unknown, code?: string) =>
  assert.throws(body, (error) => error instanceof BytesError && (code === undefined || error.code === code))
const parse = (text: string) => parseCanonical(encodeUtf8(text))

const anyString = fc.string({ unit: 'binary' })
const { value: anyValue } = fc.letrec<{ value: Json }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 5 },
    fc.constantFrom(null, true, false),
    fc.maxSafeInteger(),
    anyString,
    fc.array(tie('value'), { maxLength: 5 }),
    fc.dictionary(anyString, tie('value'), { maxKeys: 5 }),
  ),
}))

test('every value comes back from its text, and its text from the value', () => {
  fc.assert(
    fc.property(anyValue, (value) => {
      const text = canonicalJson(value)
      const read = parse(text)
      assert.equal(canonicalJson(read), text)
      // JSON.parse is not ours: it sees the same value in the text.
      assert.deepEqual(read, JSON.parse(text))
      assert.deepEqual(JSON.parse(JSON.stringify(value)), read)
    }),
  )
})

const byCodeUnits = (one: string, other: string): number => {
  for (let at = 0; at < Math.min(one.length, other.length); at += 1) {
    const difference = one.charCodeAt(at) - other.charCodeAt(at)
    if (difference !== 0) return difference
  }
  return one.length - other.length
}

test('keys stand in the order of their UTF-16 code units, whatever the order in which they were made', () => {
  // Numerals and characters beyond the basic plane are where other orders differ.
  const anyKey = fc.oneof(
    anyString,
    fc.nat().map(String),
    fc.constantFrom('\ufb33', '\u{1f600}', '\u20ac', ''),
  )
  fc.assert(
    fc.property(fc.uniqueArray(anyKey, { maxLength: 8 }), fc.infiniteStream(fc.nat()), (keys, order) => {
      const shuffled = keys
        .map((key) => [order.next().value as number, key] as const)
        .sort(([one], [other]) => one - other)
        .map(([, key]) => key)
      const object = Object.create(null) as Record<string, number>
      for (const key of shuffled) object[key] = 0
      const members = keys.toSorted(byCodeUnits).map((key) => `${JSON.stringify(key)}:0`)
      assert.equal(canonicalJson(object), `{${members.join(',')}}`)
    }),
  )
})

test('a number is written and read exactly where it is an integer that every reader keeps', () => {
  const anyNumber = fc.oneof(
    fc.double(),
    fc.maxSafeInteger(),
    fc.constantFrom(2 ** 53 - 1, 2 ** 53, -0, 1e21),
  )
  fc.assert(
    fc.property(anyNumber, (value) => {
      if (Number.isSafeInteger(value) && !Object.is(value, -0)) {
        assert.equal(canonicalJson(value), BigInt(value).toString())
      } else refuses(() => canonicalJson(value), 'json-invalid')
    }),
  )
  const edge = 2n ** 53n
  fc.assert(
    fc.property(fc.bigInt({ min: -4n * edge, max: 4n * edge }), (value) => {
      if (value > -edge && value < edge) assert.equal(parse(value.toString()), Number(value))
      else refuses(() => parse(value.toString()))
    }),
  )
})

test('a text that holds half a surrogate pair is refused as value and as key, raw and escaped', () => {
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 0xffff }), { maxLength: 6 }), fc.nat(), (units, place) => {
      const half = String.fromCharCode(0xd800 + (place % 0x800))
      const text = String.fromCharCode(...units.toSpliced(place % (units.length + 1), 0, half.charCodeAt(0)))
      const written = JSON.stringify(text)
      if (text.isWellFormed()) {
        assert.equal(canonicalJson(text), written)
        assert.equal(parse(written), text)
      } else {
        refuses(() => canonicalJson(text), 'json-invalid')
        refuses(() => canonicalJson({ [text]: 0 }), 'json-invalid')
        refuses(() => parse(written))
        refuses(() => parse(`{${written}:0}`))
      }
    }),
  )
})

test('a key that stands twice is refused, wherever and in whatever spelling', () => {
  const escaped = (key: string) =>
    `"${Array.from({ length: key.length }, (_, at) => `\\u${key.charCodeAt(at).toString(16).padStart(4, '0')}`).join('')}"`
  fc.assert(
    fc.property(fc.string({ minLength: 1 }), anyValue, anyValue, fc.boolean(), (key, one, other, inside) => {
      for (const second of [JSON.stringify(key), escaped(key)]) {
        const object = `{${JSON.stringify(key)}:${canonicalJson(one)},${second}:${canonicalJson(other)}}`
        refuses(() => parse(inside ? `[${object}]` : object), 'json-not-canonical')
      }
    }),
  )
})

// Who would lie: whoever wants two readers to see two values, or one value to have two digests.
test('a text that is changed anywhere is refused, or is the one text of another value', () => {
  const anyPiece = fc.constantFrom(
    ' ',
    '\n',
    '\t',
    ',',
    '0',
    '-',
    '.0',
    'e1',
    '\\u0041',
    '\ufeff',
    '"',
    '}',
    'null',
  )
  let refused = 0
  fc.assert(
    fc.property(anyValue, anyPiece, fc.nat(), fc.nat({ max: 2 }), (value, piece, place, cut) => {
      const text = canonicalJson(value)
      const at = place % (text.length + 1)
      const changed = `${text.slice(0, at)}${piece}${text.slice(at + cut)}`
      let read: Json
      try {
        read = parse(changed)
      } catch (error) {
        assert.ok(error instanceof BytesError)
        refused += 1
        return
      }
      assert.deepEqual(canonicalBytes(read), encodeUtf8(changed))
    }),
  )
  assert.ok(refused > 20)
})

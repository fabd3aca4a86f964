import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { encodeUtf8 } from '#bytes'
import { parseStrictJson } from './strict-json.ts'

const refusedWith = (code: string) => (error: unknown) => (error as { code?: string }).code === code

test('whatever JSON writes is read as JSON reads it', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 6 }), fc.constantFrom(0, 2), (value, indent) => {
      const text = JSON.stringify(value, undefined, indent)
      assert.deepEqual(parseStrictJson(encodeUtf8(text)), JSON.parse(text))
    }),
  )
})

test('a key that stands twice is refused, at any depth and however it is spelled', () => {
  for (const text of [
    '{"a":1,"a":2}',
    '{"a":1,"\\u0061":2}',
    '[{"x":{"b":[],"c":{},"b" \n: null}}]',
    '{"":1,"":1}',
  ]) {
    assert.throws(() => parseStrictJson(encodeUtf8(text)), refusedWith('key_twice'), text)
  }
})

test('the same word as value, in another object or inside a string is no second key', () => {
  const text = '{"a":"a","b":{"a":["a","a"]},"c":"\\"a\\":{\\"a\\":1}"}'
  assert.equal((parseStrictJson(encodeUtf8(text)) as { a: string }).a, 'a')
})

test('bytes that are not UTF-8, not JSON or nested without end are refused', () => {
  assert.throws(() => parseStrictJson(Uint8Array.of(0x22, 0xff, 0x22)), refusedWith('body_not_utf8'))
  assert.throws(() => parseStrictJson(encodeUtf8('{"a":1}x')), refusedWith('body_not_json'))
  assert.throws(() => parseStrictJson(encodeUtf8('\uFEFF{}')), refusedWith('body_not_json'))
  const deep = '['.repeat(33) + ']'.repeat(33)
  assert.throws(() => parseStrictJson(encodeUtf8(deep)), refusedWith('body_too_deep'))
})

test('twenty megabytes of one string are read without running out of stack', () => {
  const text = JSON.stringify({ a: '\\n'.repeat(10_000_000) })
  assert.equal((parseStrictJson(encodeUtf8(text)) as { a: string }).a.length, 20_000_000)
})

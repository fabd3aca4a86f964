import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createTextAssembler } from './text.ts'

// One token a byte: the hardest vocabulary there is.
const decodeBytes = (ids: readonly number[]) => new TextDecoder().decode(Uint8Array.from(ids))

test('any text comes out whole, and never in half characters, whatever its tokens are', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const wellFormed = text.toWellFormed().replaceAll('\u{FFFD}', '')
      const assemble = createTextAssembler(decodeBytes)
      const pieces = [...new TextEncoder().encode(wellFormed)].map(assemble)
      assert.equal(pieces.join(''), wellFormed)
      assert.ok(pieces.every((piece) => piece.isWellFormed() && !piece.includes('\u{FFFD}')))
    }),
  )
})

test('bytes that are no character do not hold the text back for ever', () => {
  const assemble = createTextAssembler(decodeBytes)
  const pieces = [0xff, 0xff, 0xff, 0xff, 0x41].map(assemble)
  assert.deepEqual(pieces, ['', '', '', '\u{FFFD}'.repeat(4), 'A'])
})

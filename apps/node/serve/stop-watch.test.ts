import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createStopWatch } from './stop-watch.ts'

function run(pieces: readonly string[], stops: readonly string[]): { text: string; stopped: boolean } {
  const watch = createStopWatch(stops)
  let text = ''
  for (const piece of pieces) {
    const step = watch.push(piece)
    text += step.text
    if (step.stopped) return { text, stopped: true }
  }
  return { text: text + watch.rest(), stopped: false }
}

test('however the text is cut into pieces, what leaves is what stands before the first stop text', () => {
  const letters = fc.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 30 })
  const stop = fc
    .array(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 4 })
    .map((it) => it.join(''))
  fc.assert(
    fc.property(letters, fc.array(stop, { maxLength: 3 }), fc.array(fc.nat(3)), (text, stops, cuts) => {
      const whole = text.join('')
      const pieces: string[] = []
      for (let at = 0, cut = 0; at < whole.length; cut += 1) {
        const length = 1 + (cuts[cut] ?? 0)
        pieces.push(whole.slice(at, at + length))
        at += length
      }
      // Piece by piece, the first stop text to be complete ends the answer, at the place where it starts.
      let seen = ''
      let expected: string | undefined
      for (const piece of pieces) {
        seen += piece
        const places = stops.map((one) => seen.indexOf(one)).filter((place) => place >= 0)
        if (places.length > 0) {
          expected = seen.slice(0, Math.min(...places))
          break
        }
      }
      assert.deepEqual(run(pieces, stops), { text: expected ?? whole, stopped: expected !== undefined })
    }),
  )
})

test('half a stop text is held back until it turns out to be none', () => {
  const watch = createStopWatch(['END'])
  assert.deepEqual(watch.push('xEN'), { text: 'x', stopped: false })
  assert.deepEqual(watch.push('T'), { text: 'ENT', stopped: false })
  assert.deepEqual(watch.push('E'), { text: '', stopped: false })
  assert.equal(watch.rest(), 'E')
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createLine, type Place } from './line.ts'

const never = new AbortController().signal
const placeOf = (taken: Place | 'full' | 'owner-full'): Place => {
  assert.ok(typeof taken === 'object')
  return taken
}

test('owners take turns, and each owner’s calls keep their order', async () => {
  const line = createLine({ atOnce: 1, places: 10, placesEach: 10 })
  const served: string[] = []
  const first = placeOf(line.take('x'))
  await first.turn(never)
  const calls = ['a1', 'a2', 'a3', 'b1', 'c1', 'b2'].map(async (name) => {
    const place = placeOf(line.take(name[0]!))
    assert.equal(await place.turn(never), true)
    served.push(name)
    place.leave()
  })
  first.leave()
  await Promise.all(calls)
  assert.deepEqual(served, ['a1', 'b1', 'c1', 'a2', 'b2', 'a3'])
})

test('a full line says so, to everyone or to the one who fills it', () => {
  const line = createLine({ atOnce: 1, places: 3, placesEach: 2 })
  const a = placeOf(line.take('a'))
  placeOf(line.take('a'))
  assert.equal(line.take('a'), 'owner-full')
  placeOf(line.take('b'))
  assert.equal(line.take('b'), 'full')
  a.leave()
  a.leave()
  placeOf(line.take('b'))
  assert.equal(line.take('c'), 'full')
})

test('who aborts leaves the line at once, and the turn goes to the next one', async () => {
  const line = createLine({ atOnce: 1, places: 3, placesEach: 3 })
  const [one, two, three] = [placeOf(line.take('a')), placeOf(line.take('a')), placeOf(line.take('a'))]
  const gone = new AbortController()
  assert.equal(await one.turn(never), true)
  const second = two.turn(gone.signal)
  const third = three.turn(never)
  gone.abort()
  assert.equal(await second, false)
  two.leave()
  one.leave()
  assert.equal(await third, true)
})

test('as many run at once as the line allows', async () => {
  const line = createLine({ atOnce: 2, places: 3, placesEach: 3 })
  const [one, two, three] = [placeOf(line.take('a')), placeOf(line.take('b')), placeOf(line.take('c'))]
  assert.equal(await one.turn(never), true)
  assert.equal(await two.turn(never), true)
  let started = false
  const third = three.turn(never).then((it) => (started = it))
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(started, false)
  two.leave()
  assert.equal(await third, true)
})

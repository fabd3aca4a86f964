import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createTurns } from './turns.ts'

test('turns come one at a time and in order', async () => {
  const turns = createTurns()
  const order: number[] = []
  let inside = 0
  await Promise.all(
    [1, 2, 3].map(async (one) => {
      const leave = await turns.enter()
      inside += 1
      assert.equal(inside, 1)
      await new Promise((resolve) => setImmediate(resolve))
      order.push(one)
      inside -= 1
      leave?.()
      leave?.()
    }),
  )
  assert.deepEqual(order, [1, 2, 3])
})

test('who gives up leaves the line, and the next one is served', async () => {
  const turns = createTurns()
  const leave = await turns.enter()
  const gone = new AbortController()
  const second = turns.enter(gone.signal)
  const third = turns.enter()
  gone.abort()
  assert.equal(await second, undefined)
  leave?.()
  assert.ok(await third)
  assert.equal(await turns.enter(AbortSignal.abort()), undefined)
})

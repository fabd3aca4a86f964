import assert from 'node:assert/strict'
import { test } from 'node:test'
import { oneAtATime, sharedWork } from './turns.ts'

test('work waits for the work before it, also where that failed', async () => {
  const inTurn = oneAtATime()
  let running = 0
  let most = 0
  const work = async () => {
    most = Math.max(most, (running += 1))
    await new Promise(setImmediate)
    running -= 1
    if (most === 1) throw new Error('failed')
  }
  const all = await Promise.allSettled([inTurn(work), inTurn(work), inTurn(work)])
  assert.equal(most, 1)
  assert.deepEqual(
    all.map(({ status }) => status),
    ['rejected', 'rejected', 'rejected'],
  )
})

test('however many ask, one runs and one waits, and nobody gets what began before they asked', async () => {
  let begun = 0
  const ask = sharedWork(async () => {
    const at = (begun += 1)
    await new Promise(setImmediate)
    if (at === 1) throw new Error('failed')
    return at
  })
  const first = ask().catch(() => 'failed')
  const rest = await Promise.all(Array.from({ length: 50 }, () => ask()))
  assert.equal(await first, 'failed')
  assert.deepEqual(new Set(rest), new Set([2]))
  assert.equal(await ask(), 3)
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AttributionError, correlation, moved } from '#attribution'

test('a correlation is that of the textbook, and none where nothing varies', () => {
  assert.equal(correlation([1, 2, 3], [2, 4, 6]), 1_000_000)
  assert.equal(correlation([1, 2, 3], [3, 2, 1]), -1_000_000)
  assert.equal(correlation([1, 2, 3, 4], [1, 3, 2, 4]), 800_000)
  assert.equal(correlation([1, 1, 1], [1, 2, 3]), null)
  assert.throws(() => correlation([1], [1, 2]), AttributionError)
})

test('what moved is counted once, and nothing where shares are equal', () => {
  assert.equal(moved([600, 400], [500, 500]), 100_000)
  assert.equal(moved([600, 400], [600, 400]), 0)
  assert.equal(moved([1000, 0], [0, 1000]), 1_000_000)
})

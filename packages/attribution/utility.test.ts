/** Who could be paid without knowing anything, and what the utility says to that. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AttributionError, contrast, examOf } from '#attribution'
import type { ValidationItem } from '#statements'

const rules = { kind: 'contrast', others: 2, temperatureE3: 1000 } as const
const utility = (...scores: readonly number[]) =>
  contrast([scores.map((score) => Math.round(1e6 * score))], rules)[0]!

test('chance is the logarithm of one in as many as compete', () => {
  assert.ok(Math.abs(utility(-9, -9, -9) - Math.log(1 / 3)) < 1e-9)
  assert.ok(Math.abs(utility(-9, -9, -9, -9, -9) - Math.log(1 / 3)) < 1e-9)
})

test('sentences learned without their questions earn nothing: others are as likely', () => {
  // Right, two others, two near misses, before and after learning the three sentences.
  assert.ok(utility(-5, -5, -5, -20, -20) <= utility(-20, -20, -20, -20, -20) + 1e-9)
})

test('the form without the fact earns nothing: near misses are as likely', () => {
  assert.ok(utility(-5, -20, -20, -5, -5) <= utility(-20, -20, -20, -20, -20) + 1e-9)
})

test('a wrong fact in the right form costs', () => {
  assert.ok(utility(-8, -20, -20, -4, -8) < utility(-20, -20, -20, -20, -20))
})

test('the fact earns, and no score of whatever size overflows', () => {
  assert.ok(utility(-2, -20, -20, -6, -7) > utility(-20, -20, -20, -20, -20))
  assert.ok(Number.isFinite(utility(-9000, -1, -1, -1, -1)))
})

test('a hotter temperature shrinks every difference', () => {
  const scores = [[-2, -20, -20].map((score) => 1e6 * score)]
  const at = (temperatureE3: number) => contrast(scores, { ...rules, temperatureE3 })[0]!
  assert.ok(at(4000) < at(1000))
})

test('a missing score is refused', () => {
  for (const scores of [
    [1, 2],
    [1, 2, 0.5],
  ])
    assert.throws(
      () => contrast([scores], rules),
      (error) => error instanceof AttributionError,
    )
})

const item = (question: string, answer: string, nearMisses: string[] = []): ValidationItem => ({
  item: {
    messages: [
      { role: 'user', content: question },
      { role: 'assistant', content: answer },
    ],
  },
  nearMisses,
})
const SET = [item('a?', 'A', ['A′']), item('and a?', 'A', ['A′']), item('b?', 'B'), item('c?', 'C')]

test('an exam shows the right answer first, then others, then near misses, and never the right one twice', () => {
  const exam = examOf(SET, 2, 'c')
  assert.deepEqual([...exam[0]!.candidates].sort(), ['A', 'A′', 'B', 'C'])
  assert.equal(exam[0]!.candidates[0], 'A')
  assert.equal(exam[0]!.candidates.at(-1), 'A′')
  assert.deepEqual(exam[2]!.prompt, [{ role: 'user', content: 'b?' }])
  assert.deepEqual(exam, examOf(SET, 2, 'c'))
})

test('a set with too few answers is refused', () => {
  assert.throws(() => examOf(SET, 3, 'c'), AttributionError)
})

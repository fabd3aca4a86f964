// Lines of policies (spec/policy.md, succession and notice): exactly those that keep every rule go on.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isGenesis, policy, poolOf, refusalToFollow } from '#statements'
import { anyStep, BREAKS, genesis, lawful, lineOf } from './testing/policy-line.ts'

test('a line of any length that keeps the rules goes on, version by version', () => {
  assert.ok(isGenesis(genesis))
  fc.assert(
    fc.property(fc.array(anyStep, { minLength: 1, maxLength: 12 }), (steps) => {
      let before = genesis
      for (const step of steps) {
        const next = lawful(before, step)
        assert.equal(refusalToFollow(before, next), undefined)
        assert.ok(policy.predicate.safeParse(next.predicate).success)
        assert.equal(poolOf(next.predicate, next.digest), genesis.digest)
        assert.ok(!isGenesis(next))
        before = next
      }
    }),
  )
})

test('a version that breaks one rule, anywhere in a line, does not follow', () => {
  fc.assert(
    fc.property(
      fc.array(anyStep, { minLength: 1, maxLength: 6 }),
      fc.constantFrom(...Object.keys(BREAKS)),
      fc.integer({ min: 1, max: 100_000 }),
      (steps, name, by) => {
        const line = lineOf(steps)
        const [next, before] = [line.at(-1)!, line.at(-2)!]
        assert.notEqual(refusalToFollow(before, BREAKS[name]!(next, before, by)), undefined, name)
      },
    ),
    { numRuns: fc.readConfigureGlobal().numRuns ?? 300 },
  )
})

test('without any notice promised, each version still has its time', () => {
  fc.assert(
    fc.property(anyStep, anyStep, (first, second) => {
      const [, before, next] = lineOf([{ ...first, noticeSeconds: 0 }, second])
      const name = 'in force at the same moment as the one before'
      assert.match(refusalToFollow(before!, BREAKS[name]!(next!, before!, 1)) ?? '', /no later than/)
    }),
  )
})

test('a version follows the one right before it, and no other of its line', () => {
  fc.assert(
    fc.property(fc.array(anyStep, { minLength: 2, maxLength: 6 }), (steps) => {
      const line = lineOf(steps)
      for (const [place, next] of line.entries()) {
        for (const [of, before] of line.entries()) {
          assert.equal(refusalToFollow(before, next) === undefined, of === place - 1, `${of} and ${place}`)
        }
      }
    }),
    { numRuns: fc.readConfigureGlobal().numRuns ?? 30 },
  )
})

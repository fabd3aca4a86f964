// What an audit makes of a line of policies: it keeps exactly the versions that follow, in whatever order they are
// read, and counts the notice from what the log says where that is later than the policy's own date.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Policy, Statement } from '#statements'
import { anyStep, BREAKS, genesis, lineOf } from '../statements/testing/policy-line.ts'
import { Findings } from './findings.ts'
import type { Logged } from './open.ts'
import { checkNotice, PolicyLine, readLine } from './policies.ts'
import { secondsOf } from './times.ts'

const logged = (line: readonly Statement<Policy>[]): Logged<Policy>[] =>
  line.map((one, at) => ({ ...one, leafIndex: 10 * at, salt: '', name: `policy ${at + 1}` }))
const failsIn = (findings: Findings) => findings.checks.some(({ verdict }) => verdict === 'fail')
const anySteps = fc.array(anyStep, { minLength: 1, maxLength: 6 })

test('a lawful line is read whole in any order', () => {
  fc.assert(
    fc.property(anySteps, fc.infiniteStream(fc.nat()), (steps, order) => {
      const versions = logged(lineOf(steps))
      const findings = new Findings()
      const shuffled = versions
        .map((one) => ({ one, at: order.next().value as number }))
        .sort((left, right) => left.at - right.at)
        .map(({ one }) => one)
      const { line } = readLine(genesis.digest, shuffled, findings)
      checkNotice(line, [], findings)
      assert.deepEqual(line.versions, versions)
      assert.ok(!failsIn(findings))
      for (const { predicate, digest } of versions) {
        assert.equal(line.inForceAt(secondsOf(predicate.effectiveAt))?.digest, digest)
      }
      assert.equal(line.inForceAt(secondsOf(genesis.predicate.effectiveAt) - 1), undefined)
    }),
  )
})

test('a line ends before the version that breaks a rule, and an audit says so', () => {
  fc.assert(
    fc.property(
      anySteps,
      fc.constantFrom(...Object.keys(BREAKS)),
      fc.integer({ min: 1, max: 100_000 }),
      (steps, name, by) => {
        const versions = logged(lineOf(steps))
        const [before, last] = versions.slice(-2) as [Logged<Policy>, Logged<Policy>]
        const broken = { ...last, ...BREAKS[name]!(last, before, by) }
        const findings = new Findings()
        const { line, role } = readLine(genesis.digest, [...versions.slice(0, -1), broken], findings)
        checkNotice(line, [], findings)
        // Who signed and how much notice was given have checks of their own, and the version stays to be told there.
        const { issuedAt, effectiveAt } = broken.predicate
        const hasItsTime = effectiveAt > before.predicate.effectiveAt && effectiveAt >= issuedAt
        const toldElsewhere =
          name.startsWith('a signature of') || (name.startsWith('less notice') && hasItsTime)
        assert.deepEqual(line.versions.slice(0, versions.length - 1), versions.slice(0, -1))
        assert.ok(failsIn(findings) || role(broken.name) !== undefined, name)
        assert.equal(line.versions.includes(broken), toldElsewhere, name)
      },
    ),
    { numRuns: fc.readConfigureGlobal().numRuns ?? 300 },
  )
})

test('notice counts from the time that the log shows, an hour allowed for publishing', () => {
  fc.assert(
    fc.property(anySteps, fc.integer({ min: -7200, max: 2_000_000 }), (steps, late) => {
      const versions = logged(lineOf(steps))
      const [before, last] = versions.slice(-2) as [Logged<Policy>, Logged<Policy>]
      const issued = secondsOf(last.predicate.issuedAt)
      // Something dated shows that at this time the log had not come to the version yet.
      const dated = [{ size: last.leafIndex, at: issued + late }]
      const findings = new Findings()
      checkNotice(new PolicyLine(versions), dated, findings)
      const extra = secondsOf(last.predicate.effectiveAt) - issued - before.predicate.noticeSeconds
      assert.equal(failsIn(findings), late - 3600 > extra)
      // What is dated after the version came says nothing about it.
      const after = new Findings()
      checkNotice(new PolicyLine(versions), [{ ...dated[0]!, size: last.leafIndex + 1 }], after)
      assert.ok(!failsIn(after))
    }),
  )
})

// Lines of policies (spec/policy.md, succession and notice): exactly those that keep every rule go on.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import fc from 'fast-check'
import { digestOf, sha256Hex, encodeUtf8 } from '#bytes'
import { formatTime, isGenesis, openStatement, poolOf, policy, refusalToFollow } from '#statements'
import type { Policy, Statement } from '#statements'

const vectors = JSON.parse(
  readFileSync(new URL('../../vectors/statements.json', import.meta.url), 'utf8'),
) as {
  statements: { kind: string; envelope: unknown }[]
}
const genesis = await openStatement(
  policy,
  vectors.statements.find(({ kind }) => kind === 'policy')!.envelope,
)

const hex = (text: string) => sha256Hex(encodeUtf8(text))
const at = (time: string, seconds: number) => formatTime(new Date(new Date(time).getTime() + seconds * 1000))

/** What may change with every version, and how long after the earliest moment it is issued and takes effect. */
interface Step {
  readonly newOperator: boolean
  readonly noticeSeconds: number
  readonly waited: number
  readonly extraNotice: number
  readonly contributors: number
}

const anyStep: fc.Arbitrary<Step> = fc.record({
  newOperator: fc.boolean(),
  noticeSeconds: fc.nat({ max: 1_000_000 }),
  waited: fc.nat({ max: 1_000_000 }),
  extraNotice: fc.nat({ max: 1_000_000 }),
  contributors: fc.integer({ min: 0, max: 10_000 }),
})

function statementOf(predicate: Policy, signer: string): Statement<Policy> {
  return { ...genesis, predicate, signer, digest: digestOf(predicate) }
}

/** The version that keeps every rule. */
function lawful(before: Statement<Policy>, step: Step): Statement<Policy> {
  const { predicate } = before
  const issuedAt = at(predicate.effectiveAt, step.waited)
  const { newOperator, noticeSeconds, contributors } = step
  const publicKey = newOperator ? hex(`operator ${predicate.version + 1}`) : predicate.operator.publicKey
  return statementOf(
    {
      ...predicate,
      version: predicate.version + 1,
      previous: before.digest,
      genesis: poolOf(predicate, before.digest),
      issuedAt,
      effectiveAt: at(issuedAt, predicate.noticeSeconds + step.extraNotice),
      noticeSeconds,
      operator: { ...predicate.operator, publicKey },
      split: { contributors, operator: 10_000 - contributors },
    },
    predicate.operator.publicKey,
  )
}

type Break = (next: Statement<Policy>, before: Statement<Policy>, by: number) => Statement<Policy>
const changed = (of: Statement<Policy>, change: Partial<Policy>) =>
  statementOf({ ...of.predicate, ...change }, of.signer)

// Each breaks one rule, by one second where it is about time.
const BREAKS: Readonly<Record<string, Break>> = {
  'a signature of somebody else': (next, _, by) => ({ ...next, signer: hex(`stranger ${by}`) }),
  'a signature of the operator to come': (next) => {
    const publicKey = hex('operator to come')
    const operator = { ...next.predicate.operator, publicKey }
    return { ...changed(next, { operator }), signer: publicKey }
  },
  'a version left out': (next, _, by) => changed(next, { version: next.predicate.version + by }),
  'the same version again': (next, before) => changed(next, { version: before.predicate.version }),
  'another version before it': (next, _, by) => changed(next, { previous: hex(`previous ${by}`) }),
  'another pool': (next, _, by) => changed(next, { genesis: hex(`genesis ${by}`) }),
  'issued before the one before was in force': (next, before, by) =>
    changed(next, { issuedAt: at(before.predicate.effectiveAt, -by) }),
  'less notice than was promised': (next, before, by) =>
    changed(next, { effectiveAt: at(next.predicate.issuedAt, before.predicate.noticeSeconds - by) }),
  'another name': (next) => changed(next, { name: `${next.predicate.name}-2` }),
  'another currency': (next) => changed(next, { currency: { asset: 'EUR', scale: 6 } }),
  'another exam': (next, _, by) =>
    changed(next, { validation: { ...next.predicate.validation, commitment: hex(`exam ${by}`) } }),
  'another log': (next, _, by) =>
    changed(next, { log: { ...next.predicate.log, publicKey: hex(`log ${by}`) } }),
  'another origin of the log': (next) =>
    changed(next, { log: { ...next.predicate.log, origin: 'other.example/log' } }),
}

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
        const line = [genesis]
        for (const step of steps) line.push(lawful(line.at(-1)!, step))
        const [next, before] = [line.at(-1)!, line.at(-2)!]
        assert.notEqual(refusalToFollow(before, BREAKS[name]!(next, before, by)), undefined, name)
      },
    ),
    { numRuns: fc.readConfigureGlobal().numRuns ?? 300 },
  )
})

test('a version follows the one right before it, and no other of its line', () => {
  fc.assert(
    fc.property(fc.array(anyStep, { minLength: 2, maxLength: 6 }), (steps) => {
      const line = [genesis]
      for (const step of steps) line.push(lawful(line.at(-1)!, step))
      for (const [place, next] of line.entries()) {
        for (const [of, before] of line.entries()) {
          assert.equal(refusalToFollow(before, next) === undefined, of === place - 1, `${of} and ${place}`)
        }
      }
    }),
    { numRuns: fc.readConfigureGlobal().numRuns ?? 30 },
  )
})

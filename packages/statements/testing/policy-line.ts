/** Lines of policies for tests: versions that keep every rule, and ways to break one. */
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { digestOf, encodeUtf8, sha256Hex } from '#bytes'
import { formatTime, openStatement, policy, poolOf, type Policy, type Statement } from '#statements'

const vectors = JSON.parse(
  readFileSync(new URL('../../../vectors/statements.json', import.meta.url), 'utf8'),
) as {
  statements: { kind: string; envelope: unknown }[]
}
export const genesis = await openStatement(
  policy,
  vectors.statements.find(({ kind }) => kind === 'policy')!.envelope,
)

const hex = (text: string) => sha256Hex(encodeUtf8(text))
const at = (time: string, seconds: number) => formatTime(new Date(new Date(time).getTime() + seconds * 1000))

const later = (one: string, other: string) => (one > other ? one : other)

/** What may change with every version, and how long after the earliest moment it is issued and takes effect. */
export interface Step {
  readonly newOperator: boolean
  readonly noticeSeconds: number
  readonly waited: number
  readonly extraNotice: number
  readonly contributors: number
}

export const anyStep: fc.Arbitrary<Step> = fc.record({
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
export function lawful(before: Statement<Policy>, step: Step): Statement<Policy> {
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
      effectiveAt: later(
        at(issuedAt, predicate.noticeSeconds + step.extraNotice),
        at(predicate.effectiveAt, 1),
      ),
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
export const BREAKS: Readonly<Record<string, Break>> = {
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
  'in force at the same moment as the one before': (next, { predicate: { effectiveAt } }) =>
    changed(next, { issuedAt: effectiveAt, effectiveAt }),
  'another name': (next) => changed(next, { name: `${next.predicate.name}-2` }),
  'another currency': (next) => changed(next, { currency: { asset: 'EUR', scale: 6 } }),
  'another exam': (next, _, by) =>
    changed(next, { validation: { ...next.predicate.validation, commitment: hex(`exam ${by}`) } }),
  'another log': (next, _, by) =>
    changed(next, { log: { ...next.predicate.log, publicKey: hex(`log ${by}`) } }),
  'another origin of the log': (next) =>
    changed(next, { log: { ...next.predicate.log, origin: 'other.example/log' } }),
}

/** The first version and one for each step. */
export function lineOf(steps: readonly Step[]): readonly Statement<Policy>[] {
  const line = [genesis]
  for (const step of steps) line.push(lawful(line.at(-1)!, step))
  return line
}

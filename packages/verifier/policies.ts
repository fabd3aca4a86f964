/**
 * The pool's policies as one line from the first version on, and which of them was in force when.
 *
 * Version 1 names the pool. A later version is signed by the operator of the one before, names its digest,
 * and takes effect only after the notice that the one before promised.
 */
import { isGenesis, refusalToFollow, type Anchors, type Policy } from '#statements'
import type { Findings } from './findings.ts'
import type { Logged } from './open.ts'
import { secondsOf } from './times.ts'

/** How long publishing may take before a policy's notice is no longer counted from its own date. */
const PUBLISHING_SECONDS = 3600

/** What shows that at some time the log held no more than so many leaves: an attested statement, a cosignature. */
export interface Dated {
  /** Leaves of this index and above came later. */
  readonly size: number
  readonly at: number
}

export class PolicyLine {
  readonly versions: readonly Logged<Policy>[]

  constructor(versions: readonly Logged<Policy>[]) {
    this.versions = versions
  }

  byDigest(digest: string): Logged<Policy> | undefined {
    return this.versions.find((one) => one.digest === digest)
  }

  /** The newest version in effect at `seconds`; undefined before the first. */
  inForceAt(seconds: number): Logged<Policy> | undefined {
    return this.versions.findLast((one) => secondsOf(one.predicate.effectiveAt) <= seconds)
  }

  /** Whether the version was the newest in effect at some moment from `first` to `last`. */
  wasInForce(version: Logged<Policy>, first: number, last: number): boolean {
    const next = this.versions[this.versions.indexOf(version) + 1]
    const until = next === undefined ? Number.POSITIVE_INFINITY : secondsOf(next.predicate.effectiveAt)
    return secondsOf(version.predicate.effectiveAt) <= last && first < until
  }
}

/** The versions that follow from the first one; what does not is told and left out. */
export function readLine(
  pool: string,
  policies: readonly Logged<Policy>[],
  findings: Findings,
): { line: PolicyLine; role: (name: string) => string | undefined } {
  const chain = findings.check('policy.chain', 'each policy version with the version before and the pool')
  const line: Logged<Policy>[] = []
  const strangers = new Map<string, string>()
  for (const version of [...policies].sort(
    (left, right) => left.predicate.version - right.predicate.version,
  )) {
    const before = line.at(-1)
    const operator = (before ?? version).predicate.operator.publicKey
    if (version.signer !== operator) {
      strangers.set(version.name, `is signed by ${version.signer}, and the operator is ${operator}`)
    }
    const problem = breakOf(pool, before, { ...version, signer: operator })
    if (chain.demand(problem === undefined, () => `${version.name}: ${problem}`)) line.push(version)
  }
  if (line.length === 0) chain.fail(`no policy in the record has the digest ${pool}, which names the pool`)
  return { line: new PolicyLine(line), role: (name) => strangers.get(name) }
}

/** The signer and the notice have checks of their own: here they are taken as they should be. */
function breakOf(
  pool: string,
  before: Logged<Policy> | undefined,
  version: Logged<Policy>,
): string | undefined {
  if (before !== undefined) {
    const { predicate } = before
    const patient = { ...before, predicate: { ...predicate, noticeSeconds: 0 } }
    return refusalToFollow(patient, version)
  }
  if (!isGenesis(version)) return `it is version ${version.predicate.version}, and version 1 is missing`
  return version.digest === pool ? undefined : `its digest is ${version.digest}, and the pool is ${pool}`
}

/**
 * A policy's date is the operator's word, its place in the log is not: where attested nodes or witnesses show
 * later times before it, the notice counts from those.
 */
export function checkNotice({ versions }: PolicyLine, dated: readonly Dated[], findings: Findings): void {
  const check = findings.check(
    'policy.notice',
    'each later policy’s effect with the notice promised before it',
  )
  for (const [index, version] of versions.entries()) {
    const before = versions[index - 1]
    if (before === undefined) continue
    const { issuedAt, effectiveAt } = version.predicate
    const loggedAfter = dated
      .filter((one) => one.size <= version.leafIndex)
      .reduce((latest, one) => Math.max(latest, one.at), Number.NEGATIVE_INFINITY)
    const publishedAt = Math.max(secondsOf(issuedAt), loggedAfter - PUBLISHING_SECONDS)
    const given = secondsOf(effectiveAt) - publishedAt
    const promised = before.predicate.noticeSeconds
    check.demand(
      given >= promised,
      () => `${version.name} gives ${given} seconds of notice, and version ${index} promised ${promised}`,
    )
  }
}

/** True where the auditor brought something to compare; a mismatch is a failure. */
export function checkPinned(line: PolicyLine, anchors: Anchors | undefined, findings: Findings): boolean {
  const check = findings.check(
    'policy.pinned',
    'the policies with the policy or operator’s key in the anchors',
  )
  const { policy, operator } = anchors ?? { policy: null, operator: null }
  if (policy === null && operator === null) {
    check.unknown('UNPINNED: nothing got elsewhere says which policy or operator this pool should have')
    return false
  }
  if (policy !== null) {
    check.demand(
      line.byDigest(policy) !== undefined,
      () => `no policy of this pool has the digest ${policy}, which the anchors name`,
    )
  }
  if (operator !== null) {
    // Signed by the key, not merely naming it: anyone can write a policy that names someone's key.
    check.demand(
      line.versions.some((one) => one.signer === operator),
      () => `no policy of this pool is signed by ${operator}, the operator’s key in the anchors`,
    )
  }
  return true
}

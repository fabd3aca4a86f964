/**
 * Who may sign what: a signature by a key outside its role, or outside its keyset's validity, is no signature
 * (spec/checks.md §authority).
 *
 * Keysets count where their evidence holds. A statement without proven authority is still compared, so that
 * one lie shows as one failure; no claim that rests on it can pass.
 */
import { keysInRole, type Policy, type Role } from '#statements'
import type { Appraisal } from './evidence.ts'
import type { CheckRun, Findings } from './findings.ts'
import type { Logged, OpenedRecord } from './open.ts'
import type { PolicyLine } from './policies.ts'
import { secondsOf } from './times.ts'

/** What authority depends on, of any statement that a role of a node signs. */
export interface RoleSigned {
  readonly name: string
  readonly kind: string
  readonly signer: string
  readonly role: Role
  readonly pool: string
  readonly policy: string
  /** The policy must have been in force at some moment between; null where it follows another statement's. */
  readonly from: string | null
  /** The end of that time, where it is not the signing. */
  readonly until?: string
  /** When it was signed. */
  readonly at: string
  readonly place: { readonly node: string; readonly term: number } | null
}

export function roleSigned(opened: OpenedRecord): readonly (RoleSigned & { readonly leafIndex: number })[] {
  const as =
    (role: Role) =>
    <P extends { pool: string; policy: string }>(one: Logged<P>) => ({
      name: one.name,
      kind: one.kind,
      signer: one.signer,
      leafIndex: one.leafIndex,
      role,
      pool: one.predicate.pool,
      policy: one.predicate.policy,
    })
  return [
    ...opened.manifests.map((one) => {
      const { composedAt } = one.predicate
      return { ...as('mix')(one), from: composedAt, at: composedAt, place: null }
    }),
    ...opened.trainings.map((one) => {
      const { startedAt, finishedAt, node, term } = one.predicate
      return { ...as('train')(one), from: startedAt, at: finishedAt, place: { node, term } }
    }),
    ...opened.attributions.map((one) => ({
      ...as('train')(one),
      from: null,
      at: one.predicate.attributedAt,
      place: null,
    })),
    ...opened.fidelities.map((one) => ({
      ...as('train')(one),
      from: null,
      at: one.predicate.measuredAt,
      place: null,
    })),
    ...opened.closes.map((one) => {
      const { from, closedAt } = one.predicate
      // The period belongs to the policy it began under, whatever took effect before it was closed.
      return { ...as('ledger')(one), from, until: from, at: closedAt, place: null }
    }),
    ...opened.payouts.map((one) => ({
      ...as('ledger')(one),
      from: null,
      at: one.predicate.statedAt,
      place: null,
    })),
    ...opened.disputeReceipts.map((one) => {
      const { receivedAt, node, term } = one.predicate
      return { ...as('ingest')(one), from: receivedAt, at: receivedAt, place: { node, term } }
    }),
    ...opened.disputeAnswers.map((one) => {
      const { answeredAt, node, term } = one.predicate
      return { ...as('ingest')(one), from: answeredAt, at: answeredAt, place: { node, term } }
    }),
  ]
}

/** Clocks differ a little: a statement may be dated this much after the auditor’s time. */
const CLOCK_SECONDS = 300

export class Authority {
  readonly #keysets: readonly Appraisal[]
  readonly #line: PolicyLine
  readonly #pool: string
  readonly #at: number
  readonly #runs: Record<'pool' | 'inForce' | 'time' | 'role' | 'age', CheckRun>
  readonly #unproven: RoleSigned[] = []

  constructor(
    of: { keysets: readonly Appraisal[]; line: PolicyLine; pool: string; at: number },
    basis: Findings,
    a1: Findings,
  ) {
    this.#keysets = of.keysets
    this.#line = of.line
    this.#pool = of.pool
    this.#at = of.at
    this.#runs = {
      pool: basis.check('statement.pool', 'each statement’s pool with the record’s'),
      inForce: basis.check('policy.in-force', 'each statement’s policy with the one in force at its time'),
      time: basis.check('statement.time', 'each statement’s time with the calendar and the audit’s time'),
      role: basis.check('statement.role', 'each signer with the role that may sign such a statement'),
      age: a1.check(
        'a1.evidence-age',
        'each statement’s time with evidence near it of the keyset that signed',
      ),
    }
  }

  /** Names of the statements of these kinds that nobody with proven authority has signed. */
  unproven(kinds: readonly string[]): readonly string[] {
    return this.#unproven.filter((one) => kinds.includes(one.kind)).map((one) => one.name)
  }

  /** Policies and evidence have authorities of their own; their dates are judged like all others. */
  checkTime(name: string, at: string): void {
    const seconds = secondsOf(at)
    this.#runs.time.demand(
      seconds <= this.#at + CLOCK_SECONDS,
      () => `${name} is dated ${at}, which is not past`,
    )
  }

  checkSigner(name: string, problem: string | undefined): void {
    this.#runs.role.demand(problem === undefined, () => `${name} ${problem}`)
  }

  check(one: RoleSigned): void {
    this.checkTime(one.name, one.at)
    this.#runs.pool.demand(one.pool === this.#pool, () => `${one.name} belongs to the pool ${one.pool}`)
    this.#checkPolicy(one)
    const proven = this.#checkRole(one)
    if (!proven) this.#unproven.push(one)
  }

  #checkPolicy(one: RoleSigned): void {
    const version = this.#line.byDigest(one.policy)
    if (version === undefined) {
      this.#runs.inForce.fail(`${one.name} names the policy ${one.policy}, which this pool has not had`)
      return
    }
    if (one.from === null) return
    this.#runs.inForce.demand(
      this.#line.wasInForce(version, secondsOf(one.from), secondsOf(one.until ?? one.at)),
      () =>
        `${one.name} of ${one.at} was made under policy version ${version.predicate.version}, not in force then`,
    )
  }

  #checkRole(one: RoleSigned): boolean {
    const at = secondsOf(one.at)
    const { role, signer, place } = one
    const inRole = this.#keysets.filter(({ keyset }) => keysInRole(keyset, role).includes(signer))
    const ofPlace = inRole.filter(
      ({ keyset }) => place === null || (keyset.node === place.node && keyset.term === place.term),
    )
    const valid = ofPlace.filter(
      ({ keyset }) => secondsOf(keyset.issuedAt) <= at && at <= secondsOf(keyset.notAfter),
    )
    const holds = this.#runs.role.demand(
      valid.length > 0,
      () => `${one.name} is signed by ${signer}, ${this.#problemOf(one, inRole, ofPlace)}`,
    )
    return holds && this.#isCovered(one, at, valid)
  }

  #problemOf(one: RoleSigned, inRole: readonly Appraisal[], ofPlace: readonly Appraisal[]): string {
    if (ofPlace.length > 0) return `whose keyset was not valid at ${one.at}`
    if (inRole.length > 0) return `which is not a key of ${one.place?.node} term ${one.place?.term}`
    const holder = this.#keysets.find(({ keyset }) => keyset.keys.some((key) => key.publicKey === one.signer))
    const role = holder?.keyset.keys.find((key) => key.publicKey === one.signer)?.role
    return role === undefined
      ? 'a key that no evidence lists'
      : `a key in the role ${role} and not ${one.role}`
  }

  /** Old evidence says little about today: the policy sets how old it may be. */
  #isCovered(one: RoleSigned, at: number, valid: readonly Appraisal[]): boolean {
    const trusted = valid.filter((appraisal) => appraisal.trusted)
    const [nearest] = trusted.map(({ takenAt }) => Math.abs(takenAt - at)).sort((left, right) => left - right)
    const maximum = policyAt(this.#line, at)?.trust.maxEvidenceAgeSeconds
    if (nearest === undefined || maximum === undefined) return false
    return this.#runs.age.demand(
      nearest <= maximum,
      () =>
        `${one.name} is ${nearest} seconds from its keyset’s nearest evidence; the policy allows ${maximum}`,
    )
  }
}

function policyAt(line: PolicyLine, seconds: number): Policy | undefined {
  return line.inForceAt(seconds)?.predicate
}

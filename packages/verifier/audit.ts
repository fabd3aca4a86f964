/**
 * The one function that audits a pool: the command, the page, the contract tests and CI all call it.
 *
 * Pure: record, log, evidence, anchors and time are arguments, so any verdict can be repeated tomorrow. It
 * never throws on what others wrote: malformed things become failed checks that name the thing.
 */
import { evidence as evidenceKind } from '#statements'
import { a1, type Fresh } from './a1.ts'
import { Authority, roleSigned } from './authority.ts'
import { c1 } from './c1.ts'
import { c2 } from './c2.ts'
import { c3 } from './c3.ts'
import { c4 } from './c4.ts'
import { c5 } from './c5.ts'
import { c6 } from './c6.ts'
import { c7 } from './c7.ts'
import { c8 } from './c8.ts'
import { claimIds, claimTitles, type ClaimId } from './checks.ts'
import { openContribution, type OpenedContribution } from './contributions.ts'
import { evidenceRuns, verifyEvidence, type EvidenceContext } from './evidence.ts'
import { Findings } from './findings.ts'
import { readInput, type AuditInput, type ReadInput } from './input.ts'
import { open, openingChecks, openRecord, type OpenedRecord, type OpeningChecks } from './open.ts'
import { checkNotice, checkPinned, readLine } from './policies.ts'
import { plural, readLeaves, type Draft, type Pool } from './pool.ts'
import { combine, limits, overall, type AuditResult, type Claim, type Verdict } from './result.ts'
import { secondsOf } from './times.ts'

export async function audit(input: AuditInput): Promise<AuditResult> {
  const basis = new Findings()
  const files = readInput(input, basis)
  if (files.record === undefined) return nothingToTell(basis)
  const opening = openingChecks(basis)
  const opened = await openRecord(files.record, opening, basis)
  const machine = { genuine: new Findings(), known: new Findings() }
  const { line, role } = readLine(files.record.pool, opened.policies, basis)
  const pinned = checkPinned(line, files.anchors, basis)
  const context: EvidenceContext = {
    pool: files.record.pool,
    line,
    anchors: files.anchors,
    runs: evidenceRuns(machine.genuine, machine.known),
    verify: input.verifyEvidence ?? verifyEvidence,
  }
  const at = Math.floor(input.at.getTime() / 1000)
  const fresh = await openFresh(input, opening)
  const evidence = await a1(machine.genuine, opened.evidence, fresh, at, context)
  const authority = new Authority(
    { keysets: evidence.keysets, line, pool: files.record.pool, at },
    basis,
    machine.genuine,
  )
  judgeSigners(opened, role, authority)
  const contributions = await openContributions(files, opening, basis, authority)
  const pool: Pool = {
    record: files.record,
    anchors: files.anchors,
    checkpoint: input.log.checkpoint,
    entries: input.log.entries,
    leaves: readLeaves(input.log.entries),
    line,
    opened,
    keysets: evidence.keysets,
    authority,
    contributions,
    calls: files.calls,
    live: input.fresh !== undefined,
    at,
  }
  const logged = await c8(pool)
  checkNotice(line, [...datedStatements(opened), ...logged.cosigned], basis)
  const drafts: Record<ClaimId, Draft> = {
    A1: evidence.draft,
    A2: a2(machine.known, context.runs.measurement.passed),
    C1: c1(pool),
    C2: c2(pool),
    C3: c3(pool),
    C4: c4(pool),
    C5: await c5(pool),
    C6: c6(pool, logged.cosigned),
    C7: c7(),
    C8: logged,
  }
  const claims = claimIds.map((id) => conclude(id, drafts[id], authority))
  return result(pinned, evidence.simulated, basis, claims)
}

/** A2: the measurement is one that the policy allowed at the time; compared where A1 reads the evidence. */
function a2(findings: Findings, count: number): Draft {
  const summary = `the program in ${plural(count, 'evidence statement')} is one that the policy allowed at that time`
  return { findings, summary, restsOn: [] }
}

async function openFresh({ fresh }: AuditInput, opening: OpeningChecks): Promise<Fresh | undefined> {
  if (fresh === undefined) return undefined
  const name = 'fresh evidence'
  if (fresh.evidence === null) return { nonce: fresh.nonce, statement: undefined }
  const statement = await open(evidenceKind, fresh.evidence, name, opening)
  return { nonce: fresh.nonce, statement: statement && { ...statement, name } }
}

function judgeSigners(
  opened: OpenedRecord,
  policyProblem: (name: string) => string | undefined,
  authority: Authority,
): void {
  for (const { name, predicate } of opened.policies) {
    authority.checkTime(name, predicate.issuedAt)
    authority.checkSigner(name, policyProblem(name))
  }
  for (const { name, predicate } of opened.evidence) authority.checkTime(name, predicate.takenAt)
  for (const one of roleSigned(opened)) authority.check(one)
}

async function openContributions(
  { contributions }: ReadInput,
  opening: OpeningChecks,
  basis: Findings,
  authority: Authority,
): Promise<readonly OpenedContribution[]> {
  const check = basis.check('input.contribution', 'each contribution record’s leaves with their schemas')
  const opened: OpenedContribution[] = []
  for (const one of contributions) {
    const contribution = await openContribution(one, opening, check, authority)
    if (contribution !== undefined) opened.push(contribution)
  }
  return opened
}

function datedStatements(opened: OpenedRecord) {
  return [
    ...opened.evidence.map(({ leafIndex, predicate }) => dated(leafIndex, predicate.takenAt)),
    ...roleSigned(opened).map(({ leafIndex, at }) => dated(leafIndex, at)),
  ]
}

function dated(leafIndex: number, at: string) {
  return { size: leafIndex + 1, at: secondsOf(at) }
}

/** A claim that rests on a statement nobody with authority signed cannot pass, whatever its sums say. */
function conclude(id: ClaimId, { findings, summary, restsOn }: Draft, authority: Authority): Claim {
  const unproven = authority.unproven(restsOn)
  const checks = [...findings.checks]
  if (unproven.length > 0) {
    const [first] = unproven
    const more = unproven.length > 1 ? ` and ${unproven.length - 1} more` : ''
    checks.push({
      id: 'statement.role',
      verdict: 'unknown',
      compared: `rests on ${first}${more}, whose signer has no proven authority`,
    })
  }
  const verdict = combine(checks)
  const telling = checks.filter((one) => one.verdict === verdict).map(({ compared }) => compared)
  return {
    id,
    title: claimTitles[id],
    verdict,
    summary: sentenceOf(verdict, summary, telling),
    ...(verdict === 'pending' && findings.until !== undefined ? { until: findings.until } : {}),
    checks,
  }
}

/** The sentence for a claim that holds, with what it lacks; else the first reason why it does not. */
function sentenceOf(verdict: Verdict, summary: string, telling: readonly string[]): string {
  if (verdict === 'pass' || verdict === 'not-applicable') return summary
  return verdict === 'partial' ? `${summary}; but ${telling.join('; ')}` : (telling[0] ?? summary)
}

function result(pinned: boolean, simulated: boolean, basis: Findings, claims: readonly Claim[]): AuditResult {
  const ground = { verdict: combine(basis.checks), checks: basis.checks }
  return { verdict: overall(pinned, ground, claims), pinned, simulated, basis: ground, claims, limits }
}

/** Without a record there is nothing to compare: the claims are unknown, and the basis says why. */
function nothingToTell(basis: Findings): AuditResult {
  const claims = claimIds.map((id): Claim => {
    const summary = 'there is no public record that could be read'
    return { id, title: claimTitles[id], verdict: 'unknown', summary, checks: [] }
  })
  return result(false, false, basis, claims)
}

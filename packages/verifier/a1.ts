/** A1: the machine is genuine, fresh, and every key it uses is bound into its evidence. */
import { keysetDigest } from '#statements'
import { appraiseEvidence, type Appraisal, type EvidenceContext, type EvidenceStatement } from './evidence.ts'
import type { Findings } from './findings.ts'
import type { PolicyLine } from './policies.ts'
import { plural, type Draft } from './pool.ts'
import { secondsOf } from './times.ts'

export interface Fresh {
  readonly nonce: string
  /** The evidence that answered, opened; undefined where none did. */
  readonly statement: EvidenceStatement | undefined
}

/** Judges the logged evidence, and the one that answered the auditor's own nonce. */
export async function a1(
  findings: Findings,
  logged: readonly EvidenceStatement[],
  fresh: Fresh | undefined,
  at: number,
  context: EvidenceContext,
): Promise<{ keysets: readonly Appraisal[]; simulated: boolean; draft: Draft }> {
  const keysets: Appraisal[] = []
  for (const one of logged) keysets.push(await appraiseEvidence(one, context))
  if (keysets.length === 0) context.runs.cpu.unknown('the record holds no evidence of any machine')
  const live = fresh?.statement === undefined ? undefined : await appraiseEvidence(fresh.statement, context)
  checkFresh(findings, keysets, fresh, at, context.line)
  const all = live === undefined ? keysets : [...keysets, live]
  const gpus = all.reduce((sum, one) => sum + one.gpusWithoutReference, 0)
  if (gpus > 0) {
    context.runs.rim.partial(
      `${plural(gpus, 'GPU report')}: the policy does without NVIDIA’s reference values, so firmware and driver are shown and not compared`,
    )
  }
  const simulated = all.some((one) => one.simulated)
  const origin = simulated ? 'roots of the SIMULATOR, which the anchors accept' : 'the vendors’ roots'
  const summary = `CPU and GPU evidence of ${plural(all.length, 'statement')} verifies to ${origin}, and every key is bound into it`
  return { keysets, simulated, draft: { findings, summary, restsOn: [] } }
}

function checkFresh(
  findings: Findings,
  logged: readonly Appraisal[],
  fresh: Fresh | undefined,
  at: number,
  line: PolicyLine,
): void {
  const check = findings.check('a1.fresh', 'the live machine’s evidence with the auditor’s nonce and the log')
  if (fresh === undefined) {
    const newest = Math.max(...logged.map((one) => one.takenAt))
    const since = Number.isFinite(newest)
      ? `; the newest logged is ${Math.round(at - newest)} seconds old`
      : ''
    check.partial(`no live evidence was asked for${since}`)
    return
  }
  if (fresh.statement === undefined) {
    check.unknown('the machine gave no evidence over the auditor’s nonce')
    return
  }
  const { nonce, keyset, takenAt } = fresh.statement.predicate
  check.demand(
    nonce === fresh.nonce,
    () => `fresh evidence answers the nonce ${nonce}, asked was ${fresh.nonce}`,
  )
  const digest = keysetDigest(keyset)
  check.demand(
    logged.some((one) => keysetDigest(one.keyset) === digest),
    () => `fresh evidence is of the keyset ${digest}, which no evidence in the log shows`,
  )
  check.demand(
    secondsOf(keyset.issuedAt) <= at && at <= secondsOf(keyset.notAfter),
    () => `fresh evidence is of a keyset valid from ${keyset.issuedAt} to ${keyset.notAfter} only`,
  )
  const maximum = line.inForceAt(at)?.predicate.trust.maxEvidenceAgeSeconds ?? 0
  const age = Math.abs(at - secondsOf(takenAt))
  check.demand(age <= maximum, () => `fresh evidence is ${age} seconds old; the policy allows ${maximum}`)
}

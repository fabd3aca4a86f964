/** TDX quotes from bytes to verdict: parse, verify, appraise. */
import { encodeHex } from '#bytes'
import { Checklist } from '../checklist.ts'
import { tdxCheckIds, type EvidenceResult } from '../checks.ts'
import { fingerprintOf } from '../crypto.ts'
import { isoTime } from '../time.ts'
import { vendorOfRoot } from '../vendor-roots.ts'
import { appraiseClaims } from './appraise.ts'
import type { TdxClaims, VerifyTdxInput } from './types.ts'
import { verifyQuote, type AuthenticQuote } from './verify.ts'

/**
 * Resolves to a verdict for any bytes; malformed evidence or collateral is a refusal, never an exception.
 *
 * With the policy `authentic-only` an accepted verdict says that Intel hardware (or the simulator: see
 * `claims.simulated`) made the quote, and nothing about whether anyone should trust it.
 */
export async function verifyTdx(input: VerifyTdxInput): Promise<EvidenceResult<TdxClaims>> {
  const checks = new Checklist(tdxCheckIds)
  return checks.conclude(async () => {
    const authentic = await verifyQuote(checks, input)
    const claims = await claimsOf(authentic)
    await appraiseClaims(checks, claims, authentic.quote.body.tdAttributes, input)
    return claims
  })
}

async function claimsOf(authentic: AuthenticQuote): Promise<TdxClaims> {
  const { quote, root, platform, judgement } = authentic
  const { body } = quote
  const rootFingerprint = await fingerprintOf(root.der)
  return {
    kind: 'tdx',
    simulated: vendorOfRoot(rootFingerprint) !== 'intel',
    rootFingerprint,
    tcbStatus: judgement.status,
    tcbDate: judgement.tcbDate,
    tcbEvaluationDataNumber: authentic.evaluationDataNumber,
    advisories: judgement.advisories,
    fmspc: platform.fmspc,
    pceId: platform.pceId,
    ppid: platform.ppid,
    teeTcbSvn: encodeHex(body.teeTcbSvn),
    mrSeam: body.mrSeam,
    tdAttributes: encodeHex(body.tdAttributes),
    xfam: body.xfam,
    mrTd: body.mrTd,
    mrConfigId: body.mrConfigId,
    mrOwner: body.mrOwner,
    mrOwnerConfig: body.mrOwnerConfig,
    rtmr: body.rtmr,
    reportData: encodeHex(body.reportData),
    collateralExpiresAt: isoTime(authentic.collateralExpiresAt),
  }
}

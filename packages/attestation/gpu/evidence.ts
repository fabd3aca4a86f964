/** NVIDIA GPU evidence from bytes to verdict: parse, verify, appraise. */
import { encodeHex } from '#bytes'
import { Checklist } from '../checklist.ts'
import { gpuCheckIds, type EvidenceResult } from '../checks.ts'
import { fingerprintOf } from '../crypto.ts'
import { vendorOfRoot } from '../vendor-roots.ts'
import { appraiseClaims } from './appraise.ts'
import type { GpuClaims, VerifyGpuInput } from './types.ts'
import { verifyGpuReport, type AuthenticGpuReport } from './verify.ts'

/**
 * Resolves to a verdict for any evidence; malformed evidence is a refusal, never an exception.
 *
 * An accepted verdict says that the GPU and its firmware key are genuine and fresh. Which firmware and
 * driver ran is reported in `measurements`; `gpu.rim` says that nobody compared them yet.
 */
export async function verifyGpu(input: VerifyGpuInput): Promise<EvidenceResult<GpuClaims>> {
  const checks = new Checklist(gpuCheckIds)
  return checks.conclude(async () => {
    const claims = await claimsOf(await verifyGpuReport(checks, input))
    await appraiseClaims(checks, claims, input)
    return claims
  })
}

async function claimsOf({ report, fields, leaf, root }: AuthenticGpuReport): Promise<GpuClaims> {
  const rootFingerprint = await fingerprintOf(root.der)
  return {
    kind: 'gpu',
    arch: 'HOPPER',
    simulated: vendorOfRoot(rootFingerprint) !== 'nvidia',
    rootFingerprint,
    leafFingerprint: await fingerprintOf(leaf.der),
    ...fields,
    nonce: encodeHex(report.nonce),
    measurements: report.measurements,
  }
}

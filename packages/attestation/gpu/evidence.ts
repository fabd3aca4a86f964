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
 * An accepted verdict says that the GPU and its firmware key are genuine and fresh. That firmware and driver
 * are NVIDIA's own is said by `gpu.rim`, and only where the policy asks for reference values.
 */
export async function verifyGpu(input: VerifyGpuInput): Promise<EvidenceResult<GpuClaims>> {
  const checks = new Checklist(gpuCheckIds)
  return checks.conclude(async () => {
    const claims = await claimsOf(await verifyGpuReport(checks, input))
    return appraiseClaims(checks, claims, input)
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

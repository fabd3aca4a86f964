/** Is authentic GPU evidence acceptable? What the policy does not name is refused. */
import type { Checklist } from '../checklist.ts'
import type { GpuCheckId } from '../checks.ts'
import { appraiseMeasurements } from '../rim/appraise.ts'
import { demandTrustedRoot } from '../vendor-roots.ts'
import type { GpuClaims, VerifyGpuInput } from './types.ts'

/** Resolves to the claims, with those of the reference values where the policy asks for them. */
export async function appraiseClaims(
  checks: Checklist<GpuCheckId>,
  claims: GpuClaims,
  { policy, rims, roots, at }: VerifyGpuInput,
): Promise<GpuClaims> {
  if (policy !== 'authentic-only') {
    await checks.pass('gpu.trusted-root', `root ${claims.rootFingerprint} with the policy’s roots`, () =>
      demandTrustedRoot(claims, policy.roots),
    )
  }
  checks.skip('gpu.revocation', 'no answer of NVIDIA’s about revocation was given')
  if (policy === 'authentic-only' || policy.rim === 'not-checked') return claims
  const input = { rims, roots: roots.nvidiaRim, at }
  return { ...claims, reference: await appraiseMeasurements(checks, claims, policy.rim, input) }
}

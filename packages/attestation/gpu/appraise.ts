/** Is authentic GPU evidence acceptable? What the policy does not name is refused. */
import type { Checklist } from '../checklist.ts'
import type { GpuCheckId } from '../checks.ts'
import { demandTrustedRoot } from '../vendor-roots.ts'
import type { GpuClaims, VerifyGpuInput } from './types.ts'

export async function appraiseClaims(
  checks: Checklist<GpuCheckId>,
  claims: GpuClaims,
  { policy }: VerifyGpuInput,
): Promise<void> {
  if (policy !== 'authentic-only') {
    await checks.pass('gpu.trusted-root', `root ${claims.rootFingerprint} with the policy’s roots`, () =>
      demandTrustedRoot(claims, policy.roots),
    )
  }
  checks.skip('gpu.revocation', 'no answer of NVIDIA’s about revocation was given')
  checks.skip('gpu.rim', 'measurements are reported and not compared with NVIDIA’s reference values')
}

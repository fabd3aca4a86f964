/**
 * Fingerprints of the hardware vendors' root certificates: what tells genuine from simulated.
 */
import { demand } from './checklist.ts'
import type { TrustedRoot } from './policy.ts'

/** SHA-256 of the Intel SGX Root CA certificate, which also anchors TDX. */
export const intelSgxRootFingerprint = '44a0196b2b99f889b8e149e95b807a350e7424964399e885a7cbb8ccfab674d3'

/** SHA-256 of the NVIDIA Device Identity CA certificate. */
export const nvidiaDeviceRootFingerprint = '102bf659d5419614c9d8e6aecebc80454eb26b1df6a769ac720b9a690b167b48'

/** SHA-256 of the NVIDIA CoRIM signing Root CA certificate, which anchors reference values and no device. */
export const nvidiaRimRootFingerprint = '12977b5115acb0381179279fffeb5a8c4d264971ebb32298023a465fa41df5d1'

/** Whose root this is, and for what, or null: then whatever it anchors is simulated. */
export function vendorOfRoot(fingerprint: string): 'intel' | 'nvidia' | 'nvidia-rim' | null {
  switch (fingerprint) {
    case intelSgxRootFingerprint:
      return 'intel'
    case nvidiaDeviceRootFingerprint:
      return 'nvidia'
    case nvidiaRimRootFingerprint:
      return 'nvidia-rim'
    default:
      return null
  }
}

/**
 * Throws {@link AttestationError} unless the policy names the root that anchored the claims. The policy
 * must also say rightly whether it is simulated, so that a test root cannot pass for a vendor's.
 */
export function demandTrustedRoot(
  claims: { readonly rootFingerprint: string; readonly simulated: boolean },
  roots: readonly TrustedRoot[],
): void {
  const named = roots.find(({ fingerprint }) => fingerprint === claims.rootFingerprint)
  demand(named !== undefined, `the policy does not name root ${claims.rootFingerprint}`)
  const kind = claims.simulated ? 'simulated' : 'genuine'
  demand(named.simulated === claims.simulated, `the root is ${kind}, and the policy says otherwise`)
}

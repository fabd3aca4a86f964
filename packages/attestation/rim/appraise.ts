/**
 * Does a GPU run what NVIDIA's reference values allow? The rules are those of NVIDIA's own verifier.
 *
 * Driver's and VBIOS's files each speak for some of the 64 measurements, never for the same one. Every
 * measurement that one of them speaks for must have one of the values it names.
 */
import { demand, type Checklist } from '../checklist.ts'
import type { GpuCheckId } from '../checks.ts'
import { fingerprintOf } from '../crypto.ts'
import type { GpuClaims } from '../gpu/types.ts'
import type { TrustedRoot } from '../policy.ts'
import { demandTrustedRoot, vendorOfRoot } from '../vendor-roots.ts'
import type { Manifest } from './manifest.ts'
import { rimParts, type ReferenceClaims, type RimPart, type VerifyRimsInput } from './types.ts'
import { verifyRims, type AuthenticRims } from './verify.ts'

/** `claims` come from an authentic report; nothing else decides which files are asked for. */
export async function appraiseMeasurements(
  checks: Checklist<GpuCheckId>,
  claims: GpuClaims,
  trusted: readonly TrustedRoot[],
  input: VerifyRimsInput,
): Promise<ReferenceClaims> {
  const { requests, manifests, root } = await verifyRims(checks, claims, input)
  const rootFingerprint = await fingerprintOf(root.der)
  const anchored = { rootFingerprint, simulated: vendorOfRoot(rootFingerprint) !== 'nvidia-rim' }
  await checks.pass('gpu.rim-root', `root ${rootFingerprint} with the policy’s roots`, () =>
    demandTrustedRoot(anchored, trusted),
  )
  await checks.pass('gpu.rim-version', 'versions of both files with those reported', () => {
    for (const part of rimParts) demandVersion(part, manifests[part], requests[part].version)
  })
  const compared = await checks.pass('gpu.rim', 'measurements with the values that both files allow', () =>
    compareMeasurements(manifests, claims),
  )
  return { ...anchored, driverRim: requests.driver.id, vbiosRim: requests.vbios.id, compared }
}

/** NVIDIA writes a VBIOS version in either case. */
function demandVersion(part: RimPart, { version }: Manifest, reported: string): void {
  const same = version.toLowerCase() === reported.toLowerCase()
  demand(same, `the ${part} file is of version ${version}, and the GPU reports ${reported}`)
}

/** Measurement 35 is of video decoder 0 and says nothing while the decoder is off. */
const decoderMeasurement = 35

/** Returns how many measurements were compared. Indices count from 0, as in NVIDIA's files. */
export function compareMeasurements(manifests: AuthenticRims['manifests'], claims: GpuClaims): number {
  const overlap = [...manifests.driver.values.keys()].filter((index) => manifests.vbios.values.has(index))
  demand(overlap.length === 0, `both files speak for measurement ${overlap.join(', ')}`)
  const expected = rimParts.flatMap((part) =>
    [...manifests[part].values].map(([index, allowed]) => ({ part, index, allowed })),
  )
  const applying = expected.filter(({ index }) => index !== decoderMeasurement || claims.nvdec0 !== 'off')
  const wrong = applying.filter(({ index, allowed }) => !allowed.includes(claims.measurements[index] ?? ''))
  const places = wrong.map(({ part, index }) => `${index} (${part})`)
  demand(wrong.length === 0, `measurements that the files do not allow: ${places.join(', ')}`)
  return applying.length
}

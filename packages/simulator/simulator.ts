/**
 * Simulated confidential hardware: evidence in the vendors' exact formats under test roots of our own.
 *
 * The production verifiers judge it like any other evidence. It passes where these roots are handed to
 * them and the policy names them as simulated, and nowhere else. It proves that the software is right and
 * nothing about the machine it runs on.
 */
import type { GpuEvidence, Rim, TdxCollateral, TrustedRoot } from '#attestation'
import { sha256Hex, type Bytes } from '#bytes'
import type { CertificateFaults } from './certificates.ts'
import { SimulatorError } from './errors.ts'
import { buildGpuEvidence, buildNvidiaPki, type GpuRequest, type NvidiaName } from './gpu.ts'
import { buildCollateral, buildIntelPki, type IntelFaults } from './intel.ts'
import { buildQuote, type QuoteRequest } from './quote.ts'
import { buildRimPki, buildRims, type RimsFaults } from './rim.ts'

export interface SimulatorOptions {
  /** At least 16 bytes. All keys and certificates follow from it: whoever knows it can forge them. */
  readonly seed: Bytes
  /** Collateral is issued a day before this time and is good for a month; reference values for a year. */
  readonly at: Date
  readonly faults?: {
    readonly intel?: IntelFaults
    readonly nvidia?: CertificateFaults<NvidiaName>
    readonly rims?: RimsFaults
  }
}

export interface Simulator {
  readonly roots: {
    readonly intel: readonly Bytes[]
    readonly nvidia: readonly Bytes[]
    readonly nvidiaRim: readonly Bytes[]
  }
  /** The same roots as a policy names them. */
  readonly trustedRoots: readonly TrustedRoot[]
  /** Reference values for the GPU's driver and VBIOS. */
  readonly rims: readonly Rim[]
  readonly collateral: TdxCollateral
  /** Fresh collateral for a simulator that has run for long. */
  collateralAt(at: Date): Promise<TdxCollateral>
  quoteTdx(request: QuoteRequest): Promise<Bytes>
  attestGpu(request: GpuRequest): Promise<GpuEvidence>
}

/** Throws {@link SimulatorError} `seed-invalid` on a seed that is too short. */
export async function createSimulator({ seed, at, faults = {} }: SimulatorOptions): Promise<Simulator> {
  if (seed.length < 16)
    throw new SimulatorError('seed-invalid', `a seed has ${seed.length} bytes, not 16 or more`)
  const intel = await buildIntelPki(seed, faults.intel?.certificates)
  const nvidia = await buildNvidiaPki(seed, faults.nvidia)
  const collateralAt = (time: Date) => buildCollateral(intel, time, faults.intel ?? {})
  const rim = await buildRimPki(seed, at, faults.rims?.certificates)
  const roots = {
    intel: [intel.certificates.root],
    nvidia: [nvidia.certificates.root],
    nvidiaRim: [rim.certificates.root],
  }
  return {
    roots,
    trustedRoots: [...roots.intel, ...roots.nvidia, ...roots.nvidiaRim].map((root) => ({
      fingerprint: sha256Hex(root),
      simulated: true,
    })),
    rims: await buildRims(rim, faults.rims),
    collateral: await collateralAt(at),
    collateralAt,
    quoteTdx: (request) => buildQuote(seed, intel, request),
    attestGpu: (request) => buildGpuEvidence(nvidia, request),
  }
}

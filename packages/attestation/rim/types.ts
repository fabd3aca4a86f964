/** Reference integrity manifests: which files there are, how they are named, and what they claim. */
import type { Bytes } from '#bytes'

/** One file as NVIDIA's service hands it out. */
export interface Rim {
  /** Names driver, or board and VBIOS. Only a label: which version a file is for stands in the file, signed. */
  readonly id: string
  /** Base64 of the signed file. */
  readonly rim: string
}

export const rimParts = ['driver', 'vbios'] as const
/** What a GPU's measurements come from: NVIDIA signs a file for each. */
export type RimPart = (typeof rimParts)[number]

export interface RimRequest {
  readonly id: string
  /** As the GPU reports it. */
  readonly version: string
}

export type RimRequests = { readonly [part in RimPart]: RimRequest }

/** What accepted reference values say; present exactly where measurements were compared with them. */
export interface ReferenceClaims {
  readonly simulated: boolean
  /** SHA-256 of the root certificate. */
  readonly rootFingerprint: string
  readonly driverRim: string
  readonly vbiosRim: string
  /** How many of the 64 measurements have a reference value that applies. */
  readonly compared: number
}

export interface VerifyRimsInput {
  readonly rims: readonly Rim[]
  readonly roots: readonly Bytes[]
  readonly at: Date
}

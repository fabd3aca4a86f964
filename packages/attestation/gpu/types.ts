/** What goes into the verification of NVIDIA GPU evidence and what comes out. */
import type { Bytes } from '#bytes'
import type { GpuPolicy } from '../policy.ts'
import type { ReferenceClaims, Rim } from '../rim/types.ts'

/** One GPU's evidence in the shape that NVIDIA's SDKs serialise and its attestation service takes. */
export interface GpuEvidence {
  readonly arch: string
  /** Hexadecimal. A hint of the sender: the nonce that counts stands in the signed request. */
  readonly nonce: string
  /** Base64 of the SPDM request and response. */
  readonly evidence: string
  /** Base64 of the PEM chain, leaf first. */
  readonly certificate: string
}

export interface VerifyGpuInput {
  readonly evidence: GpuEvidence
  /** Roots as DER certificates. They are pinned by whole certificate. */
  readonly roots: { readonly nvidia: readonly Bytes[]; readonly nvidiaRim: readonly Bytes[] }
  /** Reference values, among which the report's own are looked for; others may stand beside them. */
  readonly rims: readonly Rim[]
  /** The 32 bytes that the GPU was asked to sign. */
  readonly nonce: Bytes
  readonly at: Date
  readonly policy: GpuPolicy | 'authentic-only'
}

/** Byte strings are lower-case hexadecimal. What a report does not carry is absent, never empty. */
export interface GpuClaims {
  readonly kind: 'gpu'
  readonly arch: 'HOPPER'
  readonly simulated: boolean
  /** SHA-256 of the root certificate. */
  readonly rootFingerprint: string
  /** SHA-256 of the leaf certificate: names this GPU running this firmware. */
  readonly leafFingerprint: string
  readonly driverVersion: string
  readonly vbiosVersion: string
  readonly boardId?: string
  readonly chipSku?: string
  readonly project?: string
  readonly projectSku?: string
  readonly fwid?: string
  readonly featureFlag?: 'single-gpu' | 'multi-gpu' | 'protected-pcie'
  /** Whether video decoder 0 is on: it decides which reference values apply. */
  readonly nvdec0?: 'on' | 'off'
  readonly nonce: string
  /** SHA-384 values of the 64 measurement blocks, in order. */
  readonly measurements: readonly string[]
  /** Absent where the policy does without reference values. */
  readonly reference?: ReferenceClaims
}

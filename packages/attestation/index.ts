export type { Check, CheckId, EvidenceResult, GpuCheckId, TdxCheckId } from './checks.ts'
export { checkIds, gpuCheckIds, tdxCheckIds } from './checks.ts'
export { AttestationError, type AttestationErrorCode } from './errors.ts'
export { verifyGpu } from './gpu/evidence.ts'
export type { GpuClaims, GpuEvidence, VerifyGpuInput } from './gpu/types.ts'
export type {
  AllowedMeasurement,
  GpuPolicy,
  TcbStatus,
  TdAttributeAllowance,
  TdxMeasurement,
  TdxPolicy,
  TrustedRoot,
} from './policy.ts'
export { tcbStatuses } from './policy.ts'
export type { ReferenceClaims, Rim } from './rim/types.ts'
export { verifyTdx } from './tdx/evidence.ts'
export type { TdxClaims, TdxCollateral, VerifyTdxInput } from './tdx/types.ts'
export {
  intelSgxRootFingerprint,
  nvidiaDeviceRootFingerprint,
  nvidiaRimRootFingerprint,
  vendorOfRoot,
} from './vendor-roots.ts'

export { audit } from './audit.ts'
export {
  basisCheckIds,
  checkIds,
  claimCheckIds,
  claimIds,
  claimTitles,
  type CheckId,
  type ClaimId,
} from './checks.ts'
export type { AuditInput } from './input.ts'
export { verifyEvidence, type VerifyEvidence } from './evidence.ts'
export { kinds } from './open.ts'
export { limits, type AuditResult, type Check, type Claim, type Verdict } from './result.ts'

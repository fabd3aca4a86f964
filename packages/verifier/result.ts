/** What an audit says, and how single checks add up to it (spec/checks.md §verdicts). */
import type { CheckId, ClaimId } from './checks.ts'

export type Verdict = 'pass' | 'fail' | 'partial' | 'pending' | 'not-applicable' | 'unknown'

export interface Check {
  readonly id: CheckId
  readonly verdict: Verdict
  /** What was compared with what, and how many; of a failure: which thing, and what it should have been. */
  readonly compared: string
}

export interface Claim {
  readonly id: ClaimId
  readonly title: string
  readonly verdict: Verdict
  /** One sentence for people. */
  readonly summary: string
  /** When everything pending must have been settled. */
  readonly until?: string
  readonly checks: readonly Check[]
}

export interface AuditResult {
  readonly verdict: 'pass' | 'fail' | 'unknown'
  /** Whether the auditor brought the policy or the operator's key. Without one the audit never says yes. */
  readonly pinned: boolean
  /** Whether any evidence comes from the simulator: then the hardware vouches for nothing. */
  readonly simulated: boolean
  /** What every claim rests on. */
  readonly basis: { readonly verdict: Verdict; readonly checks: readonly Check[] }
  readonly claims: readonly Claim[]
  readonly limits: readonly string[]
}

/** What no audit can show, however green it is. */
export const limits: readonly string[] = [
  'Broken hardware voids everything: who extracts keys from one attested machine can sign any of this.',
  'Evidence proves what ran, not that data is true, useful or lawfully owned.',
  'A GPU is tied to its CPU by digest and nonce; that does not prove they stand in one place.',
  'That sums are conserved is proven; that shares are fair is estimated.',
  'What a call cost is the ledger’s word, except where its buyer kept the receipt.',
]

// The first that occurs wins: a failure hides nothing behind it, and “unknown” is never shown as a yes.
const order: readonly Verdict[] = ['fail', 'unknown', 'pending', 'partial', 'pass', 'not-applicable']

/** The verdict over several checks; `not-applicable` where there are none. */
export function combine(checks: readonly { readonly verdict: Verdict }[]): Verdict {
  return order.find((verdict) => checks.some((one) => one.verdict === verdict)) ?? 'not-applicable'
}

/** Fail where anything failed; pass only where the policy was pinned and everything could be told. */
export function overall(
  pinned: boolean,
  basis: { readonly verdict: Verdict },
  claims: readonly Claim[],
): AuditResult['verdict'] {
  const verdict = combine([basis, ...claims])
  if (verdict === 'fail') return 'fail'
  return pinned && verdict !== 'unknown' && verdict !== 'not-applicable' ? 'pass' : 'unknown'
}

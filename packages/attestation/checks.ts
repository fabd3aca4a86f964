/**
 * The closed list of everything evidence is checked for, in the order in which it is checked.
 *
 * A check id is public: results, tests, pages and the command line all name the same one. Every result
 * lists all ids of its format. What comes after the first failure is `not-checked`, because it would
 * rest on fields that nothing vouches for.
 */

export const tdxCheckIds = [
  'tdx.quote-format',
  'tdx.root',
  'tdx.root-crl',
  'tdx.pck-crl',
  'tdx.tcb-info',
  'tdx.qe-identity',
  'tdx.pck-chain',
  'tdx.qe-report',
  'tdx.qe-report-data',
  'tdx.qe-match',
  'tdx.quote-signature',
  'tdx.fmspc',
  'tdx.module',
  'tdx.tcb-level',
  'tdx.td-attributes',
  'tdx.trusted-root',
  'tdx.tcb-status',
  'tdx.measurement',
  'tdx.report-data',
] as const

export const gpuCheckIds = [
  'gpu.format',
  'gpu.chain',
  'gpu.fwid',
  'gpu.signature',
  'gpu.nonce',
  'gpu.trusted-root',
  'gpu.rim',
] as const

export const checkIds = [...tdxCheckIds, ...gpuCheckIds] as const

export type TdxCheckId = (typeof tdxCheckIds)[number]
export type GpuCheckId = (typeof gpuCheckIds)[number]
export type CheckId = (typeof checkIds)[number]

export interface Check {
  readonly id: CheckId
  readonly verdict: 'pass' | 'fail' | 'not-checked'
  /** The clause of the specification that asks for this check. */
  readonly clause: string
  /** What was compared with what, or why nothing was, for people. */
  readonly compared: string
}

/** Claims exist only where every check that ran has passed. */
export type EvidenceResult<Claims> =
  | { readonly verdict: 'accepted'; readonly claims: Claims; readonly checks: readonly Check[] }
  | { readonly verdict: 'refused'; readonly checks: readonly Check[] }

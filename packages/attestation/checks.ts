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
  'gpu.signature',
  'gpu.nonce',
  'gpu.fwid',
  'gpu.trusted-root',
  'gpu.revocation',
  'gpu.rim-files',
  'gpu.rim-chain',
  'gpu.rim-signature',
  'gpu.rim-root',
  'gpu.rim-version',
  'gpu.rim',
] as const

export const checkIds = [...tdxCheckIds, ...gpuCheckIds] as const

export type TdxCheckId = (typeof tdxCheckIds)[number]
export type GpuCheckId = (typeof gpuCheckIds)[number]
export type CheckId = (typeof checkIds)[number]

const dcap = 'Intel TDX DCAP Quoting Library API'
const pcs = 'Intel PCS API v4'
const pck = 'Intel SGX PCK Certificate and CRL Profile'
const spdm = 'DMTF DSP0274 1.1'
const rim = 'TCG RIM Information Model; NVIDIA reference integrity manifests'

/** Which clause of which document asks for a check; the pages in spec/evidence say the same. */
export const clauses: { readonly [id in CheckId]: string } = {
  'tdx.quote-format': `${dcap}, TD quote format, version 4`,
  'tdx.root': `${pck}, root CA`,
  'tdx.root-crl': `${pck}, CRLs; RFC 5280 section 6.3`,
  'tdx.pck-crl': `${pck}, CRLs; RFC 5280 section 6.3`,
  'tdx.tcb-info': `${pcs}, TCB info: signature and validity`,
  'tdx.qe-identity': `${pcs}, enclave identity: signature and validity`,
  'tdx.pck-chain': `${pck}, certificates; RFC 5280 section 6.1`,
  'tdx.qe-report': `${dcap}, QE report certification data: signature`,
  'tdx.qe-report-data': `${dcap}, QE report certification data: report data`,
  'tdx.qe-match': `${pcs}, enclave identity: verification`,
  'tdx.quote-signature': `${dcap}, quote signature data`,
  'tdx.fmspc': `${pcs}, TCB info: fmspc and pceId`,
  'tdx.module': `${pcs}, TCB info: tdxModule and tdxModuleIdentities`,
  'tdx.tcb-level': `${pcs}, TCB info: TCB level selection`,
  'tdx.td-attributes': 'Intel TDX Module ABI, ATTRIBUTES of a TD',
  'tdx.trusted-root': 'Fairweight spec/evidence/tdx, roots named by policy',
  'tdx.tcb-status': 'Fairweight spec/evidence/tdx, statuses named by policy',
  'tdx.measurement': 'Fairweight spec/evidence/tdx, measurements named by policy',
  'tdx.report-data': 'Fairweight spec/evidence/tdx, report data asked for',
  'gpu.format': `${spdm}, GET_MEASUREMENTS and MEASUREMENTS; NVIDIA attestation report`,
  'gpu.chain': 'RFC 5280 section 6.1; NVIDIA device certificate chain',
  'gpu.fwid': 'TCG DICE, firmware identifier (FWID); NVIDIA device certificate',
  'gpu.signature': `${spdm}, MEASUREMENTS: signature`,
  'gpu.nonce': `${spdm}, GET_MEASUREMENTS: nonce`,
  'gpu.trusted-root': 'Fairweight spec/evidence/nvidia-gpu, roots named by policy',
  'gpu.revocation': 'RFC 5280 section 6.3; NVIDIA device certificate revocation',
  'gpu.rim-files': `ISO/IEC 19770-2; ${rim}: form`,
  'gpu.rim-chain': 'RFC 5280 section 6.1; NVIDIA reference value certificate chain',
  'gpu.rim-signature': 'W3C XML Signature, enveloped; Canonical XML 1.1',
  'gpu.rim-root': 'Fairweight spec/evidence/nvidia-rim, roots named by policy',
  'gpu.rim-version': `${rim}: colloquialVersion`,
  'gpu.rim': `${rim}: measurements`,
}

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

/** What goes into the verification of a TDX quote and what comes out. */
import type { Bytes } from '#bytes'
import type { TcbStatus, TdxPolicy } from '../policy.ts'

/**
 * Intel's endorsements for one platform, in the spelling in which DCAP tools pass them around.
 *
 * `tcb_info` and `qe_identity` are the exact texts that were signed: a parsed and re-serialised copy no
 * longer verifies. Nothing here is trusted: every member is signed under the root.
 */
export interface TdxCollateral {
  readonly pck_crl_issuer_chain: string
  /** DER bytes, PEM text or hexadecimal text. */
  readonly root_ca_crl: string | Bytes
  readonly pck_crl: string | Bytes
  readonly tcb_info_issuer_chain: string
  readonly tcb_info: string
  readonly tcb_info_signature: string
  readonly qe_identity_issuer_chain: string
  readonly qe_identity: string
  readonly qe_identity_signature: string
}

export interface VerifyTdxInput {
  readonly quote: Bytes
  readonly collateral: TdxCollateral
  /** Roots as DER certificates. They are pinned by whole certificate. */
  readonly roots: { readonly intel: readonly Bytes[] }
  readonly at: Date
  /** `authentic-only` asks whether the quote is genuine and leaves the rest to the caller. */
  readonly policy: TdxPolicy | 'authentic-only'
  /** 64 bytes that the quote must carry. Without them `tdx.report-data` stays `not-checked`. */
  readonly reportData?: Bytes
}

/** Byte strings are lower-case hexadecimal; times are `2026-01-31T00:00:00Z`. */
export interface TdxClaims {
  readonly kind: 'tdx'
  readonly simulated: boolean
  /** SHA-256 of the root certificate. */
  readonly rootFingerprint: string
  readonly tcbStatus: TcbStatus
  readonly tcbDate: string
  readonly tcbEvaluationDataNumber: number
  readonly advisories: readonly string[]
  readonly fmspc: string
  readonly pceId: string
  readonly ppid: string
  readonly teeTcbSvn: string
  readonly mrSeam: string
  readonly tdAttributes: string
  readonly xfam: string
  readonly mrTd: string
  readonly mrConfigId: string
  readonly mrOwner: string
  readonly mrOwnerConfig: string
  readonly rtmr: readonly [string, string, string, string]
  readonly reportData: string
  /** The earliest end among the collateral's documents: after it new collateral is needed. */
  readonly collateralExpiresAt: string
}

/**
 * What a relying party accepts from evidence that is authentic. What is not named is refused.
 *
 * The policy is plain JSON, so that it can stand inside a signed pool policy.
 */

export const tcbStatuses = [
  'UpToDate',
  'SWHardeningNeeded',
  'ConfigurationNeeded',
  'ConfigurationAndSWHardeningNeeded',
  'OutOfDate',
  'OutOfDateConfigurationNeeded',
  'Revoked',
] as const
/** Intel's words for the state of a platform. `Revoked` is refused whatever a policy names. */
export type TcbStatus = (typeof tcbStatuses)[number]

/** The registers that say which program runs: 48 bytes each, as lower-case hexadecimal. */
export interface TdxMeasurement {
  readonly mrTd: string
  readonly rtmr: readonly [string, string, string, string]
}

/** A measurement and the time in which it was allowed, as `2026-01-31T00:00:00Z`. */
export interface AllowedMeasurement extends TdxMeasurement {
  readonly from: string
  /** The first moment at which it is no longer allowed; null while no end is set. */
  readonly until: string | null
}

export interface TrustedRoot {
  /** SHA-256 of the certificate's DER, as lower-case hexadecimal. */
  readonly fingerprint: string
  /** Must be true for every root that is not a vendor's, and false for a vendor's. */
  readonly simulated: boolean
}

/** Attributes of a trust domain that are refused unless a policy names them. Debug cannot be named. */
export type TdAttributeAllowance = 'sept-ve-enabled' | 'pks' | 'key-locker' | 'perfmon'

export interface GpuPolicy {
  readonly roots: readonly TrustedRoot[]
  /** Roots that NVIDIA's reference values may end in; `not-checked` where the policy does without such values. */
  readonly rim: readonly TrustedRoot[] | 'not-checked'
}

export interface TdxPolicy {
  readonly roots: readonly TrustedRoot[]
  readonly tcbStatuses: readonly TcbStatus[]
  readonly measurements: readonly AllowedMeasurement[]
  readonly tdAttributes?: readonly TdAttributeAllowance[]
}

/**
 * Is an authentic quote acceptable? What the policy does not name is refused.
 *
 * Two rules hold without a policy: a trust domain in debug mode lets its host read its memory, and
 * attributes that are not defined cannot be judged.
 */
import { encodeHex, equalBytes, type Bytes } from '#bytes'
import { demand, type Checklist } from '../checklist.ts'
import type { TdxCheckId } from '../checks.ts'
import type { TdAttributeAllowance, TdxMeasurement, TdxPolicy } from '../policy.ts'
import { isWithin, readIsoTime } from '../time.ts'
import { demandTrustedRoot } from '../vendor-roots.ts'
import type { TdxClaims, VerifyTdxInput } from './types.ts'

export async function appraiseClaims(
  checks: Checklist<TdxCheckId>,
  claims: TdxClaims,
  attributes: Bytes,
  { policy, reportData, at }: VerifyTdxInput,
): Promise<void> {
  await checks.pass('tdx.td-attributes', `TD attributes ${claims.tdAttributes}`, () => {
    demandSafeAttributes(attributes)
    if (policy !== 'authentic-only') demandAllowedAttributes(attributes, policy.tdAttributes ?? [])
  })
  if (policy !== 'authentic-only') await appraiseByPolicy(checks, claims, policy, at)
  if (reportData === undefined) {
    checks.skip('tdx.report-data', 'no report data was asked for')
    return
  }
  await checks.pass('tdx.report-data', 'report data with what was asked for', () => {
    const expected = encodeHex(reportData)
    demand(claims.reportData === expected, `report data ${claims.reportData} is not ${expected}`)
  })
}

async function appraiseByPolicy(
  checks: Checklist<TdxCheckId>,
  claims: TdxClaims,
  policy: TdxPolicy,
  at: Date,
): Promise<void> {
  await checks.pass('tdx.trusted-root', `root ${claims.rootFingerprint} with the policy’s roots`, () =>
    demandTrustedRoot(claims, policy.roots),
  )
  await checks.pass('tdx.tcb-status', `status ${claims.tcbStatus} with the policy’s statuses`, () =>
    demand(policy.tcbStatuses.includes(claims.tcbStatus), `the policy does not name ${claims.tcbStatus}`),
  )
  await checks.pass('tdx.measurement', 'MRTD and RTMR 0 to 3 with the policy’s measurements', () => {
    const named = policy.measurements.filter((measurement) => sameMeasurement(measurement, claims))
    demand(named.length > 0, `the policy does not name MRTD ${claims.mrTd} with these RTMRs`)
    const current = named.some(({ from, until }) => isAllowedAt(at, from, until))
    demand(current, 'the policy names the measurement for another time')
  })
}

const sameMeasurement = (left: TdxMeasurement, right: TdxMeasurement) =>
  left.mrTd === right.mrTd && left.rtmr.every((register, place) => register === right.rtmr[place])

function isAllowedAt(at: Date, from: string, until: string | null): boolean {
  // The end itself is outside.
  const last = until === null ? Number.POSITIVE_INFINITY : readIsoTime(until) - 1
  return isWithin(at, readIsoTime(from), last)
}

/** Intel TDX Module ABI, ATTRIBUTES: bits 0 to 7 turn protection off, and these are all that exist. */
const definedAttributes = { septVeDisable: 28, pks: 30, keyLocker: 31, perfmon: 63 } as const

const isSet = (attributes: Bytes, bit: number) => (((attributes[bit >> 3] ?? 0) >> (bit & 7)) & 1) === 1

function demandSafeAttributes(attributes: Bytes): void {
  demand(attributes[0] === 0, 'the trust domain can be debugged')
  const known = new Uint8Array(8)
  for (const bit of Object.values(definedAttributes))
    known[bit >> 3] = (known[bit >> 3] ?? 0) | (1 << (bit & 7))
  const defined = attributes.map((byte, place) => byte & (known[place] ?? 0))
  demand(equalBytes(attributes, defined), 'the trust domain has attributes that are not defined')
}

function demandAllowedAttributes(attributes: Bytes, allowed: readonly TdAttributeAllowance[]): void {
  const { septVeDisable, pks, keyLocker, perfmon } = definedAttributes
  const found: { readonly [allowance in TdAttributeAllowance]: boolean } = {
    // Without the bit, a host that takes a page away raises an exception that the guest may mishandle.
    'sept-ve-enabled': !isSet(attributes, septVeDisable),
    pks: isSet(attributes, pks),
    'key-locker': isSet(attributes, keyLocker),
    perfmon: isSet(attributes, perfmon),
  }
  for (const [allowance, present] of Object.entries(found)) {
    demand(!present || allowed.some((name) => name === allowance), `the policy does not allow ${allowance}`)
  }
}

/**
 * Intel's rules for the state of a platform (Intel PCS API v4, TCB info and enclave identity).
 *
 * Three parts are judged, each by the first level whose floors it reaches: the platform, the TDX module
 * and the quoting enclave. The platform's status then takes on the weakness of the other two. A part that
 * reaches no level has no status, and a platform without a status is refused.
 */
import { demand } from '../checklist.ts'
import type { TcbStatus } from '../policy.ts'
import type { PlatformLevel, QeIdentity, SvnLevel, TcbInfo } from './collateral.ts'
import type { QeReport, TdBody } from './parse.ts'
import type { PckPlatform } from './pck.ts'

export interface PlatformJudgement {
  readonly status: TcbStatus
  readonly tcbDate: string
  readonly advisories: readonly string[]
}

/** The level of the quoting enclave, or a refusal: another enclave, or one older than every level. */
export function matchQe(report: QeReport, identity: QeIdentity): SvnLevel {
  demand(
    masked(report.miscSelect, identity.miscSelectMask, identity.miscSelect),
    'MISCSELECT of the QE differs',
  )
  demand(
    masked(report.attributes, identity.attributesMask, identity.attributes),
    'attributes of the QE differ',
  )
  demand(report.mrSigner === identity.mrSigner, `QE signer ${report.mrSigner} is not ${identity.mrSigner}`)
  demand(
    report.isvProdId === identity.isvProdId,
    `QE product ${report.isvProdId} is not ${identity.isvProdId}`,
  )
  return reachedLevel(identity.levels, report.isvSvn, 'quoting enclave')
}

/**
 * The level of the TDX module. Byte 1 of the TEE TCB SVN is the module's generation: from 1 on each has
 * its own identity and levels; generation 0 has one identity and is judged as part of the platform.
 */
export function matchModule(body: TdBody, tcbInfo: TcbInfo): SvnLevel | null {
  const [svn = 0, generation = 0] = body.teeTcbSvn
  const id = `TDX_${generation.toString(16).padStart(2, '0').toUpperCase()}`
  const numbered = tcbInfo.moduleIdentities.find((identity) => identity.id === id)
  const identity = generation === 0 ? tcbInfo.module : numbered
  demand(identity !== undefined, `the TCB info knows no module ${id}`)
  demand(
    body.mrSignerSeam === identity.mrSigner,
    `module signer ${body.mrSignerSeam} is not ${identity.mrSigner}`,
  )
  const attributesFit = masked(body.seamAttributes, identity.attributesMask, identity.attributes)
  demand(attributesFit && body.seamAttributes.every((byte) => byte === 0), 'attributes of the module differ')
  return generation === 0 || numbered === undefined ? null : reachedLevel(numbered.levels, svn, 'TDX module')
}

export function judgePlatform(
  body: TdBody,
  platform: PckPlatform,
  tcbInfo: TcbInfo,
  moduleLevel: SvnLevel | null,
  qeLevel: SvnLevel,
): PlatformJudgement {
  const level = tcbInfo.levels.find((candidate) => reaches(body, platform, candidate))
  demand(level !== undefined, 'the platform is below every TCB level')
  const parts = moduleLevel === null ? [qeLevel] : [moduleLevel, qeLevel]
  const status = parts.reduce((sofar, part) => converge(sofar, part), level.status)
  demand(status !== 'Revoked', 'the TCB level of the platform has been revoked')
  const advisories = new Set([level, ...parts].flatMap((part) => part.advisories))
  return { status, tcbDate: level.tcbDate, advisories: [...advisories].sort() }
}

function reaches(body: TdBody, platform: PckPlatform, level: PlatformLevel): boolean {
  // Components 0 and 1 are the module's version, which its own identity judges from generation 1 on.
  const firstTdx = (body.teeTcbSvn[1] ?? 0) > 0 ? 2 : 0
  return (
    level.sgxComponents.every((floor, place) => (platform.components[place] ?? -1) >= floor) &&
    platform.pceSvn >= level.pceSvn &&
    level.tdxComponents.every((floor, place) => place < firstTdx || (body.teeTcbSvn[place] ?? -1) >= floor)
  )
}

function reachedLevel(levels: readonly SvnLevel[], svn: number, what: string): SvnLevel {
  const level = levels.find((candidate) => svn >= candidate.isvSvn)
  demand(level !== undefined, `the ${what} with version ${svn} is below every level`)
  return level
}

/** What a status becomes when the module or the quoting enclave is out of date. */
const whenPartIsOutOfDate: { readonly [status in TcbStatus]: TcbStatus } = {
  UpToDate: 'OutOfDate',
  SWHardeningNeeded: 'OutOfDate',
  ConfigurationNeeded: 'OutOfDateConfigurationNeeded',
  ConfigurationAndSWHardeningNeeded: 'OutOfDateConfigurationNeeded',
  OutOfDate: 'OutOfDate',
  OutOfDateConfigurationNeeded: 'OutOfDateConfigurationNeeded',
  Revoked: 'Revoked',
}

function converge(platform: TcbStatus, part: SvnLevel): TcbStatus {
  if (part.status === 'UpToDate') return platform
  // Intel gives parts no status beside these and `Revoked`; one that we cannot weigh must not pass.
  return part.status === 'OutOfDate' ? whenPartIsOutOfDate[platform] : 'Revoked'
}

function masked(value: Uint8Array, mask: Uint8Array, expected: Uint8Array): boolean {
  return value.every((byte, place) => (byte & (mask[place] ?? 0)) === expected[place])
}

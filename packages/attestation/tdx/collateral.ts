/**
 * Intel's endorsements: TCB info (version 3) and QE identity (version 2) as fields
 * (Intel PCS API v4, "Get TDX TCB Info" and "Get TDX QE Identity").
 */
import { decodeHex, encodeHex, type Bytes } from '#bytes'
import { readCrl, type Crl } from '../der/crl.ts'
import { readPem } from '../der/pem.ts'
import { AttestationError } from '../errors.ts'
import { JsonObject } from '../json.ts'
import { tcbStatuses, type TcbStatus } from '../policy.ts'
import { readIsoTime } from '../time.ts'

interface Judgement {
  readonly tcbDate: string
  readonly status: TcbStatus
  readonly advisories: readonly string[]
}

/** A level of the platform: every component is a floor. */
export interface PlatformLevel extends Judgement {
  readonly sgxComponents: readonly number[]
  readonly tdxComponents: readonly number[]
  readonly pceSvn: number
}

/** A level of one enclave or module, by its security version. */
export interface SvnLevel extends Judgement {
  readonly isvSvn: number
}

export interface ModuleIdentity {
  readonly mrSigner: string
  readonly attributes: Bytes
  readonly attributesMask: Bytes
}

export interface NumberedModuleIdentity extends ModuleIdentity {
  readonly id: string
  readonly levels: readonly SvnLevel[]
}

interface Validity {
  readonly issuedAt: number
  readonly nextUpdate: number
  readonly evaluationDataNumber: number
}

export interface TcbInfo extends Validity {
  readonly fmspc: string
  readonly pceId: string
  readonly module: ModuleIdentity
  readonly moduleIdentities: readonly NumberedModuleIdentity[]
  readonly levels: readonly PlatformLevel[]
}

export interface QeIdentity extends Validity {
  readonly miscSelect: Bytes
  readonly miscSelectMask: Bytes
  readonly attributes: Bytes
  readonly attributesMask: Bytes
  readonly mrSigner: string
  readonly isvProdId: number
  readonly levels: readonly SvnLevel[]
}

const maxNumber = 0xffff_ffff

export function parseTcbInfo(text: string): TcbInfo {
  const info = JsonObject.parse(text, 'TCB info')
  expect(info.text('id') === 'TDX', 'the TCB info is not of TDX')
  expect(info.integer('version', maxNumber) === 3, 'the TCB info is not version 3')
  expect(info.integer('tcbType', maxNumber) === 0, 'the TCB type is not 0')
  return {
    ...parseValidity(info),
    fmspc: encodeHex(info.bytes('fmspc', 6)),
    pceId: encodeHex(info.bytes('pceId', 2)),
    module: parseModule(info.object('tdxModule')),
    moduleIdentities: info.has('tdxModuleIdentities')
      ? info.objects('tdxModuleIdentities').map((identity) => ({
          id: identity.text('id'),
          ...parseModule(identity),
          levels: identity.objects('tcbLevels').map(parseSvnLevel),
        }))
      : [],
    levels: info.objects('tcbLevels').map(parsePlatformLevel),
  }
}

export function parseQeIdentity(text: string): QeIdentity {
  const identity = JsonObject.parse(text, 'QE identity')
  expect(identity.text('id') === 'TD_QE', 'the identity is not of the TD quoting enclave')
  expect(identity.integer('version', maxNumber) === 2, 'the QE identity is not version 2')
  return {
    ...parseValidity(identity),
    miscSelect: identity.bytes('miscselect', 4),
    miscSelectMask: identity.bytes('miscselectMask', 4),
    attributes: identity.bytes('attributes', 16),
    attributesMask: identity.bytes('attributesMask', 16),
    mrSigner: encodeHex(identity.bytes('mrsigner', 32)),
    isvProdId: identity.integer('isvprodid', 0xffff),
    levels: identity.objects('tcbLevels').map(parseSvnLevel),
  }
}

/** A CRL as DER bytes, as PEM text or as hexadecimal text. */
export function parseCrl(crl: string | Bytes): Crl {
  // Collateral arrives as JSON from untrusted places: its types are only promised.
  if (crl instanceof Uint8Array) return readCrl(crl)
  expect(typeof crl === 'string', 'a CRL is neither bytes nor text')
  if (!crl.startsWith('-----')) return readCrl(decodeHex(crl.toLowerCase()))
  const [der, ...others] = readPem(crl, 'X509 CRL')
  expect(der !== undefined && others.length === 0, 'the text is not one CRL')
  return readCrl(der)
}

function parseValidity(document: JsonObject): Validity {
  return {
    issuedAt: readIsoTime(document.text('issueDate')),
    nextUpdate: readIsoTime(document.text('nextUpdate')),
    evaluationDataNumber: document.integer('tcbEvaluationDataNumber', maxNumber),
  }
}

function parseModule(module: JsonObject): ModuleIdentity {
  return {
    mrSigner: encodeHex(module.bytes('mrsigner', 48)),
    attributes: module.bytes('attributes', 8),
    attributesMask: module.bytes('attributesMask', 8),
  }
}

function parsePlatformLevel(level: JsonObject): PlatformLevel {
  const tcb = level.object('tcb')
  return {
    sgxComponents: parseComponents(tcb, 'sgxtcbcomponents'),
    tdxComponents: parseComponents(tcb, 'tdxtcbcomponents'),
    pceSvn: tcb.integer('pcesvn', 0xffff),
    ...parseJudgement(level),
  }
}

function parseComponents(tcb: JsonObject, key: string): readonly number[] {
  const components = tcb.objects(key).map((component) => component.integer('svn', 0xff))
  expect(components.length === 16, `${key} has ${components.length} components, not 16`)
  return components
}

function parseSvnLevel(level: JsonObject): SvnLevel {
  return { isvSvn: level.object('tcb').integer('isvsvn', 0xffff), ...parseJudgement(level) }
}

function parseJudgement(level: JsonObject): Judgement {
  const text = level.text('tcbStatus')
  const status = tcbStatuses.find((known) => known === text)
  expect(status !== undefined, `${text} is no TCB status`)
  const tcbDate = level.text('tcbDate')
  readIsoTime(tcbDate)
  return { status, tcbDate, advisories: level.has('advisoryIDs') ? level.texts('advisoryIDs') : [] }
}

function expect(condition: boolean, message: string): asserts condition {
  if (!condition) throw new AttestationError('collateral-invalid', message)
}

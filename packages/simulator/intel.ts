/**
 * A platform vendor like Intel: root, platform authority, PCK and TCB signing certificates, revocation
 * lists, TCB info and QE identity, in Intel's formats and under test keys.
 *
 * Names that verifiers test exactly are Intel's; every certificate names the organisation SIMULATED.
 */
import type { TcbStatus, TdxCollateral } from '#attestation'
import { decodeHex, encodeHex, encodeUtf8, type Bytes } from '#bytes'
import {
  buildCrl,
  buildPki,
  derExtension,
  pemOf,
  type CertificateFaults,
  type CertificatePlan,
  type CrlPlan,
  type Pki,
} from './certificates.ts'
import { derInteger, derOctets, derOid, derSequence } from './der.ts'
import { deriveKey, signFlat } from './keys.ts'
import { platform, type Platform } from './platform.ts'

/** `stranger` is a root of the same name with another key. */
export type IntelName = 'root' | 'authority' | 'pck' | 'tcb-signer' | 'stranger'

export interface SvnLevelDocument {
  readonly tcb: { readonly isvsvn: number }
  readonly tcbDate: string
  readonly tcbStatus: TcbStatus
  readonly advisoryIDs?: readonly string[]
}

export interface ModuleDocument {
  readonly mrsigner: string
  readonly attributes: string
  readonly attributesMask: string
}

export interface TcbLevelDocument {
  readonly tcb: {
    readonly sgxtcbcomponents: readonly { readonly svn: number }[]
    readonly pcesvn: number
    readonly tdxtcbcomponents: readonly { readonly svn: number }[]
  }
  readonly tcbDate: string
  readonly tcbStatus: TcbStatus
  readonly advisoryIDs?: readonly string[]
}

export interface TcbInfoDocument {
  readonly id: string
  readonly version: number
  readonly issueDate: string
  readonly nextUpdate: string
  readonly fmspc: string
  readonly pceId: string
  readonly tcbType: number
  readonly tcbEvaluationDataNumber: number
  readonly tdxModule: ModuleDocument
  readonly tdxModuleIdentities: readonly (ModuleDocument & {
    readonly id: string
    readonly tcbLevels: readonly SvnLevelDocument[]
  })[]
  readonly tcbLevels: readonly TcbLevelDocument[]
}

export interface QeIdentityDocument {
  readonly id: string
  readonly version: number
  readonly issueDate: string
  readonly nextUpdate: string
  readonly tcbEvaluationDataNumber: number
  readonly miscselect: string
  readonly miscselectMask: string
  readonly attributes: string
  readonly attributesMask: string
  readonly mrsigner: string
  readonly isvprodid: number
  readonly tcbLevels: readonly SvnLevelDocument[]
}

interface DocumentFault<Document> {
  readonly edit?: (document: Document) => Document
  readonly signedBy?: IntelName
  /** The certificates of its issuer chain, leaf first. */
  readonly chain?: readonly IntelName[]
}

interface CrlFault extends Partial<Pick<CrlPlan, 'thisUpdate' | 'nextUpdate' | 'extensions'>> {
  /** Whose name stands as issuer. */
  readonly issuer?: IntelName
  readonly signedBy?: IntelName
  readonly authorityKey?: IntelName
  /** Certificates of this vendor, or serial numbers. */
  readonly revoked?: readonly (IntelName | Bytes)[]
}

/** What is to be wrong, though correctly signed unless it says otherwise. */
export interface IntelFaults {
  readonly certificates?: CertificateFaults<IntelName>
  readonly rootCrl?: CrlFault
  readonly pckCrl?: CrlFault
  readonly pckCrlChain?: readonly IntelName[]
  readonly tcbInfo?: DocumentFault<TcbInfoDocument>
  readonly qeIdentity?: DocumentFault<QeIdentityDocument>
}

export async function buildIntelPki(
  seed: Bytes,
  faults: CertificateFaults<IntelName> = {},
): Promise<Pki<IntelName>> {
  const key = (name: IntelName) => deriveKey(seed, `fairweight/simulator/intel/${name}/v1`, 'P-256')
  const keys = {
    root: key('root'),
    authority: key('authority'),
    pck: key('pck'),
    'tcb-signer': key('tcb-signer'),
    stranger: key('stranger'),
  }
  return buildPki(keys, plans, faults)
}

const validity = { notBefore: new Date('2020-01-01T00:00:00Z'), notAfter: new Date('2049-12-31T23:59:59Z') }
const authority = { ...validity, ca: true, usage: ['certificates', 'crls'], extensions: [] } as const
const signer = { ...validity, ca: false, usage: ['signatures'], extensions: [] } as const

const plans: { readonly [name in IntelName]: CertificatePlan<IntelName> } = {
  root: {
    ...authority,
    commonName: 'Intel SGX Root CA (SIMULATED by Fairweight)',
    issuer: 'root',
    pathLength: 1,
  },
  authority: { ...authority, commonName: 'Intel SGX PCK Platform CA', issuer: 'root', pathLength: 0 },
  pck: {
    ...signer,
    commonName: 'Intel SGX PCK Certificate',
    issuer: 'authority',
    extensions: [sgxExtension(platform)],
  },
  'tcb-signer': { ...signer, commonName: 'Intel SGX TCB Signing', issuer: 'root' },
  stranger: {
    ...authority,
    commonName: 'Intel SGX Root CA (SIMULATED by Fairweight)',
    issuer: 'stranger',
    pathLength: 1,
  },
}

/** Extension 1.2.840.113741.1.13.1 (Intel SGX PCK Certificate and CRL Profile, SGX extensions). */
export function sgxExtension({ ppid, fmspc, pceId, components, pceSvn }: Platform): Bytes {
  const sgx = '1.2.840.113741.1.13.1'
  const member = (oid: string, value: Bytes) => derSequence(derOid(`${sgx}.${oid}`), value)
  const versions = components.map((svn, place) => member(`2.${place + 1}`, derInteger(svn)))
  return derExtension(
    sgx,
    derSequence(
      member('1', derOctets(decodeHex(ppid))),
      member(
        '2',
        derSequence(
          ...versions,
          member('2.17', derInteger(pceSvn)),
          member('2.18', derOctets(Uint8Array.from(components))),
        ),
      ),
      member('3', derOctets(decodeHex(pceId))),
      member('4', derOctets(decodeHex(fmspc))),
    ),
  )
}

const dayMs = 86_400_000

/** Everything that a verifier needs beside the quote, issued a day before `at` and good for a month. */
export async function buildCollateral(
  pki: Pki<IntelName>,
  at: Date,
  faults: IntelFaults,
): Promise<TdxCollateral> {
  const issuedAt = new Date(Math.floor(at.getTime() / 1000) * 1000 - dayMs)
  const nextUpdate = new Date(issuedAt.getTime() + 30 * dayMs)
  const pem = (names: readonly IntelName[]) => pemOf(names.map((name) => pki.certificates[name]))
  const crl = async (issuer: IntelName, fault: CrlFault = {}) => {
    const { issuer: name = issuer, signedBy = issuer, authorityKey = issuer, revoked = [], ...rest } = fault
    const plan: CrlPlan = {
      issuer: pki.subjectOf(name),
      signer: pki.keys[signedBy],
      authority: pki.keys[authorityKey],
      thisUpdate: issuedAt,
      nextUpdate,
      revoked: revoked.map((serial) => (typeof serial === 'string' ? pki.serialOf(serial) : serial)),
      extensions: [],
      ...rest,
    }
    return encodeHex(await buildCrl(plan))
  }
  const document = async <Document>(written: Document, fault: DocumentFault<Document> = {}) => {
    const text = JSON.stringify(fault.edit === undefined ? written : fault.edit(written))
    const key = pki.keys[fault.signedBy ?? 'tcb-signer']
    const signature = encodeHex(await signFlat(key, encodeUtf8(text)))
    return { text, signature, chain: pem(fault.chain ?? ['tcb-signer', 'root']) }
  }
  const tcbInfo = await document(tcbInfoOf(issuedAt, nextUpdate), faults.tcbInfo)
  const qeIdentity = await document(qeIdentityOf(issuedAt, nextUpdate), faults.qeIdentity)
  return {
    pck_crl_issuer_chain: pem(faults.pckCrlChain ?? ['authority', 'root']),
    root_ca_crl: await crl('root', faults.rootCrl),
    pck_crl: await crl('authority', faults.pckCrl),
    tcb_info_issuer_chain: tcbInfo.chain,
    tcb_info: tcbInfo.text,
    tcb_info_signature: tcbInfo.signature,
    qe_identity_issuer_chain: qeIdentity.chain,
    qe_identity: qeIdentity.text,
    qe_identity_signature: qeIdentity.signature,
  }
}

const isoTime = (time: Date) => `${time.toISOString().slice(0, 19)}Z`
const tcbDate = '2026-01-01T00:00:00Z'
const upToDate = { tcbDate, tcbStatus: 'UpToDate' } as const
const outOfDate = { tcbDate, tcbStatus: 'OutOfDate', advisoryIDs: ['SIMULATED-SA-00001'] } as const

function tcbInfoOf(issuedAt: Date, nextUpdate: Date): TcbInfoDocument {
  const svns = (values: readonly number[]) => values.map((svn) => ({ svn }))
  const module = {
    mrsigner: '00'.repeat(48),
    attributes: '00'.repeat(8),
    attributesMask: 'FF'.repeat(8),
  }
  const components = {
    sgxtcbcomponents: svns(platform.components),
    tdxtcbcomponents: svns(platform.teeTcbSvn),
  }
  return {
    id: 'TDX',
    version: 3,
    issueDate: isoTime(issuedAt),
    nextUpdate: isoTime(nextUpdate),
    fmspc: platform.fmspc.toUpperCase(),
    pceId: platform.pceId,
    tcbType: 0,
    tcbEvaluationDataNumber: 1,
    tdxModule: module,
    tdxModuleIdentities: [
      {
        id: 'TDX_01',
        ...module,
        tcbLevels: [
          { tcb: { isvsvn: platform.teeTcbSvn[0] }, ...upToDate },
          { tcb: { isvsvn: platform.teeTcbSvn[0] - 1 }, ...outOfDate },
        ],
      },
    ],
    tcbLevels: [
      { tcb: { ...components, pcesvn: platform.pceSvn }, ...upToDate },
      { tcb: { ...components, pcesvn: platform.pceSvn - 1 }, ...outOfDate },
    ],
  }
}

function qeIdentityOf(issuedAt: Date, nextUpdate: Date): QeIdentityDocument {
  const { qe } = platform
  return {
    id: 'TD_QE',
    version: 2,
    issueDate: isoTime(issuedAt),
    nextUpdate: isoTime(nextUpdate),
    tcbEvaluationDataNumber: 1,
    miscselect: '00000000',
    miscselectMask: 'FFFFFFFF',
    attributes: qe.attributes,
    attributesMask: 'FBFFFFFFFFFFFFFF0000000000000000',
    mrsigner: qe.mrSigner.toUpperCase(),
    isvprodid: qe.isvProdId,
    tcbLevels: [
      { tcb: { isvsvn: qe.isvSvn }, ...upToDate },
      { tcb: { isvsvn: qe.isvSvn - 1 }, ...outOfDate },
    ],
  }
}

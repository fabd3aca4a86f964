import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  verifyTdx,
  type TcbStatus,
  type TdxCheckId,
  type TdxCollateral,
  type TdxPolicy,
  type VerifyTdxInput,
} from '#attestation'
import { concatBytes, decodeHex, encodeBase64, sha256Hex, type Bytes } from '#bytes'
import { createSimulator, measureTree, type IntelFaults, type QuoteFaults } from '#simulator'
import { derExtension } from './certificates.ts'
import { derInteger } from './der.ts'
import { buildCollateral, buildIntelPki, sgxExtension, type TcbInfoDocument } from './intel.ts'
import { platform } from './platform.ts'
import { buildQuote } from './quote.ts'

const seed = new Uint8Array(32).fill(7)
const at = new Date('2026-11-20T12:00:00Z')
const early = new Date('2026-11-20T11:59:59Z')
const late = new Date('2026-11-20T12:00:01Z')
const reportData = new Uint8Array(64).fill(9)
const measurement = await measureTree([{ path: 'packages/index.ts', sha256: 'ab'.repeat(32) }])

interface Case {
  readonly about: string
  /** The check that must fail first; `accepted` where none may. */
  readonly answer: TdxCheckId | 'accepted'
  readonly status?: TcbStatus
  readonly intel?: IntelFaults
  readonly quote?: QuoteFaults
  readonly policy?: Partial<TdxPolicy>
  readonly input?: Partial<VerifyTdxInput>
}

// The parts of createSimulator, so that a case makes only the certificates that it changes.
const soundPki = await buildIntelPki(seed)
const root = soundPki.certificates.root

async function inputOf({ intel = {}, quote, policy, input }: Case): Promise<VerifyTdxInput> {
  const { certificates } = intel
  const pki = certificates === undefined ? soundPki : await buildIntelPki(seed, certificates)
  return {
    quote: await buildQuote(seed, pki, { ...measurement, reportData, ...(quote && { faults: quote }) }),
    collateral: await buildCollateral(pki, at, intel),
    roots: { intel: [pki.certificates.root] },
    at,
    policy: { ...soundPolicy, ...policy },
    reportData,
    ...input,
  }
}

const soundPolicy: TdxPolicy = {
  roots: [{ fingerprint: sha256Hex(root), simulated: true }],
  tcbStatuses: ['UpToDate'],
  measurements: [{ ...measurement, from: '2026-11-01T00:00:00Z', until: null }],
}

const critical = derExtension('2.5.29.27', derInteger(1), 'critical')

const change = (place: number, value: number) => ({
  edit: (signed: Bytes) => {
    const changed = signed.slice()
    changed[place] = value
    return changed
  },
})

const certificates: readonly Case[] = [
  {
    about: 'a PCK certificate that names another issuer',
    answer: 'tdx.pck-chain',
    intel: { certificates: { pck: { issuer: 'root', signer: 'authority', authorityKey: 'authority' } } },
  },
  {
    about: 'a PCK certificate that names another key of its issuer',
    answer: 'tdx.pck-chain',
    intel: { certificates: { pck: { authorityKey: 'root' } } },
  },
  {
    about: 'a PCK certificate of version 1',
    answer: 'tdx.quote-format',
    intel: { certificates: { pck: { version: 0 } } },
  },
  {
    about: 'an FMSPC of five bytes',
    answer: 'tdx.pck-chain',
    intel: { certificates: { pck: { extensions: [sgxExtension({ ...platform, fmspc: '0102030405' })] } } },
  },
  {
    about: 'a component version above a byte',
    answer: 'tdx.pck-chain',
    intel: {
      certificates: {
        pck: {
          extensions: [sgxExtension({ ...platform, components: [...platform.components.slice(1), 256] })],
        },
      },
    },
  },
  {
    about: 'a TCB signer under a stranger’s root',
    answer: 'tdx.tcb-info',
    intel: {
      certificates: { 'tcb-signer': { issuer: 'stranger' } },
      tcbInfo: { chain: ['tcb-signer', 'stranger'] },
    },
  },
  {
    about: 'a platform authority under a stranger’s root',
    answer: 'tdx.pck-crl',
    intel: { certificates: { authority: { issuer: 'stranger' } }, pckCrlChain: ['authority', 'stranger'] },
  },
  { about: 'a sound quote', answer: 'accepted', status: 'UpToDate' },
  { about: 'an expired root', answer: 'tdx.root', intel: { certificates: { root: { notAfter: early } } } },
  {
    about: 'a root of the future',
    answer: 'tdx.root',
    intel: { certificates: { root: { notBefore: late } } },
  },
  {
    about: 'a root that is no authority',
    answer: 'tdx.root',
    intel: { certificates: { root: { ca: false } } },
  },
  {
    about: 'a root that may not issue certificates',
    answer: 'tdx.root',
    intel: { certificates: { root: { usage: ['crls'] } } },
  },
  {
    about: 'a root that allows no authority below it',
    answer: 'tdx.pck-chain',
    intel: { certificates: { root: { pathLength: 0 } } },
  },
  {
    about: 'a root that may not issue CRLs',
    answer: 'tdx.root-crl',
    intel: { certificates: { root: { usage: ['certificates'] } } },
  },
  {
    about: 'an expired platform authority',
    answer: 'tdx.pck-crl',
    intel: { certificates: { authority: { notAfter: early } } },
  },
  {
    about: 'a platform authority signed by a stranger',
    answer: 'tdx.pck-crl',
    intel: { certificates: { authority: { signer: 'stranger' } } },
  },
  {
    about: 'a platform authority of another name',
    answer: 'tdx.pck-crl',
    intel: { certificates: { authority: { commonName: 'Intel SGX TCB Signing' } } },
  },
  {
    about: 'a platform authority that may not issue CRLs',
    answer: 'tdx.pck-crl',
    intel: { certificates: { authority: { usage: ['certificates'] } } },
  },
  {
    about: 'a platform authority that may not issue certificates',
    answer: 'tdx.pck-chain',
    intel: { certificates: { authority: { usage: ['crls'] } } },
  },
  {
    about: 'a platform authority that is none',
    answer: 'tdx.pck-chain',
    intel: { certificates: { authority: { ca: false } } },
  },
  {
    about: 'an expired PCK certificate',
    answer: 'tdx.pck-chain',
    intel: { certificates: { pck: { notAfter: early } } },
  },
  {
    about: 'a PCK certificate of the future',
    answer: 'tdx.pck-chain',
    intel: { certificates: { pck: { notBefore: late } } },
  },
  {
    about: 'a PCK certificate issued by the root itself',
    answer: 'tdx.pck-chain',
    intel: { certificates: { pck: { issuer: 'root' } } },
  },
  {
    about: 'a PCK certificate issued by the TCB signer',
    answer: 'tdx.pck-chain',
    intel: { certificates: { pck: { issuer: 'tcb-signer' } } },
    quote: { chain: ['pck', 'tcb-signer', 'root'] },
  },
  {
    about: 'a PCK certificate signed by a stranger',
    answer: 'tdx.pck-chain',
    intel: { certificates: { pck: { signer: 'stranger' } } },
  },
  {
    about: 'a TCB signing certificate in place of a PCK certificate',
    answer: 'tdx.pck-chain',
    intel: { certificates: { pck: { commonName: 'Intel SGX TCB Signing' } } },
  },
  {
    about: 'a PCK certificate that is an authority',
    answer: 'tdx.pck-chain',
    intel: { certificates: { pck: { ca: true } } },
  },
  {
    about: 'a PCK certificate that may not sign',
    answer: 'tdx.pck-chain',
    intel: { certificates: { pck: { usage: ['crls'] } } },
  },
  {
    about: 'a PCK certificate without the SGX extension',
    answer: 'tdx.pck-chain',
    intel: { certificates: { pck: { extensions: [] } } },
  },
  {
    about: 'a PCK certificate with fifteen components',
    answer: 'tdx.pck-chain',
    intel: {
      certificates: {
        pck: { extensions: [sgxExtension({ ...platform, components: platform.components.slice(1) })] },
      },
    },
  },
  {
    about: 'a PCK certificate with a critical extension that nobody knows',
    answer: 'tdx.quote-format',
    intel: { certificates: { pck: { extensions: [sgxExtension(platform), critical] } } },
  },
  {
    about: 'a certificate in which an extension stands twice',
    answer: 'tdx.quote-format',
    intel: { certificates: { pck: { extensions: [sgxExtension(platform), sgxExtension(platform)] } } },
  },
  {
    about: 'an expired TCB signer',
    answer: 'tdx.tcb-info',
    intel: { certificates: { 'tcb-signer': { notAfter: early } } },
  },
  {
    about: 'a TCB signer of another name',
    answer: 'tdx.tcb-info',
    intel: { certificates: { 'tcb-signer': { commonName: 'Intel SGX PCK Certificate' } } },
  },
  {
    about: 'a TCB signer that is an authority',
    answer: 'tdx.tcb-info',
    intel: { certificates: { 'tcb-signer': { ca: true } } },
  },
  {
    about: 'a TCB signer signed by a stranger',
    answer: 'tdx.tcb-info',
    intel: { certificates: { 'tcb-signer': { signer: 'stranger' } } },
  },
  {
    about: 'a TCB signer issued by the platform authority',
    answer: 'tdx.tcb-info',
    intel: {
      certificates: { 'tcb-signer': { issuer: 'authority' } },
      tcbInfo: { chain: ['tcb-signer', 'authority'] },
    },
  },
]

const revocation: readonly Case[] = [
  {
    about: 'a root CRL of another key of the root',
    answer: 'tdx.root-crl',
    intel: { rootCrl: { authorityKey: 'stranger' } },
  },
  {
    about: 'a PCK CRL of another key',
    answer: 'tdx.pck-crl',
    intel: { pckCrl: { authorityKey: 'stranger' } },
  },
  { about: 'an expired root CRL', answer: 'tdx.root-crl', intel: { rootCrl: { nextUpdate: early } } },
  { about: 'a root CRL of the future', answer: 'tdx.root-crl', intel: { rootCrl: { thisUpdate: late } } },
  {
    about: 'a root CRL signed by the authority',
    answer: 'tdx.root-crl',
    intel: { rootCrl: { signedBy: 'authority' } },
  },
  {
    about: 'a root CRL signed by a stranger of the same name',
    answer: 'tdx.root-crl',
    intel: { rootCrl: { signedBy: 'stranger' } },
  },
  {
    about: 'a root CRL in the name of the authority',
    answer: 'tdx.root-crl',
    intel: { rootCrl: { issuer: 'authority' } },
  },
  {
    about: 'a root CRL that covers a part only',
    answer: 'tdx.root-crl',
    intel: { rootCrl: { extensions: [critical] } },
  },
  { about: 'a revoked authority', answer: 'tdx.pck-crl', intel: { rootCrl: { revoked: ['authority'] } } },
  { about: 'a revoked TCB signer', answer: 'tdx.tcb-info', intel: { rootCrl: { revoked: ['tcb-signer'] } } },
  { about: 'an expired PCK CRL', answer: 'tdx.pck-crl', intel: { pckCrl: { nextUpdate: early } } },
  { about: 'a PCK CRL of the future', answer: 'tdx.pck-crl', intel: { pckCrl: { thisUpdate: late } } },
  { about: 'a PCK CRL signed by the root', answer: 'tdx.pck-crl', intel: { pckCrl: { signedBy: 'root' } } },
  {
    about: 'a PCK CRL in the name of the root',
    answer: 'tdx.pck-crl',
    intel: { pckCrl: { issuer: 'root' } },
  },
  {
    about: 'a PCK CRL that a PCK key issued',
    answer: 'tdx.pck-crl',
    intel: {
      pckCrl: { issuer: 'pck', signedBy: 'pck', authorityKey: 'pck' },
      pckCrlChain: ['pck', 'authority'],
    },
  },
  {
    about: 'the CRL of another authority of the same root',
    answer: 'tdx.pck-chain',
    intel: {
      certificates: { stranger: { commonName: 'Intel SGX PCK Processor CA', issuer: 'root', pathLength: 0 } },
      pckCrl: { issuer: 'stranger', signedBy: 'stranger', authorityKey: 'stranger' },
      pckCrlChain: ['stranger', 'root'],
    },
  },
  { about: 'a revoked PCK certificate', answer: 'tdx.pck-chain', intel: { pckCrl: { revoked: ['pck'] } } },
  {
    about: 'a CRL that revokes others',
    answer: 'accepted',
    intel: { pckCrl: { revoked: ['stranger', 'root'] } },
  },
]

const tcbInfo = (edit: (document: TcbInfoDocument) => TcbInfoDocument): IntelFaults => ({ tcbInfo: { edit } })
const levels = (
  change: (level: TcbInfoDocument['tcbLevels'][number]) => TcbInfoDocument['tcbLevels'][number],
) => tcbInfo((document) => ({ ...document, tcbLevels: document.tcbLevels.map(change) }))
const modules = (
  change: (
    identity: TcbInfoDocument['tdxModuleIdentities'][number],
  ) => TcbInfoDocument['tdxModuleIdentities'][number],
) => tcbInfo((document) => ({ ...document, tdxModuleIdentities: document.tdxModuleIdentities.map(change) }))

const endorsements: readonly Case[] = [
  {
    about: 'expired TCB info',
    answer: 'tdx.tcb-info',
    intel: tcbInfo((info) => ({ ...info, nextUpdate: '2026-11-20T11:59:59Z' })),
  },
  {
    about: 'TCB info of the future',
    answer: 'tdx.tcb-info',
    intel: tcbInfo((info) => ({ ...info, issueDate: '2026-11-20T12:00:01Z' })),
  },
  {
    about: 'a date of no calendar',
    answer: 'tdx.tcb-info',
    intel: tcbInfo((info) => ({ ...info, nextUpdate: '2026-13-45T00:00:00Z' })),
  },
  { about: 'TCB info signed by a PCK key', answer: 'tdx.tcb-info', intel: { tcbInfo: { signedBy: 'pck' } } },
  {
    about: 'TCB info signed by a PCK key under its own chain',
    answer: 'tdx.tcb-info',
    intel: { tcbInfo: { signedBy: 'pck', chain: ['pck', 'authority', 'root'] } },
  },
  {
    about: 'TCB info signed by the platform authority',
    answer: 'tdx.tcb-info',
    intel: { tcbInfo: { signedBy: 'authority', chain: ['authority', 'root'] } },
  },
  { about: 'TCB info of SGX', answer: 'tdx.tcb-info', intel: tcbInfo((info) => ({ ...info, id: 'SGX' })) },
  {
    about: 'TCB info of another version',
    answer: 'tdx.tcb-info',
    intel: tcbInfo((info) => ({ ...info, version: 2 })),
  },
  {
    about: 'TCB info of another type',
    answer: 'tdx.tcb-info',
    intel: tcbInfo((info) => ({ ...info, tcbType: 1 })),
  },
  {
    about: 'a TCB status that nobody knows',
    answer: 'tdx.tcb-info',
    intel: levels((level) => ({ ...level, tcbStatus: 'Splendid' as TcbStatus })),
  },
  {
    about: 'a TCB level with fifteen components',
    answer: 'tdx.tcb-info',
    intel: levels((level) => ({
      ...level,
      tcb: { ...level.tcb, tdxtcbcomponents: level.tcb.tdxtcbcomponents.slice(1) },
    })),
  },
  {
    about: 'TCB info of another FMSPC',
    answer: 'tdx.fmspc',
    intel: tcbInfo((info) => ({ ...info, fmspc: '90C06F000000' })),
  },
  {
    about: 'TCB info of another PCE',
    answer: 'tdx.fmspc',
    intel: tcbInfo((info) => ({ ...info, pceId: '0001' })),
  },
  {
    about: 'TCB info that knows no module',
    answer: 'tdx.module',
    intel: tcbInfo((info) => ({ ...info, tdxModuleIdentities: [] })),
  },
  {
    about: 'a module of another signer',
    answer: 'tdx.module',
    intel: modules((module) => ({ ...module, mrsigner: '11'.repeat(48) })),
  },
  {
    about: 'a module below every level',
    answer: 'tdx.module',
    intel: modules((module) => ({
      ...module,
      tcbLevels: module.tcbLevels.slice(0, 1).map((level) => ({ ...level, tcb: { isvsvn: 9 } })),
    })),
  },
  {
    about: 'a platform below every level',
    answer: 'tdx.tcb-level',
    intel: levels((level) => ({ ...level, tcb: { ...level.tcb, pcesvn: 99 } })),
  },
  {
    about: 'a platform without levels',
    answer: 'tdx.tcb-level',
    intel: tcbInfo((info) => ({ ...info, tcbLevels: [] })),
  },
  {
    about: 'a revoked level',
    answer: 'tdx.tcb-level',
    intel: levels((level) => ({ ...level, tcbStatus: 'Revoked' })),
  },
  {
    about: 'a revoked module',
    answer: 'tdx.tcb-level',
    intel: modules((module) => ({
      ...module,
      tcbLevels: module.tcbLevels.map((level) => ({ ...level, tcbStatus: 'Revoked' })),
    })),
  },
  {
    about: 'expired QE identity',
    answer: 'tdx.qe-identity',
    intel: { qeIdentity: { edit: (identity) => ({ ...identity, nextUpdate: '2026-11-20T11:59:59Z' }) } },
  },
  {
    about: 'QE identity signed by the root',
    answer: 'tdx.qe-identity',
    intel: { qeIdentity: { signedBy: 'root' } },
  },
  {
    about: 'QE identity signed by the root in its own name',
    answer: 'tdx.qe-identity',
    intel: { qeIdentity: { signedBy: 'root', chain: ['root', 'root'] } },
  },
  {
    about: 'QE identity of another version',
    answer: 'tdx.qe-identity',
    intel: { qeIdentity: { edit: (identity) => ({ ...identity, version: 1 }) } },
  },
  {
    about: 'identity of the SGX quoting enclave',
    answer: 'tdx.qe-identity',
    intel: { qeIdentity: { edit: (identity) => ({ ...identity, id: 'QE' }) } },
  },
  {
    about: 'a revoked quoting enclave',
    answer: 'tdx.tcb-level',
    intel: {
      qeIdentity: {
        edit: (identity) => ({
          ...identity,
          tcbLevels: identity.tcbLevels.map((level) => ({ ...level, tcbStatus: 'Revoked' })),
        }),
      },
    },
  },
]

const quotes: readonly Case[] = [
  { about: 'a quote of version 3', answer: 'tdx.quote-format', quote: change(0, 3) },
  { about: 'a quote of version 5', answer: 'tdx.quote-format', quote: change(0, 5) },
  { about: 'another kind of attestation key', answer: 'tdx.quote-format', quote: change(2, 3) },
  { about: 'a quote of an SGX enclave', answer: 'tdx.quote-format', quote: change(4, 0) },
  { about: 'a quoting enclave of another vendor', answer: 'tdx.quote-format', quote: change(12, 0) },
  {
    about: 'a QE report signed by a stranger',
    answer: 'tdx.qe-report',
    quote: { qeReportSignedBy: 'stranger' },
  },
  {
    about: 'a QE report signed by the TCB signer',
    answer: 'tdx.qe-report',
    quote: { qeReportSignedBy: 'tcb-signer' },
  },
  {
    about: 'a QE report of another attestation key',
    answer: 'tdx.qe-report-data',
    quote: { qeReportData: new Uint8Array(64) },
  },
  {
    about: 'a quoting enclave of another signer',
    answer: 'tdx.qe-match',
    quote: { qe: { mrSigner: '22'.repeat(32) } },
  },
  { about: 'a quoting enclave of another product', answer: 'tdx.qe-match', quote: { qe: { isvProdId: 1 } } },
  { about: 'a quoting enclave below every level', answer: 'tdx.qe-match', quote: { qe: { isvSvn: 2 } } },
  {
    about: 'a quoting enclave in debug mode',
    answer: 'tdx.qe-match',
    quote: { qe: { attributes: `13${'00'.repeat(15)}` } },
  },
  {
    about: 'a quoting enclave with another MISCSELECT',
    answer: 'tdx.qe-match',
    quote: { qe: { miscSelect: '01000000' } },
  },
  {
    about: 'a quote signed by the PCK key itself',
    answer: 'tdx.quote-signature',
    quote: { quoteSignedBy: 'pck' },
  },
  {
    about: 'a quote whose chain is in another order',
    answer: 'tdx.root',
    quote: { chain: ['root', 'authority', 'pck'] },
  },
  {
    about: 'a quote whose chain ends in a stranger of the same name',
    answer: 'tdx.root',
    quote: { chain: ['pck', 'authority', 'stranger'] },
  },
  { about: 'a quote with two certificates', answer: 'tdx.quote-format', quote: { chain: ['pck', 'root'] } },
  { about: 'bytes behind a quote', answer: 'tdx.quote-format', quote: { trailing: Uint8Array.of(0, 1) } },
  { about: 'zeros behind a quote', answer: 'accepted', quote: { trailing: new Uint8Array(2000) } },
  { about: 'a debug trust domain', answer: 'tdx.td-attributes', quote: { tdAttributes: '0100001000000000' } },
  {
    about: 'another bit of the first byte',
    answer: 'tdx.td-attributes',
    quote: { tdAttributes: '8000001000000000' },
  },
  {
    about: 'an attribute that is not defined',
    answer: 'tdx.td-attributes',
    quote: { tdAttributes: '0000003000000000' },
  },
  { about: 'SEPT_VE_DISABLE off', answer: 'tdx.td-attributes', quote: { tdAttributes: '0000000000000000' } },
  {
    about: 'protection keys that the policy does not allow',
    answer: 'tdx.td-attributes',
    quote: { tdAttributes: '0000005000000000' },
  },
  {
    about: 'key locker that the policy does not allow',
    answer: 'tdx.td-attributes',
    quote: { tdAttributes: '0000009000000000' },
  },
  {
    about: 'performance counters that the policy does not allow',
    answer: 'tdx.td-attributes',
    quote: { tdAttributes: '0000001000000080' },
  },
  {
    about: 'attributes that the policy allows',
    answer: 'accepted',
    quote: { tdAttributes: '000000c000000080' },
    policy: { tdAttributes: ['sept-ve-enabled', 'pks', 'key-locker', 'perfmon'] },
  },
  { about: 'a module with attributes', answer: 'tdx.module', quote: { seamAttributes: '0100000000000000' } },
  { about: 'a module signed by someone', answer: 'tdx.module', quote: { mrSignerSeam: '11'.repeat(48) } },
  {
    about: 'a module of a generation that is not known',
    answer: 'tdx.module',
    quote: { teeTcbSvn: svns(5, 3, 2) },
  },
  { about: 'a module older than every level', answer: 'tdx.module', quote: { teeTcbSvn: svns(3, 1, 2) } },
  { about: 'microcode below every level', answer: 'tdx.tcb-level', quote: { teeTcbSvn: svns(5, 1, 1) } },
  {
    about: 'a module of generation 1 under a level that asks for more of components 0 and 1',
    answer: 'accepted',
    intel: levels((level) => ({
      ...level,
      tcb: { ...level.tcb, tdxtcbcomponents: svns(99, 99, 2).map((svn) => ({ svn })) },
    })),
  },
  {
    about: 'a module of generation 0 under a level that asks for more of component 0',
    answer: 'tdx.tcb-level',
    intel: levels((level) => ({
      ...level,
      tcb: { ...level.tcb, tdxtcbcomponents: svns(6, 0, 2).map((svn) => ({ svn })) },
    })),
    quote: { teeTcbSvn: svns(5, 0, 2) },
  },
  {
    about: 'a module of generation 0 that reaches its level',
    answer: 'accepted',
    intel: levels((level) => ({
      ...level,
      tcb: { ...level.tcb, tdxtcbcomponents: svns(5, 0, 2).map((svn) => ({ svn })) },
    })),
    quote: { teeTcbSvn: svns(5, 0, 2) },
  },
]

function svns(...first: readonly number[]): readonly number[] {
  return [...first, ...Array.from({ length: 16 - first.length }, () => 0)]
}

const newerPlatform = levels((level) =>
  level.tcbStatus === 'UpToDate' ? { ...level, tcb: { ...level.tcb, pcesvn: 12 } } : level,
)
const needsConfiguration = levels((level) => ({ ...level, tcbStatus: 'ConfigurationNeeded' }))
const oldModule = { teeTcbSvn: svns(4, 1, 2) }

const statuses: readonly Case[] = [
  { about: 'an outdated platform', answer: 'tdx.tcb-status', intel: newerPlatform },
  {
    about: 'an outdated platform that the policy takes',
    answer: 'accepted',
    status: 'OutOfDate',
    intel: newerPlatform,
    policy: { tcbStatuses: ['OutOfDate'] },
  },
  { about: 'an outdated module', answer: 'tdx.tcb-status', quote: oldModule },
  {
    about: 'an outdated module that the policy takes',
    answer: 'accepted',
    status: 'OutOfDate',
    quote: oldModule,
    policy: { tcbStatuses: ['OutOfDate'] },
  },
  { about: 'an outdated quoting enclave', answer: 'tdx.tcb-status', quote: { qe: { isvSvn: 3 } } },
  {
    about: 'an outdated module on a platform that needs configuration',
    answer: 'accepted',
    status: 'OutOfDateConfigurationNeeded',
    intel: needsConfiguration,
    quote: oldModule,
    policy: { tcbStatuses: ['OutOfDateConfigurationNeeded'] },
  },
  {
    about: 'a policy that names a revoked status',
    answer: 'tdx.tcb-level',
    intel: levels((level) => ({ ...level, tcbStatus: 'Revoked' })),
    policy: { tcbStatuses: ['Revoked'] },
  },
  { about: 'a policy without statuses', answer: 'tdx.tcb-status', policy: { tcbStatuses: [] } },
  { about: 'a policy without measurements', answer: 'tdx.measurement', policy: { measurements: [] } },
  {
    about: 'a policy for another tree',
    answer: 'tdx.measurement',
    policy: { measurements: [{ ...(await measureTree([])), from: '2026-11-01T00:00:00Z', until: null }] },
  },
  {
    about: 'a measurement that was retired',
    answer: 'tdx.measurement',
    policy: {
      measurements: [{ ...measurement, from: '2026-11-01T00:00:00Z', until: '2026-11-20T12:00:00Z' }],
    },
  },
  { about: 'other report data', answer: 'tdx.report-data', input: { reportData: new Uint8Array(64) } },
  { about: 'a policy without roots', answer: 'tdx.trusted-root', policy: { roots: [] } },
  { about: 'simulated roots that nobody passed in', answer: 'tdx.root', input: { roots: { intel: [] } } },
]

for (const simulated of [...certificates, ...revocation, ...endorsements, ...quotes, ...statuses]) {
  test(`TDX: ${simulated.about}: ${simulated.answer}`, async () => {
    const result = await verifyTdx(await inputOf(simulated))
    const failed = result.checks.find(({ verdict }) => verdict === 'fail')
    assert.equal(failed?.id ?? 'accepted', simulated.answer, failed?.compared)
    assert.equal(result.verdict, simulated.answer === 'accepted' ? 'accepted' : 'refused')
    if (result.verdict === 'refused') return
    assert.equal(result.claims.simulated, true)
    if (simulated.status !== undefined) assert.equal(result.claims.tcbStatus, simulated.status)
  })
}

test('simulated evidence passes only where the policy names its root as simulated', async () => {
  const simulator = await createSimulator({ seed, at })
  const input = await inputOf({ about: '', answer: 'accepted' })
  const failedFirst = async (roots: TdxPolicy['roots']) => {
    const { checks } = await verifyTdx({ ...input, policy: { ...soundPolicy, roots } })
    return checks.find(({ verdict }) => verdict === 'fail')?.id
  }
  const vendor = '44a0196b2b99f889b8e149e95b807a350e7424964399e885a7cbb8ccfab674d3'
  assert.equal(await failedFirst(simulator.trustedRoots), undefined)
  assert.equal(await failedFirst([{ fingerprint: vendor, simulated: false }]), 'tdx.trusted-root')
  const asGenuine = simulator.trustedRoots.map(({ fingerprint }) => ({ fingerprint, simulated: false }))
  assert.equal(await failedFirst(asGenuine), 'tdx.trusted-root')
  const other = await createSimulator({ seed: new Uint8Array(32), at })
  assert.equal((await verifyTdx({ ...input, roots: other.roots })).verdict, 'refused')
})

test('a revoked certificate of an authority is refused though another one of the same key is not', async () => {
  const serial = Uint8Array.of(0x41, 2, 3)
  const input = await inputOf({
    about: '',
    answer: 'accepted',
    intel: { certificates: { authority: { serial } } },
  })
  const failedUnder = async (revoked: readonly Bytes[]) => {
    const collateral = await buildCollateral(soundPki, at, { rootCrl: { revoked } })
    const { checks } = await verifyTdx({ ...input, collateral })
    return checks.find(({ verdict }) => verdict === 'fail')?.id
  }
  assert.equal(await failedUnder([]), undefined)
  assert.equal(await failedUnder([serial]), 'tdx.pck-chain')
})

test('no truncation and no other certification type of a simulated quote is read', async () => {
  const input = await inputOf({ about: '', answer: 'accepted' })
  const failedFor = async (quote: Bytes) => {
    const { checks } = await verifyTdx({ ...input, quote })
    return checks.find(({ verdict }) => verdict === 'fail')?.id
  }
  for (let length = 0; length < input.quote.length; length += 37) {
    assert.equal(await failedFor(input.quote.slice(0, length)), 'tdx.quote-format', `${length} bytes`)
  }
  const inner = 1220 + 32
  for (const [place, kind] of [
    [764, 5],
    [inner, 6],
  ] as const) {
    const quote: Bytes = input.quote.slice()
    quote[place] = kind
    assert.equal(await failedFor(quote), 'tdx.quote-format', `byte ${place}`)
  }
  // A byte more in the signature section and in the report's certification data, each with honest lengths.
  for (const places of [[632], [632, 766]] as const) {
    const quote: Bytes = concatBytes(input.quote, Uint8Array.of(0))
    const view = new DataView(quote.buffer)
    for (const place of places) view.setUint32(place, view.getUint32(place, true) + 1, true)
    assert.equal(await failedFor(quote), 'tdx.quote-format', places.join())
  }
})

test('collateral of other types is refused and raises nothing', async () => {
  const input = await inputOf({ about: '', answer: 'accepted' })
  const crl = (der: string | Bytes) =>
    `-----BEGIN X509 CRL-----\n${encodeBase64(decodeHex(String(der)))}\n-----END X509 CRL-----\n`
  const { root_ca_crl: rootCrl } = input.collateral
  const refused = async (change: object, id: TdxCheckId) => {
    const { checks } = await verifyTdx({ ...input, collateral: { ...input.collateral, ...change } })
    assert.equal(checks.find(({ verdict }) => verdict === 'fail')?.id, id)
  }
  await refused({ root_ca_crl: 7 }, 'tdx.root-crl')
  await refused({ root_ca_crl: crl(rootCrl).repeat(2) }, 'tdx.root-crl')
  await refused({ pck_crl_issuer_chain: null }, 'tdx.pck-crl')
  await refused({ tcb_info: {} }, 'tdx.tcb-info')
  await refused({ tcb_info_signature: 7 }, 'tdx.tcb-info')
  await refused({ qe_identity: undefined }, 'tdx.qe-identity')
  const collateral = { ...input.collateral, root_ca_crl: crl(rootCrl) }
  assert.equal((await verifyTdx({ ...input, collateral })).verdict, 'accepted')
  assert.equal(
    (await verifyTdx({ ...input, collateral: null as unknown as TdxCollateral })).verdict,
    'refused',
  )
})

test('what follows a failed check is not checked', async () => {
  const { checks } = await verifyTdx(
    await inputOf({ about: '', answer: 'tdx.pck-crl', intel: { pckCrl: { nextUpdate: early } } }),
  )
  const failed = checks.findIndex(({ verdict }) => verdict === 'fail')
  assert.ok(checks.slice(0, failed).every(({ verdict }) => verdict === 'pass'))
  assert.ok(checks.slice(failed + 1).every(({ verdict }) => verdict === 'not-checked'))
})

test('no change of any byte of a simulated quote is accepted', async () => {
  const input = await inputOf({ about: '', answer: 'accepted' })
  const header = 48 + 584 + 4 + 128 + 6 + 384 + 64 + 2 + 32 + 6
  for (let place = 0; place < header; place += 29) {
    const quote: Bytes = input.quote.slice()
    quote[place] = (quote[place] ?? 0) ^ 0x10
    assert.equal((await verifyTdx({ ...input, quote })).verdict, 'refused', `byte ${place}`)
  }
})

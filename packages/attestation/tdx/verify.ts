/**
 * Is a TDX quote authentic, and what does Intel say about the platform that made it?
 *
 * The order is Intel's (Quote Verification Library): revocation lists under the pinned root first,
 * because all else relies on them, then the endorsements, then the quote from the certificate down to
 * its body. Certificates have roles that are told apart: a key that certifies a platform signs no TCB
 * info, and a key that signs TCB info certifies no platform.
 */
import { concatBytes, decodeHex, encodeUtf8, equalBytes } from '#bytes'
import { demand, type Checklist } from '../checklist.ts'
import type { TdxCheckId } from '../checks.ts'
import { digest, verifyEcdsa } from '../crypto.ts'
import type { Certificate } from '../der/certificate.ts'
import { findRoot, verifyChain } from '../der/chain.ts'
import { verifyCrl, type Crl } from '../der/crl.ts'
import { readPemChain } from '../der/pem.ts'
import { isWithin } from '../time.ts'
import { parseCrl, parseQeIdentity, parseTcbInfo, type QeIdentity, type TcbInfo } from './collateral.ts'
import { parseQuote, type Quote } from './parse.ts'
import { readPckPlatform, type PckPlatform } from './pck.ts'
import { judgePlatform, matchModule, matchQe, type PlatformJudgement } from './tcb.ts'
import type { TdxCollateral, VerifyTdxInput } from './types.ts'

export interface AuthenticQuote {
  readonly quote: Quote
  readonly root: Certificate
  readonly platform: PckPlatform
  readonly judgement: PlatformJudgement
  readonly evaluationDataNumber: number
  readonly collateralExpiresAt: number
}

const tcbSigningName = 'Intel SGX TCB Signing'
const pckName = 'Intel SGX PCK Certificate'
const pckAuthorityNames = ['Intel SGX PCK Platform CA', 'Intel SGX PCK Processor CA']

export async function verifyQuote(
  checks: Checklist<TdxCheckId>,
  { quote: bytes, collateral, roots, at }: VerifyTdxInput,
): Promise<AuthenticQuote> {
  const quote = await checks.pass('tdx.quote-format', 'layout, lengths and certificates of the quote', () =>
    parseQuote(bytes),
  )
  const root = await checks.pass('tdx.root', 'end of the quote’s chain with the roots given', async () => {
    const found = findRoot(quote.pckChain.at(-1), roots.intel)
    await verifyChain([found], found, at)
    return found
  })
  const rootCrl = await checks.pass('tdx.root-crl', 'issuer, signature and dates with the root', async () => {
    demand(typeof collateral === 'object' && collateral !== null, 'there is no collateral')
    const crl = parseCrl(collateral.root_ca_crl)
    await verifyCrl(crl, root, at)
    return crl
  })
  const pckCrl = await checks.pass('tdx.pck-crl', 'issuer, signature and dates with its authority', () =>
    verifyPckCrl(collateral, root, rootCrl, at),
  )
  const tcbInfo = await checks.pass('tdx.tcb-info', 'signing chain, signature over the text, dates', () =>
    verifyTcbInfo(collateral, root, rootCrl, at),
  )
  const qeIdentity = await checks.pass(
    'tdx.qe-identity',
    'signing chain, signature over the text, dates',
    () => verifyQeIdentity(collateral, root, rootCrl, at),
  )
  const platform = await checks.pass('tdx.pck-chain', 'chain to the root, roles, both revocation lists', () =>
    verifyPck(quote.pckChain, root, rootCrl, pckCrl, at),
  )
  await verifyQuotingEnclave(checks, quote)
  const qeLevel = await checks.pass('tdx.qe-match', 'QE report with the QE identity', () =>
    matchQe(quote.qeReport, qeIdentity),
  )
  await checks.pass('tdx.quote-signature', 'signature over header and body with the attestation key', () =>
    verifyQuoteSignature(quote),
  )
  await checks.pass(
    'tdx.fmspc',
    `FMSPC ${platform.fmspc} and PCE-ID ${platform.pceId} with the TCB info`,
    () => {
      demand(tcbInfo.fmspc === platform.fmspc, `TCB info of ${tcbInfo.fmspc}, platform ${platform.fmspc}`)
      demand(tcbInfo.pceId === platform.pceId, `TCB info of PCE ${tcbInfo.pceId}, platform ${platform.pceId}`)
    },
  )
  const moduleLevel = await checks.pass(
    'tdx.module',
    'signer, attributes and version of the TDX module',
    () => matchModule(quote.body, tcbInfo),
  )
  const judgement = await checks.pass('tdx.tcb-level', 'component versions with the TCB levels', () =>
    judgePlatform(quote.body, platform, tcbInfo, moduleLevel, qeLevel),
  )
  return {
    quote,
    root,
    platform,
    judgement,
    evaluationDataNumber: Math.min(tcbInfo.evaluationDataNumber, qeIdentity.evaluationDataNumber),
    collateralExpiresAt: Math.min(
      rootCrl.nextUpdate,
      pckCrl.crl.nextUpdate,
      tcbInfo.nextUpdate,
      qeIdentity.nextUpdate,
    ),
  }
}

interface PckCrl {
  readonly crl: Crl
  readonly authority: Certificate
}

async function verifyPckCrl(
  collateral: TdxCollateral,
  root: Certificate,
  rootCrl: Crl,
  at: Date,
): Promise<PckCrl> {
  const [authority, ...above] = readPemChain(text(collateral.pck_crl_issuer_chain), 2)
  demand(authority !== undefined, 'the chain is empty')
  await verifyChain([authority, ...above], root, at)
  demandPckAuthority(authority)
  demandNotRevoked(authority, rootCrl)
  const crl = parseCrl(collateral.pck_crl)
  await verifyCrl(crl, authority, at)
  return { crl, authority }
}

async function verifyTcbInfo(
  collateral: TdxCollateral,
  root: Certificate,
  rootCrl: Crl,
  at: Date,
): Promise<TcbInfo> {
  const { tcb_info_issuer_chain: chain, tcb_info: document, tcb_info_signature: signature } = collateral
  await verifyDocument(document, signature, chain, root, rootCrl, at)
  const tcbInfo = parseTcbInfo(document)
  demand(isWithin(at, tcbInfo.issuedAt, tcbInfo.nextUpdate), 'the TCB info is not current')
  return tcbInfo
}

async function verifyQeIdentity(
  collateral: TdxCollateral,
  root: Certificate,
  rootCrl: Crl,
  at: Date,
): Promise<QeIdentity> {
  const {
    qe_identity_issuer_chain: chain,
    qe_identity: document,
    qe_identity_signature: signature,
  } = collateral
  await verifyDocument(document, signature, chain, root, rootCrl, at)
  const identity = parseQeIdentity(document)
  demand(isWithin(at, identity.issuedAt, identity.nextUpdate), 'the QE identity is not current')
  return identity
}

/** The signature is over the text as it came: two readings of one text cannot differ before it holds. */
async function verifyDocument(
  document: string,
  signature: string,
  chainText: string,
  root: Certificate,
  rootCrl: Crl,
  at: Date,
): Promise<void> {
  const chain = readPemChain(text(chainText), 2)
  await verifyChain(chain, root, at)
  const [signer] = chain
  demand(signer !== undefined, 'the chain is empty')
  demand(signer.commonName === tcbSigningName, `${signer.commonName} signs no TCB info`)
  demandLeaf(signer)
  demandNotRevoked(signer, rootCrl)
  const signatureBytes = decodeHex(text(signature).toLowerCase())
  const authentic = await verifyEcdsa(signer.publicKey, 'SHA-256', signatureBytes, encodeUtf8(text(document)))
  demand(authentic, 'the signature over the text is wrong')
}

async function verifyPck(
  chain: readonly Certificate[],
  root: Certificate,
  rootCrl: Crl,
  pckCrl: PckCrl,
  at: Date,
): Promise<PckPlatform> {
  const [pck, authority] = chain
  demand(pck !== undefined && authority !== undefined, 'the chain is too short')
  await verifyChain(chain, root, at)
  demand(pck.commonName === pckName, `${pck.commonName} is no PCK certificate`)
  demandLeaf(pck)
  demandNotRevoked(authority, rootCrl)
  const sameAuthority =
    equalBytes(authority.subject, pckCrl.authority.subject) &&
    equalBytes(authority.publicKey.point, pckCrl.authority.publicKey.point)
  demand(sameAuthority, 'the PCK CRL is not of the authority that issued the PCK certificate')
  demandNotRevoked(pck, pckCrl.crl)
  return readPckPlatform(pck)
}

/** The PCK key vouches for the quoting enclave, whose report vouches for the attestation key. */
async function verifyQuotingEnclave(checks: Checklist<TdxCheckId>, quote: Quote): Promise<void> {
  const { qeReport, qeReportSignature, attestationKey, qeAuthData } = quote
  await checks.pass('tdx.qe-report', 'signature over the QE report with the PCK key', async () => {
    const [pck] = quote.pckChain
    demand(pck !== undefined, 'the chain is empty')
    const authentic = await verifyEcdsa(pck.publicKey, 'SHA-256', qeReportSignature, qeReport.bytes)
    demand(authentic, 'the signature over the QE report is wrong')
  })
  await checks.pass('tdx.qe-report-data', 'QE report data with the hash of key and auth data', async () => {
    const hash = await digest('SHA-256', concatBytes(attestationKey, qeAuthData))
    const expected = concatBytes(hash, new Uint8Array(32))
    demand(equalBytes(qeReport.reportData, expected), 'the QE report is of another attestation key')
  })
}

async function verifyQuoteSignature({ attestationKey, signature, signed }: Quote): Promise<void> {
  const key = { curve: 'P-256', point: concatBytes(Uint8Array.of(4), attestationKey) } as const
  demand(await verifyEcdsa(key, 'SHA-256', signature, signed), 'the signature over the quote is wrong')
}

function demandLeaf(certificate: Certificate): void {
  demand(!certificate.isCa && certificate.maySign, `${certificate.commonName} is not a signer alone`)
}

function demandPckAuthority({ commonName }: Certificate): void {
  demand(
    commonName !== null && pckAuthorityNames.includes(commonName),
    `${commonName} issues no PCK certificates`,
  )
}

function demandNotRevoked(certificate: Certificate, crl: Crl): void {
  demand(!crl.revoked.has(certificate.serial), `${certificate.commonName} has been revoked`)
}

/** Collateral arrives as JSON from untrusted places: its types are only promised. */
function text(value: string): string {
  demand(typeof value === 'string', 'the collateral lacks a text')
  return value
}

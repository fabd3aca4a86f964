/**
 * X.509 certificates (RFC 5280 §4) with elliptic-curve keys, as Intel and NVIDIA issue them.
 *
 * Reading a certificate proves nothing. Its fields count once chain.ts has led it to a pinned root.
 */
import { decodeUtf8, encodeHex, type Bytes } from '#bytes'
import { scalarLength, type Curve, type PublicKey } from '../crypto.ts'
import { AttestationError } from '../errors.ts'
import {
  DerCursor,
  derTag,
  hexOf,
  readBitString,
  readBoolean,
  readDer,
  readNamedBits,
  readOid,
  readSmallInteger,
  readTime,
  readUnsigned,
  type Der,
} from './reader.ts'
import { readAuthorityKeyId, readExtensions, readSigned, requireAlgorithm, type SignedDer } from './signed.ts'

export interface Certificate extends SignedDer {
  readonly serial: string
  /** Names are compared as the bytes they are written in. */
  readonly issuer: Bytes
  readonly subject: Bytes
  readonly commonName: string | null
  readonly notBefore: number
  readonly notAfter: number
  readonly publicKey: PublicKey
  readonly isCa: boolean
  /** How many authorities may stand below this one; null where that is open. */
  readonly pathLength: number | null
  readonly mayIssue: boolean
  readonly mayIssueCrls: boolean
  readonly maySign: boolean
  readonly subjectKeyId: string | null
  readonly authorityKeyId: string | null
  readonly extensions: ReadonlyMap<string, Bytes>
}

const oid = {
  commonName: '2.5.4.3',
  subjectKeyId: '2.5.29.14',
  keyUsage: '2.5.29.15',
  basicConstraints: '2.5.29.19',
  authorityKeyId: '2.5.29.35',
  ecPublicKey: '1.2.840.10045.2.1',
} as const

const curveOfOid: { readonly [oid: string]: Curve } = {
  '1.2.840.10045.3.1.7': 'P-256',
  '1.3.132.0.34': 'P-384',
}

export function readCertificate(der: Bytes): Certificate {
  const signed = readSigned(der, 'certificate')
  const cursor = new DerCursor(signed.body, 'certificate')
  readVersion(cursor.next(0xa0))
  const serial = encodeHex(readUnsigned(cursor.next(derTag.integer)))
  requireAlgorithm(cursor.next(derTag.sequence), signed)
  const issuer = cursor.next(derTag.sequence)
  const validity = new DerCursor(cursor.next(derTag.sequence), 'validity')
  const [notBefore, notAfter] = [readTime(validity.any()), readTime(validity.any())]
  validity.end()
  const subject = cursor.next(derTag.sequence)
  const publicKey = readPublicKey(cursor.next(derTag.sequence))
  const extensions = readWrappedExtensions(cursor.next(0xa3))
  cursor.end()
  const usage = readKeyUsage(extensions.get(oid.keyUsage))
  const subjectKeyId = extensions.get(oid.subjectKeyId)
  return {
    ...signed,
    serial,
    issuer: issuer.whole,
    subject: subject.whole,
    commonName: readCommonName(subject),
    notBefore,
    notAfter,
    publicKey,
    ...readBasicConstraints(extensions.get(oid.basicConstraints)),
    mayIssue: usage(5),
    mayIssueCrls: usage(6),
    maySign: usage(0),
    subjectKeyId:
      subjectKeyId === undefined ? null : hexOf(readDer(subjectKeyId, derTag.octetString, 'subject key id')),
    authorityKeyId: readAuthorityKeyId(extensions.get(oid.authorityKeyId)),
    extensions,
  }
}

function readVersion(wrapper: Der): void {
  const version = readSmallInteger(readDer(wrapper.content, derTag.integer, 'version'), 2)
  if (version !== 2) throw invalid(`certificate version ${version + 1} is not 3`)
}

/** SubjectPublicKeyInfo with a named curve and an uncompressed point (RFC 5480 §2). */
function readPublicKey(info: Der): PublicKey {
  const cursor = new DerCursor(info, 'public key')
  const algorithm = new DerCursor(cursor.next(derTag.sequence), 'key algorithm')
  const kind = readOid(algorithm.next(derTag.oid))
  if (kind !== oid.ecPublicKey) throw invalid(`key algorithm ${kind} is not used here`)
  const curve = curveOfOid[readOid(algorithm.next(derTag.oid))]
  algorithm.end()
  const point = readBitString(cursor.next(derTag.bitString))
  cursor.end()
  if (curve === undefined) throw invalid('the curve is neither P-256 nor P-384')
  if (point.length !== 1 + 2 * scalarLength[curve] || point[0] !== 4)
    throw invalid('the point is not uncompressed')
  return { curve, point }
}

function readWrappedExtensions(wrapper: Der): ReadonlyMap<string, Bytes> {
  return readExtensions(readDer(wrapper.content, derTag.sequence, 'extensions'), [
    oid.basicConstraints,
    oid.keyUsage,
  ])
}

function readBasicConstraints(value: Bytes | undefined) {
  if (value === undefined) return { isCa: false, pathLength: null }
  const cursor = new DerCursor(readDer(value, derTag.sequence, 'basic constraints'), 'basic constraints')
  const ca = cursor.optional(derTag.boolean)
  const length = cursor.optional(derTag.integer)
  cursor.end()
  return {
    isCa: ca !== null && readBoolean(ca),
    pathLength: length === null ? null : readSmallInteger(length, 255),
  }
}

/** A certificate without key usage may do nothing: both vendors always say what a key is for. */
function readKeyUsage(value: Bytes | undefined): (bit: number) => boolean {
  return value === undefined ? () => false : readNamedBits(readDer(value, derTag.bitString, 'key usage'))
}

function readCommonName(name: Der): string | null {
  let found: string | null = null
  const sets = new DerCursor(name, 'name')
  while (sets.more) {
    const attributes = new DerCursor(sets.next(derTag.set), 'relative name')
    while (attributes.more) {
      const cursor = new DerCursor(attributes.next(derTag.sequence), 'name attribute')
      const kind = readOid(cursor.next(derTag.oid))
      const value = cursor.any()
      cursor.end()
      if (kind !== oid.commonName) continue
      if (found !== null) throw invalid('a name has two common names')
      if (value.tag !== derTag.utf8String && value.tag !== derTag.printableString) {
        throw invalid('a common name is not text')
      }
      found = decodeUtf8(value.content)
    }
  }
  return found
}

const invalid = (message: string) => new AttestationError('certificate-invalid', message)

/** What certificates and CRLs share: SEQUENCE { signed part, algorithm, signature }, and extensions. */
import { encodeHex, equalBytes, type Bytes } from '#bytes'
import { scalarLength, verifyEcdsa, type HashName, type PublicKey } from '../crypto.ts'
import { AttestationError } from '../errors.ts'
import {
  DerCursor,
  derTag,
  readBitString,
  readBoolean,
  readDer,
  readOid,
  readUnsigned,
  type Der,
} from './reader.ts'

export interface SignedDer {
  readonly der: Bytes
  /** The element that the signature covers. */
  readonly body: Der
  /** The algorithm as the outer part spells it; the signed part must spell it the same way. */
  readonly algorithm: Bytes
  readonly hash: HashName
  /** SEQUENCE { r, s } as it stands. */
  readonly signature: Bytes
}

const hashOfAlgorithm: { readonly [oid: string]: HashName } = {
  '1.2.840.10045.4.3.2': 'SHA-256',
  '1.2.840.10045.4.3.3': 'SHA-384',
}

export function readSigned(der: Bytes, what: string): SignedDer {
  const cursor = new DerCursor(readDer(der, derTag.sequence, what), what)
  const body = cursor.next(derTag.sequence)
  const algorithm = cursor.next(derTag.sequence)
  const signature = readBitString(cursor.next(derTag.bitString))
  cursor.end()
  const inner = new DerCursor(algorithm, 'signature algorithm')
  const oid = readOid(inner.next(derTag.oid))
  inner.end()
  const hash = hashOfAlgorithm[oid]
  if (hash === undefined)
    throw new AttestationError('der-invalid', `signature algorithm ${oid} is not used here`)
  return { der, body, algorithm: algorithm.whole, hash, signature }
}

/** RFC 5280 §4.1.1.2: both spellings of the algorithm must agree, or the unsigned one could be chosen. */
export function requireAlgorithm(inner: Der, signed: SignedDer): void {
  if (!equalBytes(inner.whole, signed.algorithm)) {
    throw new AttestationError('der-invalid', 'the signed and the outer signature algorithm differ')
  }
}

export async function isSignedBy(signed: SignedDer, key: PublicKey): Promise<boolean> {
  const signature = flatSignature(signed.signature, scalarLength[key.curve])
  return signature !== null && verifyEcdsa(key, signed.hash, signature, signed.body.whole)
}

/** r ‖ s at full width, or null where the bytes are not SEQUENCE { r, s } of that width. */
function flatSignature(der: Bytes, width: number): Bytes | null {
  const cursor = new DerCursor(readDer(der, derTag.sequence, 'signature'), 'signature')
  const scalars = [readUnsigned(cursor.next(derTag.integer)), readUnsigned(cursor.next(derTag.integer))]
  cursor.end()
  const flat = new Uint8Array(2 * width)
  for (const [place, scalar] of scalars.entries()) {
    if (scalar.length > width) return null
    flat.set(scalar, (place + 1) * width - scalar.length)
  }
  return flat
}

/** Refuses doubles, and critical extensions outside `understood` (RFC 5280 §4.2). */
export function readExtensions(sequence: Der, understood: readonly string[]): ReadonlyMap<string, Bytes> {
  const values = new Map<string, Bytes>()
  const list = new DerCursor(sequence, 'extensions')
  while (list.more) {
    const cursor = new DerCursor(list.next(derTag.sequence), 'extension')
    const oid = readOid(cursor.next(derTag.oid))
    const critical = cursor.optional(derTag.boolean)
    const value = cursor.next(derTag.octetString).content
    cursor.end()
    if (critical !== null && readBoolean(critical) && !understood.includes(oid)) {
      throw new AttestationError('der-invalid', `critical extension ${oid} is not understood`)
    }
    if (values.has(oid)) throw new AttestationError('der-invalid', `extension ${oid} stands twice`)
    values.set(oid, value)
  }
  return values
}

/** keyIdentifier of an authority key identifier (RFC 5280 §4.2.1.1), or null. */
export function readAuthorityKeyId(value: Bytes | undefined): string | null {
  if (value === undefined) return null
  const cursor = new DerCursor(readDer(value, derTag.sequence, 'authority key id'), 'authority key id')
  const keyId = cursor.optional(0x80)
  return keyId === null ? null : encodeHex(keyId.content)
}

/** Certificate revocation lists (RFC 5280 §5), complete ones only: indirect and delta lists are critical extensions. */
import { encodeHex, equalBytes, type Bytes } from '#bytes'
import { AttestationError } from '../errors.ts'
import { isWithin } from '../time.ts'
import type { Certificate } from './certificate.ts'
import { DerCursor, derTag, readDer, readSmallInteger, readTime, readUnsigned, type Der } from './reader.ts'
import {
  isSignedBy,
  readAuthorityKeyId,
  readExtensions,
  readSigned,
  requireAlgorithm,
  type SignedDer,
} from './signed.ts'

export interface Crl extends SignedDer {
  readonly issuer: Bytes
  readonly thisUpdate: number
  readonly nextUpdate: number
  readonly authorityKeyId: string | null
  /** Serial numbers as `Certificate.serial` spells them. */
  readonly revoked: ReadonlySet<string>
}

export function readCrl(der: Bytes): Crl {
  const signed = readSigned(der, 'CRL')
  const cursor = new DerCursor(signed.body, 'CRL')
  if (readSmallInteger(cursor.next(derTag.integer), 1) !== 1) throw invalid('the CRL is not version 2')
  requireAlgorithm(cursor.next(derTag.sequence), signed)
  const issuer = cursor.next(derTag.sequence).whole
  const [thisUpdate, nextUpdate] = [readTime(cursor.any()), readTime(cursor.any())]
  const entries = cursor.optional(derTag.sequence)
  const wrapper = cursor.next(0xa0)
  cursor.end()
  const extensions = readExtensions(readDer(wrapper.content, derTag.sequence, 'CRL extensions'), [])
  return {
    ...signed,
    issuer,
    thisUpdate,
    nextUpdate,
    authorityKeyId: readAuthorityKeyId(extensions.get('2.5.29.35')),
    revoked: entries === null ? new Set() : readEntries(entries),
  }
}

function readEntries(list: Der): ReadonlySet<string> {
  const serials = new Set<string>()
  const entries = new DerCursor(list, 'revoked certificates')
  while (entries.more) {
    const cursor = new DerCursor(entries.next(derTag.sequence), 'revoked certificate')
    serials.add(encodeHex(readUnsigned(cursor.next(derTag.integer))))
    readTime(cursor.any())
    const extensions = cursor.optional(derTag.sequence)
    cursor.end()
    // A critical entry extension could hand the entry to another issuer.
    if (extensions !== null) readExtensions(extensions, [])
  }
  return serials
}

/** Throws {@link AttestationError} unless `crl` is `issuer`'s and current at `at`. */
export async function verifyCrl(crl: Crl, issuer: Certificate, at: Date): Promise<void> {
  if (!equalBytes(crl.issuer, issuer.subject)) throw invalid('the CRL is of another issuer')
  if (crl.authorityKeyId !== null && crl.authorityKeyId !== issuer.subjectKeyId) {
    throw invalid('the CRL is of another key of its issuer')
  }
  if (!issuer.mayIssueCrls) throw invalid('the issuer of the CRL may not issue CRLs')
  if (!(await isSignedBy(crl, issuer.publicKey))) throw invalid('the signature of the CRL is wrong')
  if (!isWithin(at, crl.thisUpdate, crl.nextUpdate)) throw invalid('the CRL is not current')
}

const invalid = (message: string) => new AttestationError('crl-invalid', message)

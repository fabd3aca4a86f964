/**
 * The firmware that a device certificate was issued for: composite device id, extension
 * 2.23.133.5.4.1 = SEQUENCE { 1, device key, SEQUENCE { SHA-384, digest } } on Hopper.
 */
import type { Certificate } from '../der/certificate.ts'
import { DerCursor, derTag, hexOf, readDer, readOid, readSmallInteger } from '../der/reader.ts'
import { AttestationError } from '../errors.ts'

const compositeDeviceId = '2.23.133.5.4.1'
const sha384 = '2.16.840.1.101.3.4.2.2'

/** The digest as hexadecimal, or null where the certificate says nothing. */
export function readLeafFwid(leaf: Certificate): string | null {
  const value = leaf.extensions.get(compositeDeviceId)
  if (value === undefined) return null
  const cursor = new DerCursor(readDer(value, derTag.sequence, 'composite device id'), 'composite device id')
  const version = readSmallInteger(cursor.next(derTag.integer), 255)
  cursor.next(derTag.sequence)
  const fwid = new DerCursor(cursor.next(derTag.sequence), 'FWID')
  cursor.end()
  const algorithm = readOid(fwid.next(derTag.oid))
  const digest = hexOf(fwid.next(derTag.octetString))
  fwid.end()
  if (version !== 1 || algorithm !== sha384 || digest.length !== 96) {
    throw new AttestationError('certificate-invalid', 'the FWID is no SHA-384 digest of version 1')
  }
  return digest
}

/**
 * What a PCK certificate says about its platform: the SGX extension 1.2.840.113741.1.13.1
 * (Intel SGX PCK Certificate and CRL Profile, SGX extensions).
 */
import { encodeHex } from '#bytes'
import type { Certificate } from '../der/certificate.ts'
import { DerCursor, derTag, readDer, readOid, readSmallInteger, type Der } from '../der/reader.ts'
import { AttestationError } from '../errors.ts'

export interface PckPlatform {
  readonly ppid: string
  readonly fmspc: string
  readonly pceId: string
  /** Sixteen component versions. */
  readonly components: readonly number[]
  readonly pceSvn: number
}

const sgx = '1.2.840.113741.1.13.1'
const oid = { ppid: `${sgx}.1`, tcb: `${sgx}.2`, pceId: `${sgx}.3`, fmspc: `${sgx}.4` } as const

export function readPckPlatform(pck: Certificate): PckPlatform {
  const value = pck.extensions.get(sgx)
  if (value === undefined) throw invalid('the PCK certificate has no SGX extension')
  const members = readMembers(readDer(value, derTag.sequence, 'SGX extension'))
  const tcb = readMembers(member(members, oid.tcb, derTag.sequence))
  const svn = (place: number, maximum: number) =>
    readSmallInteger(member(tcb, `${oid.tcb}.${place}`, derTag.integer), maximum)
  return {
    ppid: octets(members, oid.ppid, 16),
    fmspc: octets(members, oid.fmspc, 6),
    pceId: octets(members, oid.pceId, 2),
    components: Array.from({ length: 16 }, (_, place) => svn(place + 1, 0xff)),
    pceSvn: svn(17, 0xffff),
  }
}

/** A sequence of SEQUENCE { object identifier, value }. */
function readMembers(sequence: Der): ReadonlyMap<string, Der> {
  const members = new Map<string, Der>()
  const list = new DerCursor(sequence, 'SGX extension')
  while (list.more) {
    const cursor = new DerCursor(list.next(derTag.sequence), 'SGX extension member')
    const key = readOid(cursor.next(derTag.oid))
    if (members.has(key)) throw invalid(`${key} stands twice`)
    members.set(key, cursor.any())
    cursor.end()
  }
  return members
}

function member(members: ReadonlyMap<string, Der>, key: string, tag: number): Der {
  const value = members.get(key)
  if (value?.tag !== tag) throw invalid(`${key} is absent or of another type`)
  return value
}

function octets(members: ReadonlyMap<string, Der>, key: string, length: number): string {
  const { content } = member(members, key, derTag.octetString)
  if (content.length !== length) throw invalid(`${key} has ${content.length} bytes, not ${length}`)
  return encodeHex(content)
}

const invalid = (message: string) => new AttestationError('certificate-invalid', message)

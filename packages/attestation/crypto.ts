/** The two operations that verification rests on, both from WebCrypto: hashes and ECDSA (FIPS 186-5). */
import { encodeHex, type Bytes } from '#bytes'

export type Curve = 'P-256' | 'P-384'
export type HashName = 'SHA-256' | 'SHA-384'

export interface PublicKey {
  readonly curve: Curve
  /** 0x04 ‖ x ‖ y. Whether it lies on the curve is found out when it is used. */
  readonly point: Bytes
}

/** Octets of one coordinate, and of r and of s. */
export const scalarLength = { 'P-256': 32, 'P-384': 48 } as const

export async function digest(hash: HashName, bytes: Bytes): Promise<Bytes> {
  return new Uint8Array(await crypto.subtle.digest(hash, bytes))
}

/** SHA-256 of a certificate or document, as lower-case hexadecimal. */
export async function fingerprintOf(bytes: Bytes): Promise<string> {
  return encodeHex(await digest('SHA-256', bytes))
}

/** Whether `signature` (r ‖ s) is `key`'s over `data`. A key that is no point of its curve signs nothing. */
export async function verifyEcdsa(key: PublicKey, hash: HashName, signature: Bytes, data: Bytes) {
  const imported = await importPoint(key)
  return imported !== null && crypto.subtle.verify({ name: 'ECDSA', hash }, imported, signature, data)
}

async function importPoint({ curve, point }: PublicKey) {
  try {
    return await crypto.subtle.importKey('raw', point, { name: 'ECDSA', namedCurve: curve }, false, [
      'verify',
    ])
  } catch {
    return null
  }
}

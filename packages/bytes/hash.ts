/**
 * SHA-256, HMAC and HKDF, synchronous so that trees and chains stay plain functions.
 *
 * Every digest in a Fairweight format is taken under a *purpose*, a text that names what is hashed and
 * ends with a zero byte, so that bytes made for one use are never valid for another.
 */
import { hkdf } from '@noble/hashes/hkdf.js'
import { hmac } from '@noble/hashes/hmac.js'
import { sha256 as nobleSha256 } from '@noble/hashes/sha2.js'
import { canonicalBytes } from './canonical.ts'
import { concatBytes, encodeHex, encodeUtf8, type Bytes } from './encodings.ts'

export function sha256(...parts: readonly Uint8Array[]): Bytes {
  const hash = nobleSha256.create()
  for (const part of parts) hash.update(part)
  return new Uint8Array(hash.digest())
}

export function sha256Hex(...parts: readonly Uint8Array[]): string {
  return encodeHex(sha256(...parts))
}

/** SHA-256(purpose ‖ 0x00 ‖ parts…), 32 bytes. The parts must have fixed lengths or be one only. */
export function purposeHash(purpose: string, ...parts: readonly Uint8Array[]): Bytes {
  return sha256(encodeUtf8(purpose), Uint8Array.of(0), ...parts)
}

/** SHA-256 over the canonical JSON of a value, as lower-case hexadecimal. */
export function digestOf(value: unknown): string {
  return sha256Hex(canonicalBytes(value))
}

export function hmacSha256(key: Uint8Array, ...parts: readonly Uint8Array[]): Bytes {
  return new Uint8Array(hmac(nobleSha256, key, concatBytes(...parts)))
}

/** HKDF-SHA256 (RFC 5869) without salt: `secret` must already be uniformly random. */
export function deriveSecret(secret: Uint8Array, purpose: string, length = 32): Bytes {
  return new Uint8Array(hkdf(nobleSha256, secret, undefined, encodeUtf8(purpose), length))
}

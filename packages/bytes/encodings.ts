/** Hexadecimal (lower case only), base64 (RFC 4648 §4, padded) and UTF-8, each strict on the way in. */
import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js'
import { BytesError } from './errors.ts'

/** Bytes that WebCrypto accepts everywhere: never a view on shared memory. */
export type Bytes = Uint8Array<ArrayBuffer>

export function encodeHex(bytes: Uint8Array): string {
  return bytesToHex(bytes)
}

/** Throws {@link BytesError} `hex-invalid` unless `text` is pairs of lower-case hexadecimal digits. */
export function decodeHex(text: string): Bytes {
  if (text.length % 2 !== 0 || !/^[0-9a-f]*$/.test(text)) {
    throw new BytesError('hex-invalid', 'expected pairs of lower-case hexadecimal digits')
  }
  return new Uint8Array(hexToBytes(text))
}

export function encodeBase64(bytes: Uint8Array): string {
  let text = ''
  // In pieces: a call has a limit on the number of its arguments.
  for (let at = 0; at < bytes.length; at += 8192)
    text += String.fromCharCode(...bytes.subarray(at, at + 8192))
  return btoa(text)
}

/** Throws {@link BytesError} `base64-invalid` unless `text` is the one padded encoding of some bytes. */
export function decodeBase64(text: string): Bytes {
  let bytes: Bytes
  try {
    bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0))
  } catch {
    throw new BytesError('base64-invalid', 'expected padded standard base64')
  }
  // The decoder skips white space and ignores spare bits, so two texts could name the same bytes.
  if (encodeBase64(bytes) !== text) throw new BytesError('base64-invalid', 'base64 is not in its one form')
  return bytes
}

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

export function encodeUtf8(text: string): Bytes {
  return encoder.encode(text)
}

/** Throws {@link BytesError} `utf8-invalid` on malformed bytes; a byte order mark is kept as text. */
export function decodeUtf8(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes)
  } catch {
    throw new BytesError('utf8-invalid', 'the bytes are not UTF-8')
  }
}

export function concatBytes(...parts: readonly Uint8Array[]): Bytes {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let offset = 0
  for (const part of parts) {
    all.set(part, offset)
    offset += part.length
  }
  return all
}

/** Compares in time that depends on the lengths only. */
export function equalBytes(left: Uint8Array, right: Uint8Array): boolean {
  if (left.length !== right.length) return false
  let difference = 0
  for (let at = 0; at < left.length; at += 1) difference |= (left[at] ?? 0) ^ (right[at] ?? 0)
  return difference === 0
}

/** Order of unsigned bytes, as sorted trees use it: negative where `left` comes first. */
export function compareBytes(left: Uint8Array, right: Uint8Array): number {
  const shared = Math.min(left.length, right.length)
  for (let at = 0; at < shared; at += 1) {
    const difference = (left[at] ?? 0) - (right[at] ?? 0)
    if (difference !== 0) return difference
  }
  return left.length - right.length
}

/** Eight bytes, big-endian. Throws {@link BytesError} `integer-range` outside 0 … 2⁶⁴ − 1. */
export function encodeUint64(value: bigint): Bytes {
  if (value < 0n || value > 0xffff_ffff_ffff_ffffn) {
    throw new BytesError('integer-range', `${value} does not fit an unsigned 64-bit integer`)
  }
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setBigUint64(0, value)
  return bytes
}

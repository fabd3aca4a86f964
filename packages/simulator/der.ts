/** Writes DER (ITU-T X.690 §10), as far as certificates and CRLs need it. */
import { concatBytes, encodeUtf8, type Bytes } from '#bytes'

export function derElement(tag: number, ...contents: readonly Bytes[]): Bytes {
  const content = concatBytes(...contents)
  return concatBytes(Uint8Array.of(tag, ...lengthOctets(content.length)), content)
}

function lengthOctets(length: number): readonly number[] {
  if (length < 0x80) return [length]
  const octets: number[] = []
  for (let rest = length; rest > 0; rest >>= 8) octets.unshift(rest & 0xff)
  return [0x80 | octets.length, ...octets]
}

export const derSequence = (...parts: readonly Bytes[]): Bytes => derElement(0x30, ...parts)
export const derSet = (...parts: readonly Bytes[]): Bytes => derElement(0x31, ...parts)
export const derExplicit = (place: number, ...parts: readonly Bytes[]): Bytes =>
  derElement(0xa0 | place, ...parts)
export const derOctets = (bytes: Bytes): Bytes => derElement(0x04, bytes)
export const derUtf8 = (text: string): Bytes => derElement(0x0c, encodeUtf8(text))
export const derTrue: Bytes = derElement(0x01, Uint8Array.of(0xff))

/** A non-negative integer from big-endian bytes of any width. */
export function derInteger(value: Bytes | number): Bytes {
  const bytes = typeof value === 'number' ? Uint8Array.of(value >> 24, value >> 16, value >> 8, value) : value
  const start = bytes.findIndex((byte) => byte !== 0)
  const minimal = start === -1 ? Uint8Array.of(0) : bytes.slice(start)
  const signed = (minimal[0] ?? 0) >= 0x80 ? concatBytes(Uint8Array.of(0), minimal) : minimal
  return derElement(0x02, signed)
}

/** Whole octets, as keys and signatures are. */
export const derBits = (bytes: Bytes): Bytes => derElement(0x03, Uint8Array.of(0), bytes)

/** A named bit list of up to eight bits, without trailing zeros. */
export function derNamedBits(bits: readonly number[]): Bytes {
  const octet = bits.reduce((sum, bit) => sum | (0x80 >> bit), 0)
  return derElement(0x03, Uint8Array.of(7 - Math.max(...bits), octet))
}

export function derOid(dotted: string): Bytes {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number)
  const octets = [40 * first + second, ...rest].flatMap((arc) => {
    const groups = [arc % 128]
    for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128))
      groups.unshift(0x80 | (left % 128))
    return groups
  })
  return derElement(0x06, Uint8Array.from(octets))
}

/** UTCTime up to 2049, GeneralizedTime from 2050 on (RFC 5280 §4.1.2.5). */
export function derTime(time: Date): Bytes {
  const digits = `${time.toISOString().slice(0, 19).replaceAll(/[-:T]/g, '')}Z`
  const short = time.getUTCFullYear() < 2050
  return derElement(short ? 0x17 : 0x18, encodeUtf8(short ? digits.slice(2) : digits))
}

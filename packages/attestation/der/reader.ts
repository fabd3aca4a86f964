/**
 * A strict reader of DER (ITU-T X.690 §8 and §10), as far as certificates and CRLs need it.
 *
 * Lengths are definite and minimal, every element ends inside its parent, and nothing follows the last
 * one. Two byte strings never read as the same value, so a certificate is what its bytes are.
 */
import { encodeHex, type Bytes } from '#bytes'
import { AttestationError } from '../errors.ts'

export const derTag = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  oid: 0x06,
  enumerated: 0x0a,
  utf8String: 0x0c,
  printableString: 0x13,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const

export interface Der {
  readonly tag: number
  readonly content: Bytes
  /** Tag, length and content: what a signature covers. */
  readonly whole: Bytes
}

/** The one element that `bytes` are. */
export function readDer(bytes: Bytes, tag: number, what: string): Der {
  const element = readElement(bytes, 0)
  if (element.whole.length !== bytes.length) throw invalid(`bytes follow the ${what}`)
  if (element.tag !== tag) throw invalid(`${what} has tag ${element.tag}, not ${tag}`)
  return element
}

/** Walks the elements inside a constructed one; `end` makes sure that none was left out. */
export class DerCursor {
  readonly #content: Bytes
  readonly #what: string
  #at = 0

  constructor(parent: Der, what: string) {
    this.#content = parent.content
    this.#what = what
  }

  get more(): boolean {
    return this.#at < this.#content.length
  }

  /** The next element, whatever its tag. */
  any(): Der {
    const element = readElement(this.#content, this.#at)
    this.#at += element.whole.length
    return element
  }

  next(tag: number): Der {
    const element = this.any()
    if (element.tag !== tag) throw invalid(`${this.#what} has tag ${element.tag} where ${tag} belongs`)
    return element
  }

  optional(tag: number): Der | null {
    return this.more && this.#content[this.#at] === tag ? this.any() : null
  }

  end(): void {
    if (this.more) throw invalid(`${this.#what} has an element too many`)
  }
}

function readElement(bytes: Bytes, at: number): Der {
  const tag = bytes[at]
  const first = bytes[at + 1]
  if (tag === undefined || first === undefined) throw invalid('an element is cut off')
  if ((tag & 0x1f) === 0x1f) throw invalid('tags above 30 are not used here')
  let start = at + 2
  let length = first
  if (first >= 0x80) {
    const octets = first & 0x7f
    // Three octets name 16 MiB, far beyond any certificate; 0x80 is the indefinite form.
    if (octets === 0 || octets > 3) throw invalid('a length is indefinite or too long')
    length = 0
    for (let octet = 0; octet < octets; octet += 1) length = length * 256 + (bytes[start + octet] ?? 0)
    start += octets
    if (length < 0x80 || length < 2 ** (8 * (octets - 1))) throw invalid('a length is not minimal')
  }
  const end = start + length
  if (end > bytes.length) throw invalid('an element runs past its parent')
  return { tag, content: bytes.subarray(start, end), whole: bytes.subarray(at, end) }
}

export function readBoolean({ content }: Der): boolean {
  if (content.length !== 1 || (content[0] !== 0 && content[0] !== 0xff)) throw invalid('a boolean is neither')
  return content[0] === 0xff
}

/** A non-negative integer as big-endian bytes without a leading zero. */
export function readUnsigned({ content }: Der): Bytes {
  const [first, second] = content
  if (first === undefined || first >= 0x80) throw invalid('an integer is empty or negative')
  if (first !== 0 || content.length === 1) return content
  if (second === undefined || second < 0x80) throw invalid('an integer is not minimal')
  return content.subarray(1)
}

export function readSmallInteger(element: Der, maximum: number): number {
  const bytes = readUnsigned(element)
  if (bytes.length > 4) throw invalid('an integer is out of range')
  const value = bytes.reduce((sum, byte) => sum * 256 + byte, 0)
  if (value > maximum) throw invalid(`${value} is above ${maximum}`)
  return value
}

/** Dotted form. Arcs are bounded to what a number keeps exactly. */
export function readOid({ content }: Der): string {
  const arcs: number[] = []
  let arc = 0
  let fresh = true
  for (const byte of content) {
    if (fresh && byte === 0x80) throw invalid('an object identifier is not minimal')
    arc = arc * 128 + (byte & 0x7f)
    if (arc > 0xffff_ffff) throw invalid('an object identifier has an arc out of range')
    fresh = byte < 0x80
    if (!fresh) continue
    arcs.push(arc)
    arc = 0
  }
  const [head, ...rest] = arcs
  if (head === undefined || !fresh) throw invalid('an object identifier is cut off')
  const top = Math.min(Math.floor(head / 40), 2)
  return [top, head - top * 40, ...rest].join('.')
}

/** A bit string of whole octets, as keys and signatures are. */
export function readBitString({ content }: Der): Bytes {
  if (content[0] !== 0) throw invalid('a bit string does not end at an octet')
  return content.subarray(1)
}

/** A named bit list (X.690 §11.2.2): true where the bit of that number is set. */
export function readNamedBits({ content }: Der): (bit: number) => boolean {
  const unused = content[0]
  const last = content.at(-1)
  if (unused === undefined || last === undefined || unused > 7 || content.length < 2) {
    throw invalid('a list of named bits is empty')
  }
  if ((last & ((1 << unused) - 1)) !== 0) throw invalid('unused bits are set')
  return (bit) => (((content[1 + (bit >> 3)] ?? 0) >> (7 - (bit & 7))) & 1) === 1
}

const timeForms: { readonly [tag: number]: RegExp } = {
  [derTag.utcTime]: /^(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/,
  [derTag.generalizedTime]: /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/,
}

/** Milliseconds since 1970 of a UTCTime or GeneralizedTime in the form of RFC 5280 §4.1.2.5. */
export function readTime({ tag, content }: Der): number {
  const fields = timeForms[tag]?.exec(String.fromCharCode(...content.subarray(0, 16)))
  if (fields === null || fields === undefined) throw invalid('a time has an unknown form')
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = fields.slice(1).map(Number)
  const fullYear = tag === derTag.generalizedTime ? year : year + (year < 50 ? 2000 : 1900)
  const time = Date.UTC(fullYear, month - 1, day, hour, minute, second)
  const digits = new Date(time).toISOString().replaceAll(/[-:T]|\.000/g, '')
  // Date arithmetic would read 31 February as March: what comes out must spell what went in.
  if (!digits.endsWith(String.fromCharCode(...content))) throw invalid('a time names no day of the calendar')
  return time
}

export const hexOf = ({ content }: Der): string => encodeHex(content)

const invalid = (message: string) => new AttestationError('der-invalid', message)

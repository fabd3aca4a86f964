/**
 * Canonical JSON: RFC 8785 restricted to integers, so that one value has one byte string.
 *
 * Fractions, exponents and integers beyond ±(2⁵³ − 1) are refused: amounts beyond that travel as
 * decimal strings. What is parsed must already be canonical, which rules out duplicate keys, escapes
 * with two spellings and trailing bytes in one comparison.
 */
import { decodeUtf8, encodeUtf8, type Bytes } from './encodings.ts'
import { BytesError } from './errors.ts'

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }

/** Throws {@link BytesError} `json-invalid` on anything that is not integers-only JSON. */
export function canonicalJson(value: unknown): string {
  return canonical(value, 0)
}

// Deeper than any format of ours: a hostile document must end in a refusal and not in a stack overflow.
const MAXIMUM_DEPTH = 64

function canonical(value: unknown, depth: number): string {
  if (depth > MAXIMUM_DEPTH)
    throw new BytesError('json-invalid', `nested deeper than ${MAXIMUM_DEPTH} levels`)
  if (value === null || typeof value === 'boolean') return String(value)
  if (typeof value === 'number') return canonicalInteger(value)
  if (typeof value === 'string') return canonicalString(value)
  if (Array.isArray(value)) return `[${value.map((one) => canonical(one, depth + 1)).join(',')}]`
  if (typeof value === 'object' && isPlain(value)) {
    // RFC 8785 §3.2.3 sorts by UTF-16 code units, which is how JavaScript compares strings.
    const members = Object.keys(value)
      .sort()
      .map(
        (key) => `${canonicalString(key)}:${canonical((value as Record<string, unknown>)[key], depth + 1)}`,
      )
    return `{${members.join(',')}}`
  }
  throw new BytesError('json-invalid', `${typeof value} has no canonical form`)
}

export function canonicalBytes(value: unknown): Bytes {
  return encodeUtf8(canonicalJson(value))
}

/**
 * The value whose canonical form is exactly `bytes`.
 * Throws {@link BytesError} `utf8-invalid`, `json-invalid` or `json-not-canonical`.
 */
export function parseCanonical(bytes: Uint8Array): Json {
  const text = decodeUtf8(bytes)
  const value = parseJson(text)
  if (canonicalJson(value) !== text) {
    throw new BytesError(
      'json-not-canonical',
      'the JSON is not in its canonical form (RFC 8785, integers only)',
    )
  }
  return value
}

/** JSON text of any spelling. Throws {@link BytesError} `json-invalid`. */
export function parseJson(text: string): Json {
  try {
    return JSON.parse(text) as Json
  } catch {
    throw new BytesError('json-invalid', 'the text is not JSON')
  }
}

function canonicalInteger(value: number): string {
  if (!Number.isSafeInteger(value) || Object.is(value, -0)) {
    throw new BytesError('json-invalid', `${value} is not an integer that every reader keeps exactly`)
  }
  return String(value)
}

function canonicalString(value: string): string {
  if (!value.isWellFormed()) throw new BytesError('json-invalid', 'a string holds half a surrogate pair')
  return JSON.stringify(value)
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

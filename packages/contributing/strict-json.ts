/**
 * JSON of any spelling, but with each key once (RFC 8259 §4 leaves repeated keys to the reader).
 *
 * Two readers may keep different ones of two equal keys, so a repeated key could show people one text and
 * train on another.
 */
import { BytesError, decodeUtf8, parseJson, type Json } from '#bytes'
import { ContributingError } from './errors.ts'

/** Throws {@link ContributingError} `utf8-invalid`, `json-invalid` or `json-duplicate-key`; quotes nothing. */
export function parseStrictJson(bytes: Uint8Array): Json {
  const text = decodeStrictUtf8(bytes)
  let value: Json
  try {
    value = parseJson(text)
  } catch (error) {
    if (!(error instanceof BytesError)) throw error
    throw new ContributingError('json-invalid', 'the row is not JSON')
  }
  if (hasDuplicateKey(text))
    throw new ContributingError('json-duplicate-key', 'a key stands twice in one object')
  return value
}

/** Throws {@link ContributingError} `utf8-invalid`. */
export function decodeStrictUtf8(bytes: Uint8Array): string {
  try {
    return decodeUtf8(bytes)
  } catch (error) {
    if (!(error instanceof BytesError)) throw error
    throw new ContributingError('utf8-invalid', 'the bytes are not UTF-8')
  }
}

/** Without a byte order mark in front. */
export function withoutMark(bytes: Uint8Array): Uint8Array {
  const marked = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf
  return marked ? bytes.subarray(3) : bytes
}

// The text is known to be JSON, so a walk over its strings and braces is enough.
const tokens = /"(?:[^"\\]|\\.)*"|[{}[\],:]/gs

function hasDuplicateKey(text: string): boolean {
  const open: (Set<string> | null)[] = []
  let held: string | undefined
  for (const [token] of text.matchAll(tokens)) {
    if (token === '{') open.push(new Set())
    else if (token === '[') open.push(null)
    else if (token === '}' || token === ']') open.pop()
    else if (token === ':') {
      // Keys are compared as they are read: "a" and its escaped spelling are one key.
      const key = JSON.parse(held ?? '""') as string
      const keys = open.at(-1)
      if (keys?.has(key)) return true
      keys?.add(key)
    }
    held = token.startsWith('"') ? token : undefined
  }
  return false
}

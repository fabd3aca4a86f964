/**
 * JSON that can be read in one way only: UTF-8, no key twice, no great depth.
 *
 * Two readers of `{"model":"a","model":"b"}` may disagree about what was asked; a receipt over its bytes would
 * then prove less than it seems to. Messages here never quote the text.
 */
import { decodeUtf8, parseJson, type Json } from '#bytes'
import { HttpError } from '#node/core'

const DEEPEST = 32

/** Throws {@link HttpError} 400. */
export function parseStrictJson(bytes: Uint8Array): Json {
  let text: string
  let value: Json
  try {
    text = decodeUtf8(bytes)
  } catch {
    throw new HttpError(400, 'body_not_utf8', 'The body is not UTF-8.')
  }
  try {
    value = parseJson(text)
  } catch {
    throw new HttpError(400, 'body_not_json', 'The body is not JSON.')
  }
  assertKeysOnce(text)
  return value
}

// The text is known to be JSON, so strings, brackets and what stands before a colon are all there is to see.
function assertKeysOnce(text: string): void {
  const open: (Set<string> | 'list')[] = []
  for (let at = 0; at < text.length; at += 1) {
    const sign = text[at]
    if (sign === '{' || sign === '[') {
      open.push(sign === '{' ? new Set() : 'list')
      if (open.length > DEEPEST) throw new HttpError(400, 'body_too_deep', 'The body is nested too deeply.')
    } else if (sign === '}' || sign === ']') {
      open.pop()
    } else if (sign === '"') {
      const start = at
      at = endOfString(text, at)
      const keys = open.at(-1)
      if (keys === undefined || keys === 'list' || !isKey(text, at + 1)) continue
      const key = JSON.parse(text.slice(start, at + 1)) as string
      if (keys.has(key)) throw new HttpError(400, 'key_twice', 'A key stands twice in one object.')
      keys.add(key)
    }
  }
}

/** The place of the quotation mark that ends the string starting at `start`. */
function endOfString(text: string, start: number): number {
  let at = start + 1
  while (text[at] !== '"') at += text[at] === '\\' ? 2 : 1
  return at
}

function isKey(text: string, end: number): boolean {
  let at = end
  while (' \t\r\n'.includes(text[at] ?? '!')) at += 1
  return text[at] === ':'
}

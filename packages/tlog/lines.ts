/** What all C2SP log formats share: decimal numbers and base64 hashes, each in its one form, and plain text. */
import { decodeBase64, type Bytes } from '#bytes'
import { TlogError, type TlogErrorCode } from './errors.ts'

/** A number without leading zeroes. Refuses what is beyond 2^53 − 1, which no real log reaches. */
export function parseDecimal(text: string, code: TlogErrorCode): number {
  const value = /^(0|[1-9][0-9]{0,15})$/.test(text) ? Number(text) : Number.NaN
  if (!Number.isSafeInteger(value)) throw new TlogError(code, 'expected a decimal number in its one form')
  return value
}

export function parseBase64(text: string, code: TlogErrorCode): Bytes {
  try {
    return decodeBase64(text)
  } catch {
    throw new TlogError(code, 'expected base64 in its one form')
  }
}

export function parseHash(line: string, code: TlogErrorCode): Bytes {
  const hash = parseBase64(line, code)
  if (hash.length !== 32) throw new TlogError(code, 'expected a hash of 32 bytes')
  return hash
}

/** No tree that fits 64-bit sizes has a longer path. */
const maximumPathLength = 63

export function parsePath(lines: readonly string[], code: TlogErrorCode): readonly Bytes[] {
  if (lines.length > maximumPathLength) throw new TlogError(code, 'the path is longer than any tree is high')
  return lines.map((line) => parseHash(line, code))
}

/** ASCII control characters other than the newline, which no note may hold. */
export function hasControl(text: string): boolean {
  return /[^\P{Cc}\n\u007f-\u009f]/u.test(text)
}

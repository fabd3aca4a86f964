/**
 * Small numbers as Parquet packs them: runs of one number, and groups of eight packed to the bit ("RLE hybrid").
 */
import { damaged } from './errors.ts'
import type { Reader } from './reader.ts'

/**
 * Exactly `count` numbers of `width` bits. Whoever calls has bounded `count`: a run of a billion is five bytes.
 * Throws `ContributingError` `parquet-invalid`.
 */
export function readRuns(reader: Reader, width: number, count: number): Uint32Array {
  if (width > 32) damaged('numbers of more than 32 bits')
  const numbers = new Uint32Array(count)
  // One possible number needs no bits, and writers differ in whether a run is there at all.
  if (width === 0) return numbers
  for (let seen = 0; seen < count;) {
    const head = reader.varint()
    const length = head >> 1n
    if ((head & 1n) === 0n) {
      if (length > BigInt(count - seen)) damaged('a run goes on beyond the end of its page')
      const number = reader.unsigned(Math.ceil(width / 8))
      numbers.fill(number, seen, seen + Number(length))
      seen += Number(length)
    } else {
      if (length * BigInt(width) > BigInt(reader.left)) damaged('packed numbers are cut off')
      const packed = reader.take(Number(length) * width)
      const taken = Math.min(Number(length) * 8, count - seen)
      for (let at = 0; at < taken; at += 1) numbers[seen + at] = bitsAt(packed, at * width, width)
      seen += taken
    }
  }
  return numbers
}

// Least significant bit first. No shifts: 32 bits do not fit the signed numbers they make.
function bitsAt(bytes: Uint8Array, start: number, width: number): number {
  let value = 0
  for (let bit = 0; bit < width; bit += 1) {
    const at = start + bit
    if (((bytes[at >> 3]! >> (at & 7)) & 1) === 1) value += 2 ** bit
  }
  return value
}

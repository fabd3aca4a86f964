/** A place in some bytes that never reads beyond their end. */
import { damaged } from './errors.ts'

export class Reader {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  get at(): number {
    return this.#at
  }

  get left(): number {
    return this.#bytes.length - this.#at
  }

  byte(): number {
    this.#advance(1)
    return this.#bytes[this.#at - 1]!
  }

  /** The next bytes, not copied. */
  take(length: number): Uint8Array {
    this.#advance(length)
    return this.#bytes.subarray(this.#at - length, this.#at)
  }

  /** Up to four bytes as one unsigned number, the lowest byte first. */
  unsigned(length: number): number {
    this.#advance(length)
    let value = 0
    for (let at = this.#at - 1; at >= this.#at - length; at -= 1) value = value * 256 + this.#bytes[at]!
    return value
  }

  /** Unsigned LEB128 of at most 64 bits. */
  varint(): bigint {
    let value = 0n
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.byte()
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return value
    }
    return damaged('a number has no end')
  }

  #advance(length: number): void {
    if (length < 0 || length > this.left) damaged('a value goes on beyond the end of its page')
    this.#at += length
  }
}

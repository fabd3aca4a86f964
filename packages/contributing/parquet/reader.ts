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
    return this.take(1)[0]!
  }

  /** The next bytes, not copied. */
  take(length: number): Uint8Array {
    if (length < 0 || length > this.left) damaged('a value goes on beyond the end of its page')
    this.#at += length
    return this.#bytes.subarray(this.#at - length, this.#at)
  }

  uint32(): number {
    return littleEndian(this.take(4))
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
}

/** Up to four bytes as one unsigned number. */
export function littleEndian(bytes: Uint8Array): number {
  return bytes.reduceRight((value, byte) => value * 256 + byte, 0)
}

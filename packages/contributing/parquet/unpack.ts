/** A page as it lies in the file, and what is packed in it: each size is held against a budget before it is made. */
import { ContributingError } from '../errors.ts'
import { crc32 } from './crc32.ts'
import { damaged, unsupported } from './errors.ts'
import { unpackSnappy } from './snappy.ts'
import type { ThriftStruct } from './thrift.ts'

export type Codec = 'gzip' | 'zstd'

/** Unpacks exactly `length` bytes and stops there; may throw anything where it cannot. */
export type Decompress = (codec: Codec, bytes: Uint8Array, length: number) => Uint8Array

/** What may still be unpacked, for all columns of a file together. */
export interface Budget {
  bytes: number
}

export interface Page {
  readonly header: ThriftStruct
  /** As they lie in the file. */
  readonly bytes: Uint8Array
  readonly codec: number
  readonly decompress: Decompress | undefined
  readonly budget: Budget
}

export const NOT_PACKED = 0
const SNAPPY = 1
const CODECS: ReadonlyMap<number, Codec> = new Map([
  [2, 'gzip'],
  [6, 'zstd'],
])

/**
 * A changed byte of a text cannot be told from another text, unless the writer kept the sum of its page.
 * Throws {@link ContributingError} `parquet-invalid`.
 */
export function checkSum({ header, bytes }: Page): void {
  const sum = header.get(4)
  if (typeof sum === 'bigint' && BigInt.asUintN(32, sum) !== BigInt(crc32(bytes))) {
    damaged('a page does not have the checksum that was written with it')
  }
}

/** Exactly `length` bytes. Throws {@link ContributingError}. */
export function unpacked({ codec, decompress, budget }: Page, bytes: Uint8Array, length: number): Uint8Array {
  if (length < 0) damaged('a page is smaller than what stands in front of it')
  budget.bytes -= length
  if (budget.bytes < 0) {
    throw new ContributingError(
      'file-too-large',
      'the Parquet file unpacks to more than is read at once: split it',
    )
  }
  if (codec === NOT_PACKED)
    return bytes.length === length ? bytes : damaged('a page has another size than it says')
  if (codec === SNAPPY) return length === 0 ? bytes.subarray(0, 0) : unpackSnappy(bytes, length)
  const name = CODECS.get(codec)
  if (name === undefined || decompress === undefined) return unsupported(OTHER_COMPRESSION)
  // Nothing in it: some writers then leave out even the frame of an empty packed stream.
  if (length === 0) return bytes.subarray(0, 0)
  let result: Uint8Array | undefined
  try {
    result = decompress(name, bytes, length)
  } catch {
    // The library's message is dropped: it may quote what it read.
  }
  return result?.length === length ? result : damaged('a page does not unpack to the size it says')
}

const OTHER_COMPRESSION =
  'the Parquet file is packed with a compression that is not read: use Snappy, Zstandard, gzip or none'

/**
 * Snappy's block format, strict (google/snappy, format_description.txt).
 *
 * Ours because those for JavaScript are not: of a stream that ends early or goes on too long they make zeros or a part.
 */
import { damaged } from './errors.ts'
import { Reader } from './reader.ts'

/** Throws `ContributingError` `parquet-invalid` unless `packed` makes exactly `length` bytes. */
export function unpackSnappy(packed: Uint8Array, length: number): Uint8Array {
  const reader = new Reader(packed)
  if (reader.varint() !== BigInt(length)) damaged('a packed page has another size than it says')
  const out = new Uint8Array(length)
  let at = 0
  while (reader.left > 0) {
    const tag = reader.byte()
    const kind = tag & 3
    if (kind === 0) {
      const literal = reader.take(literalLength(tag >> 2, reader))
      if (literal.length > length - at) damaged('a packed page goes on beyond its size')
      out.set(literal, at)
      at += literal.length
      continue
    }
    const count = kind === 1 ? ((tag >> 2) & 7) + 4 : (tag >> 2) + 1
    const offset = kind === 1 ? ((tag >> 5) << 8) | reader.byte() : reader.unsigned(kind === 2 ? 2 : 4)
    if (offset === 0 || offset > at) damaged('a packed page repeats what is not there')
    if (count > length - at) damaged('a packed page goes on beyond its size')
    // Byte by byte: what is repeated may be what is being written.
    for (const end = at + count; at < end; at += 1) out[at] = out[at - offset]!
  }
  return at === length ? out : damaged('a packed page ends early')
}

// Up to 60 in the tag itself, else one to four bytes follow.
function literalLength(tag: number, reader: Reader): number {
  return (tag < 60 ? tag : reader.unsigned(tag - 59)) + 1
}

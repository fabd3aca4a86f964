/** Parquet files written by hand, so that each thing in them can be a lie. */
import { concatBytes, encodeUtf8, type Bytes } from '#bytes'

/** A Thrift structure: fields by number. `bigint` is written as i64, `number` as i32. */
export type Struct = { readonly [id: number]: Field }
type Field = number | bigint | boolean | string | Uint8Array | readonly Field[] | Struct

export interface Column {
  readonly name: string
  readonly pages: readonly Uint8Array[]
  readonly values: number
  readonly codec?: number
  /** Fields of its schema element and its metadata that are written instead. */
  readonly element?: Struct
  readonly metadata?: Struct
}

export const text = { 1: 6, 3: 0, 6: 0 }
export const optionalText = { ...text, 3: 1 }

/** One group of rows; `metadata` replaces fields of the file's. */
export function parquetFile(columns: readonly Column[], metadata: Struct = {}): Bytes {
  const rows = BigInt(columns[0]?.values ?? 0)
  const parts: Uint8Array[] = [encodeUtf8('PAR1')]
  const chunks = columns.map((column) => {
    const offset = parts.reduce((sum, part) => sum + part.length, 0)
    const size = column.pages.reduce((sum, page) => sum + page.length, 0)
    parts.push(...column.pages)
    const described = {
      1: 6,
      2: [0],
      3: [column.name],
      4: column.codec ?? 0,
      5: BigInt(column.values),
      6: BigInt(size),
      7: BigInt(size),
      9: BigInt(offset),
      ...column.metadata,
    }
    return { 2: BigInt(offset), 3: described }
  })
  const schema = [
    { 4: 'schema', 5: columns.length },
    ...columns.map(({ name, element }) => ({ 4: name, ...text, ...element })),
  ]
  const groups = [{ 1: chunks, 2: 0n, 3: rows }]
  return withFooter(concatBytes(...parts), thrift({ 1: 1, 2: schema, 3: rows, 4: groups, ...metadata }))
}

export function withFooter(front: Uint8Array, footer: Uint8Array): Bytes {
  return concatBytes(front, footer, uint32(footer.length), encodeUtf8('PAR1'))
}

/** A data page of version 1; `body` is what lies in the file, `size` what it says to unpack to. */
export function dataPage(body: Uint8Array, count: number, head: Struct = {}, size = body.length): Bytes {
  const header = { 1: 0, 2: size, 3: body.length, 5: { 1: count, 2: 0, 3: 3, 4: 3, ...head } }
  return concatBytes(thrift(header), body)
}

export function dataPageV2(values: Uint8Array, count: number, levels: Uint8Array, head: Struct = {}): Bytes {
  const size = values.length + levels.length
  const described = { 1: count, 2: 0, 3: count, 4: 0, 5: levels.length, 6: 0, 7: false, ...head }
  return concatBytes(thrift({ 1: 3, 2: size, 3: size, 8: described }), levels, values)
}

export function dictionaryPage(body: Uint8Array, count: number): Bytes {
  return concatBytes(thrift({ 1: 2, 2: body.length, 3: body.length, 7: { 1: count, 2: 0 } }), body)
}

export function plain(values: readonly (string | Uint8Array)[]): Bytes {
  const texts = values.map((value) => (typeof value === 'string' ? encodeUtf8(value) : value))
  return concatBytes(...texts.flatMap((one) => [uint32(one.length), one]))
}

/** Numbers as runs of one number each, every count as given. */
export function runs(width: number, of: readonly (readonly [count: number, value: number])[]): Bytes {
  const size = Math.ceil(width / 8)
  return concatBytes(
    ...of.flatMap(([count, value]) => [varint(BigInt(count) * 2n), uint32(value).subarray(0, size)]),
  )
}

/** Levels of an optional column as a data page of version 1 begins with them. */
export function levels(encoded: Uint8Array): Bytes {
  return concatBytes(uint32(encoded.length), encoded)
}

export function uint32(value: number): Bytes {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, value, true)
  return bytes
}

export function varint(value: bigint): Bytes {
  const bytes: number[] = []
  for (let rest = value; ; rest >>= 7n) {
    if (rest < 0x80n) return Uint8Array.from([...bytes, Number(rest)])
    bytes.push(Number(rest & 0x7fn) | 0x80)
  }
}

export function thrift(struct: Struct): Bytes {
  const parts: Uint8Array[] = []
  let last = 0
  // Integer keys come in ascending order, so the difference to the last one is above zero.
  for (const [key, field] of Object.entries(struct)) {
    const id = Number(key)
    const type = field === true ? 1 : field === false ? 2 : typeOf(field)
    const near = id - last <= 15
    parts.push(Uint8Array.of((near ? (id - last) << 4 : 0) | type))
    if (!near) parts.push(varint(BigInt(id) * 2n))
    if (typeof field !== 'boolean') parts.push(encoded(field))
    last = id
  }
  return concatBytes(...parts, Uint8Array.of(0))
}

function typeOf(field: Field): number {
  if (typeof field === 'boolean') return 1
  if (typeof field === 'number') return 5
  if (typeof field === 'bigint') return 6
  if (typeof field === 'string' || field instanceof Uint8Array) return 8
  return Array.isArray(field) ? 9 : 12
}

function encoded(field: Field): Bytes {
  if (typeof field === 'boolean') return Uint8Array.of(field ? 1 : 2)
  if (typeof field === 'number' || typeof field === 'bigint') {
    const value = BigInt(field)
    return varint(value < 0n ? -2n * value - 1n : 2n * value)
  }
  if (typeof field === 'string') return encoded(encodeUtf8(field))
  if (field instanceof Uint8Array) return concatBytes(varint(BigInt(field.length)), field)
  if (!Array.isArray(field)) return thrift(field)
  const type = field.length === 0 ? 12 : typeOf(field[0] as Field)
  return concatBytes(
    Uint8Array.of(0xf0 | type),
    varint(BigInt(field.length)),
    ...field.map((one) => encoded(one as Field)),
  )
}

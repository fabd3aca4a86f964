/**
 * What a Parquet file says about itself: which columns it has, and where the pages of each lie (parquet-format,
 * `FileMetaData`).
 *
 * All of it is a claim: every place is checked against the file, every count against the others and a limit.
 */
import { ContributingError } from '../errors.ts'
import { quoteName } from '../names.ts'
import { decodeStrictUtf8 } from '../strict-json.ts'
import { damaged, unsupported } from './errors.ts'
import { Reader } from './reader.ts'
import {
  asStruct,
  countIn,
  listIn,
  optionalCount,
  readStruct,
  structIn,
  type ThriftStruct,
  type ThriftValue,
} from './thrift.ts'

const MAXIMUM_FOOTER_BYTES = 1024 * 1024
const MAXIMUM_ROWS = 1_000_000

/** The pages of one column in one group of rows. */
export interface Chunk {
  readonly start: number
  readonly end: number
  /** Number of a compression in `parquet-format`. */
  readonly codec: number
  readonly values: number
  readonly nullable: boolean
}

export interface Footer {
  readonly rows: number
  /** Names at the top level, each once, in the order of the file. */
  readonly columns: readonly string[]
  /**
   * Where the values of a column of text lie. Throws {@link ContributingError} `parquet-unsupported` for another
   * type and for a nested column, `parquet-invalid` where the places are not in the file.
   */
  readonly chunksOf: (column: string) => readonly Chunk[]
}

/** Throws {@link ContributingError} `parquet-invalid`, `parquet-unsupported`, `columns-ambiguous` or `file-too-large`. */
export function readFooter(bytes: Uint8Array): Footer {
  const [first, last] = [bytes.subarray(0, 4), bytes.subarray(-4)].map((mark) => String.fromCharCode(...mark))
  if (last === 'PARE') unsupported('the Parquet file is encrypted: write it without encryption')
  if (bytes.length < 12 || first !== 'PAR1' || last !== 'PAR1') damaged('it does not begin and end with PAR1')
  const length = new Reader(bytes.subarray(-8)).unsigned(4)
  if (length > bytes.length - 12) damaged('its footer does not fit')
  if (length > MAXIMUM_FOOTER_BYTES) {
    throw new ContributingError('file-too-large', `the footer of the Parquet file is larger than 1 MiB`)
  }
  const end = bytes.length - 8 - length
  const metadata = readStruct(new Reader(bytes.subarray(end, bytes.length - 8)))
  const rows = countIn(metadata, 3)
  if (rows > MAXIMUM_ROWS) {
    throw new ContributingError('file-too-large', `the Parquet file has more than ${MAXIMUM_ROWS} rows`)
  }
  const elements = topLevelOf(listIn(metadata, 2).map(asStruct))
  const groups = listIn(metadata, 4).map(asStruct)
  if (groups.reduce((sum, group) => sum + countIn(group, 3), 0) !== rows) damaged('its rows do not add up')
  return {
    rows,
    columns: [...elements.keys()],
    chunksOf(column) {
      const nullable = isNullableText(column, elements.get(column) ?? damaged('a column is missing'))
      return groups.map((group) => chunkOf(group, column, nullable, end))
    },
  }
}

/** The elements of the schema that are not inside others, by name. */
function topLevelOf(schema: readonly ThriftStruct[]): Map<string, ThriftStruct> {
  const elements = new Map<string, ThriftStruct>()
  const count = countIn(schema[0] ?? damaged('it has no schema'), 5)
  let at = 1
  for (let column = 0; column < count; column += 1) {
    const element = schema[at] ?? damaged('its schema is cut off')
    const name = textOf(element.get(4))
    if (elements.has(name)) {
      throw new ContributingError('columns-ambiguous', 'a column stands twice in the Parquet file')
    }
    elements.set(name, element)
    // What is inside the element comes right after it.
    for (let open = 1; open > 0; at += 1) {
      open += (optionalCount(schema[at] ?? damaged('its schema is cut off'), 5) ?? 0) - 1
    }
  }
  return elements
}

const BYTE_ARRAY = 6
const UTF8 = 0
const REQUIRED = 0
const OPTIONAL = 1

function isNullableText(column: string, element: ThriftStruct): boolean {
  const name = quoteName(column)
  const repetition = optionalCount(element, 3)
  if ((optionalCount(element, 5) ?? 0) > 0 || (repetition !== REQUIRED && repetition !== OPTIONAL)) {
    unsupported(
      `column ${name} is nested: give question and answer a column of text each, or write JSON lines`,
    )
  }
  const logical = element.get(10)
  const isText = optionalCount(element, 6) === UTF8 || (logical instanceof Map && logical.has(1))
  if (optionalCount(element, 1) !== BYTE_ARRAY || !isText) {
    unsupported(`column ${name} is no text: write it as a column of type string`)
  }
  return repetition === OPTIONAL
}

function chunkOf(group: ThriftStruct, column: string, nullable: boolean, limit: number): Chunk {
  const found = listIn(group, 1)
    .map(asStruct)
    .filter((chunk) => isOf(structIn(chunk, 3), column))
  const [chunk, ...more] = found
  if (chunk === undefined || more.length > 0) return damaged('a column is not in every group of rows')
  if (chunk.get(1) !== undefined)
    unsupported('the Parquet file keeps its values in another file: write one file')
  const metadata = structIn(chunk, 3)
  const values = countIn(metadata, 5)
  if (values !== countIn(group, 3)) damaged('a column does not have one value a row')
  // Zero is written by some for "no dictionary": nothing can lie where the file's first four bytes are.
  const dictionary = optionalCount(metadata, 11)
  const data = countIn(metadata, 9)
  const start = dictionary === undefined || dictionary === 0 ? data : Math.min(dictionary, data)
  const end = start + countIn(metadata, 7)
  if (start < 4 || end > limit) damaged('a column lies outside the file')
  return { start, end, codec: countIn(metadata, 4), values, nullable }
}

function isOf(metadata: ThriftStruct, column: string): boolean {
  const path = listIn(metadata, 3)
  return path.length === 1 && textOf(path[0]) === column
}

function textOf(value: ThriftValue | undefined): string {
  return value instanceof Uint8Array ? decodeStrictUtf8(value) : damaged('a name is missing')
}

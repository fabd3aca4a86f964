/**
 * The values of one column, page by page (parquet-format, "Data Pages"): texts as bytes, not yet checked to be UTF-8.
 *
 * Read are data pages of version 1 and 2, dictionaries, plain texts. What a page says of its size is checked against
 * a budget before anything is unpacked, and against what came out.
 */
import { damaged, unsupported } from './errors.ts'
import type { Chunk } from './footer.ts'
import { Reader } from './reader.ts'
import { readRuns } from './runs.ts'
import { countIn, readStruct, structIn } from './thrift.ts'
import { checkSum, NOT_PACKED, unpacked, type Budget, type Decompress, type Page } from './unpack.ts'

// Larger than any header with statistics in it, small enough to be read again for every page.
const MAXIMUM_HEADER_BYTES = 64 * 1024
const SPARE_PAGES = 64
const [DATA_PAGE, INDEX_PAGE, DICTIONARY_PAGE, DATA_PAGE_V2] = [0, 1, 2, 3]
const [PLAIN, PLAIN_DICTIONARY, RLE, RLE_DICTIONARY] = [0, 2, 3, 8]
/** One value a row, null where there is none. Throws {@link ContributingError}. */
export function readChunk(
  file: Uint8Array,
  chunk: Chunk,
  decompress: Decompress | undefined,
  budget: Budget,
): (Uint8Array | null)[] {
  const values: (Uint8Array | null)[] = []
  let dictionary: readonly Uint8Array[] | undefined
  let pages = 0
  for (let at = chunk.start; values.length < chunk.values;) {
    // Pages without a value cost time and nothing else: an honest column has a handful.
    pages += 1
    if (pages > chunk.values + SPARE_PAGES) damaged('a column has more pages than values')
    const reader = new Reader(file.subarray(at, Math.min(at + MAXIMUM_HEADER_BYTES, chunk.end)))
    const header = readStruct(reader)
    const begin = at + reader.at
    at = begin + countIn(header, 3)
    if (at > chunk.end) damaged('a page goes on beyond its column')
    const page: Page = { header, bytes: file.subarray(begin, at), codec: chunk.codec, decompress, budget }
    checkSum(page)
    const type = countIn(header, 1)
    if (type === DICTIONARY_PAGE) {
      if (dictionary !== undefined) damaged('a column has two dictionaries')
      dictionary = readDictionary(page)
    } else if (type === DATA_PAGE || type === DATA_PAGE_V2) {
      const open = type === DATA_PAGE ? openPage(page, chunk.nullable) : openPageV2(page, chunk.nullable)
      if (open.count > chunk.values - values.length) damaged('a column has more values than rows')
      for (const value of readValues(open.read(), dictionary)) values.push(value)
    } else if (type !== INDEX_PAGE) damaged('it holds a page of no known kind')
  }
  return values
}

/** A data page before its count is known to be allowed. */
interface OpenPage {
  readonly count: number
  readonly read: () => Values
}

interface Values {
  readonly encoding: number
  /** Which places hold a value. */
  readonly present: readonly boolean[]
  readonly reader: Reader
}

function openPage(page: Page, nullable: boolean): OpenPage {
  const head = structIn(page.header, 5)
  const count = countIn(head, 1)
  return {
    count,
    read() {
      const reader = new Reader(unpacked(page, page.bytes, countIn(page.header, 2)))
      if (nullable && countIn(head, 3) !== RLE) unsupported(WRITE_ANEW)
      const present = nullable ? presence(new Reader(reader.take(reader.unsigned(4))), count) : all(count)
      return { encoding: countIn(head, 2), present, reader }
    },
  }
}

// In version 2 the levels stand in front of the packed values and are not packed themselves.
function openPageV2(page: Page, nullable: boolean): OpenPage {
  const head = structIn(page.header, 8)
  const count = countIn(head, 1)
  return {
    count,
    read() {
      const [levels, repeats] = [countIn(head, 5), countIn(head, 6)]
      if (repeats > 0 || (!nullable && levels > 0)) damaged('a flat column holds levels of a nested one')
      const reader = new Reader(page.bytes)
      const present = nullable ? presence(new Reader(reader.take(levels)), count) : all(count)
      const rest = reader.take(reader.left)
      const length = countIn(page.header, 2) - levels
      const codec = head.get(7) === false ? NOT_PACKED : page.codec
      const values = unpacked({ ...page, codec }, rest, length)
      return { encoding: countIn(head, 4), present, reader: new Reader(values) }
    },
  }
}

function readDictionary(page: Page): Uint8Array[] {
  const head = structIn(page.header, 7)
  const encoding = countIn(head, 2)
  if (encoding !== PLAIN && encoding !== PLAIN_DICTIONARY) unsupported(WRITE_ANEW)
  const reader = new Reader(unpacked(page, page.bytes, countIn(page.header, 2)))
  return plainTexts(reader, countIn(head, 1))
}

const WRITE_ANEW =
  'the Parquet file uses an encoding that is not read: write it anew with plain or dictionary encoding'

function readValues(
  { encoding, present, reader }: Values,
  dictionary: readonly Uint8Array[] | undefined,
): (Uint8Array | null)[] {
  const count = present.filter(Boolean).length
  let texts: readonly Uint8Array[]
  if (encoding === PLAIN) texts = plainTexts(reader, count)
  else if (encoding === PLAIN_DICTIONARY || encoding === RLE_DICTIONARY) {
    if (count > 0 && dictionary === undefined) damaged('a column lacks its dictionary')
    const places = count === 0 ? [] : [...readRuns(reader, reader.byte(), count)]
    texts = places.map((place) => dictionary?.[place] ?? damaged('a value is not in its dictionary'))
  } else return unsupported(WRITE_ANEW)
  let next = 0
  return present.map((is) => (is ? texts[next++]! : null))
}

function plainTexts(reader: Reader, count: number): Uint8Array[] {
  const texts: Uint8Array[] = []
  for (let at = 0; at < count; at += 1) texts.push(reader.take(reader.unsigned(4)))
  return texts
}

function presence(reader: Reader, count: number): boolean[] {
  return Array.from(readRuns(reader, 1, count), (level) => level === 1)
}

const all = (count: number): boolean[] => Array.from({ length: count }, () => true)

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { deflateRawSync, gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import fc from 'fast-check'
import { concatBytes, decodeBase64, encodeUtf8 } from '#bytes'
import { ContributingError, type ContributingErrorCode } from '../errors.ts'
import { readFile } from '../read-file.ts'
import {
  dataPage,
  dataPageV2,
  dictionaryPage,
  levels,
  optionalText,
  parquetFile,
  plain,
  runs,
  text,
  thrift,
  uint32,
  varint,
  withFooter,
  type Column,
  type Struct,
} from '../testing/parquet-file.ts'
import type { Decompress } from './index.ts'
import { unpackSnappy } from './snappy.ts'

const decompress: Decompress = (codec, bytes, length) =>
  (codec === 'gzip' ? gunzipSync : zstdDecompressSync)(bytes, { maxOutputLength: length })
const read = (bytes: Uint8Array) => readFile('a.parquet', bytes, undefined, decompress)
const pairsOf = (bytes: Uint8Array) =>
  read(bytes).items.map(({ item }) => item.messages.map(({ content }) => content))

function refusalOf(bytes: Uint8Array): ContributingError {
  try {
    read(bytes)
  } catch (error) {
    if (error instanceof ContributingError) return error
    throw error
  }
  return assert.fail('the file was read')
}

const three = ['a', 'b', 'c']
const question: Column = { name: 'question', pages: [dataPage(plain(three), 3)], values: 3 }
const answerOf = (change: Partial<Column>): Column => ({ ...question, name: 'answer', ...change })
const fileOf = (change: Partial<Column> = {}, metadata: Struct = {}) =>
  parquetFile([question, answerOf(change)], metadata)

test('a file written by hand reads back, in every layout that is read', () => {
  const expected = three.map((one) => [one, one])
  const body = plain(three)
  const dictionary = dictionaryPage(plain(['a', 'b', 'c']), 3)
  const places = (of: readonly number[]) =>
    concatBytes(
      Uint8Array.of(2),
      runs(
        2,
        of.map((place) => [1, place] as const),
      ),
    )
  // Bit-packed, least significant bit first: 0, 1, 2 in two bits each, filled up to a group of eight.
  const packed = Uint8Array.of(2, 0b11, 0b00_10_01_00, 0)
  const present = runs(1, [[3, 1]])
  const layouts: readonly Partial<Column>[] = [
    {},
    { pages: [dataPage(plain(['a']), 1), dataPage(plain(['b', 'c']), 2)] },
    { pages: [dataPage(plain([]), 0), dataPage(body, 3)] },
    { pages: [dictionary, dataPage(places([0, 1, 2]), 3, { 2: 8 })] },
    { pages: [dictionary, dataPage(packed, 3, { 2: 2 })] },
    { pages: [dataPageV2(body, 3, new Uint8Array())] },
    { element: optionalText, pages: [dataPage(concatBytes(levels(present), body), 3)] },
    { element: optionalText, pages: [dataPageV2(body, 3, present)] },
    { codec: 2, pages: [dataPage(new Uint8Array(gzipSync(body)), 3, {}, body.length)] },
    { codec: 6, pages: [dataPage(new Uint8Array(zstdCompressSync(body)), 3, {}, body.length)] },
    { codec: 1, pages: [dataPage(literal(body), 3, {}, body.length)] },
  ]
  for (const [at, layout] of layouts.entries()) assert.deepEqual(pairsOf(fileOf(layout)), expected, `${at}`)
  // One entry needs no bits for its place.
  const one = [dictionaryPage(plain(['x']), 1), dataPage(Uint8Array.of(0), 3, { 2: 8 })]
  assert.deepEqual(
    pairsOf(fileOf({ pages: one })),
    three.map((text) => [text, 'x']),
  )
})

test('Snappy repeats what it has written, over itself too', () => {
  const body = plain(['abababab', 'abababab', 'c'])
  // 4 bytes of length and "ab" as they are, 6 repeated from 2 back, 12 from 12 back, the rest as it is.
  const packed = concatBytes(
    varint(BigInt(body.length)),
    Uint8Array.of((6 - 1) << 2),
    body.subarray(0, 6),
    Uint8Array.of(((6 - 4) << 2) | 1, 2),
    Uint8Array.of(((12 - 1) << 2) | 2, 12, 0),
    Uint8Array.of((body.length - 24 - 1) << 2),
    body.subarray(24),
  )
  const column = { codec: 1, pages: [dataPage(packed, 3, {}, body.length)] }
  assert.deepEqual(
    pairsOf(fileOf(column)).map(([, answer]) => answer),
    ['abababab', 'abababab', 'c'],
  )
})

test('Snappy that is not whole makes nothing, not even zeros', () => {
  const refuses = (packed: readonly number[], length: number, words: RegExp) =>
    assert.throws(
      () => unpackSnappy(Uint8Array.from(packed), length),
      (error) => error instanceof ContributingError && words.test(error.message),
    )
  assert.deepEqual(unpackSnappy(Uint8Array.of(2, 4, 7, 8), 2), Uint8Array.of(7, 8))
  refuses([3, 4, 7, 8], 3, /ends early/)
  refuses([3], 3, /ends early/)
  refuses([6, 4, 7, 8, 1, 3], 6, /not there/)
  refuses([6, 4, 7, 8, 1, 0], 6, /not there/)
  refuses([5, 4, 7, 8, 1, 1], 5, /beyond its size/)
  refuses([1, 4, 7, 8], 1, /beyond its size/)
  refuses([2, 4, 7, 8], 3, /another size/)
  // A length that is negative to whoever reads it as a signed number: it would be read again for ever.
  refuses([21, 0xfc, 0xf6, 0xff, 0xff, 0xff, 0, 0], 21, /beyond the end/)
})

const anyText = fc.string({ unit: 'grapheme' }).map((one) => `x${one}y`.normalize('NFC'))
const anyPairs = fc.array(fc.tuple(anyText, anyText), { minLength: 1, maxLength: 20 })

test('whatever texts are written, plain, from a dictionary or packed, are read', () => {
  fc.assert(
    fc.property(anyPairs, fc.nat(), fc.constantFrom(0, 1, 2, 6), (pairs, cut, codec) => {
      const columns = [0, 1].map((side): Column => {
        const texts = pairs.map((pair) => pair[side as 0 | 1])
        const middle = cut % texts.length
        const pages = [texts.slice(0, middle), texts.slice(middle)].map((part) => {
          const body = plain(part)
          return dataPage(packedWith(codec, body), part.length, {}, body.length)
        })
        return { name: side === 0 ? 'question' : 'answer', pages, values: texts.length, codec }
      })
      const normal = pairs.map((pair) => pair.map((one) => one.replaceAll(/\r\n?/g, '\n')))
      assert.deepEqual(pairsOf(parquetFile(columns)), normal)
      const distinct = [...new Set(pairs.map(([, answer]) => answer))]
      const places = runs(
        8,
        pairs.map(([, answer]) => [1, distinct.indexOf(answer)] as const),
      )
      const page = dataPage(concatBytes(Uint8Array.of(8), places), pairs.length, { 2: 8 })
      const listed = {
        name: 'answer',
        values: pairs.length,
        pages: [dictionaryPage(plain(distinct), distinct.length), page],
      }
      assert.deepEqual(pairsOf(parquetFile([columns[0]!, listed])), normal)
    }),
  )
})

test('rows that cannot be contributed are named by their number', () => {
  const broken = plain(['a', Uint8Array.of(0xff), ' '])
  const { problems } = refusalOf(fileOf({ pages: [dataPage(broken, 3)] }))
  assert.deepEqual(
    problems.map(({ code, line }) => [code, line]),
    [
      ['utf8-invalid', 2],
      ['text-empty', 3],
    ],
  )
  const absent = { element: optionalText, pages: [dataPage(levels(runs(1, [[3, 0]])), 3)] }
  const nulls = parquetFile([{ ...question, ...absent }, answerOf(absent)])
  assert.deepEqual(
    refusalOf(nulls).problems.map(({ code, line }) => [code, line]),
    three.map((_, at) => ['row-empty', at + 1]),
  )
})

// Who would lie: whoever wants the machine of a contributor to fall over, or bytes of another column to leave with it.
test('a file made to harm is refused by its reason, and costs nothing', () => {
  const body = plain(three)
  const big = 2 ** 31 - 1
  const dictionary = dictionaryPage(plain(['a']), 1)
  const noise = new Uint8Array(1000).map((_, at) => (at * 7919) >> 3)
  const overlong = concatBytes(plain(['a', 'b']), uint32(200), encodeUtf8('c'))
  const snappyBackwards = concatBytes(Uint8Array.of(21, 0xfc, 0xf6, 0xff, 0xff, 0xff), new Uint8Array(12))
  const zeros = new Uint8Array(20_000_000)
  const endless = new Uint8Array(1000).fill(0xff).with(0, 0x15)
  const deep = concatBytes(new Uint8Array(1000).fill(0x1c), new Uint8Array(1001))
  const par1 = encodeUtf8('PAR1')
  const pages = (...of: Uint8Array[]) => fileOf({ pages: of })
  const packed = (codec: number, bytes: Uint8Array, size: number) =>
    fileOf({ codec, pages: [dataPage(new Uint8Array(bytes), 3, {}, size)] })
  const cases: readonly [ContributingErrorCode, string, Uint8Array][] = [
    // Counts
    ['file-too-large', 'rows without end', fileOf({}, { 3: 2n ** 40n, 4: [{ 1: [], 2: 0n, 3: 2n ** 40n }] })],
    ['parquet-invalid', 'rows below zero', fileOf({}, { 3: -1n })],
    ['parquet-invalid', 'rows that do not add up', fileOf({}, { 3: 4n })],
    ['parquet-invalid', 'fewer values than rows', fileOf({ values: 2 })],
    ['parquet-invalid', 'a page with more values than rows', pages(dataPage(body, big))],
    ['parquet-invalid', 'a page with more values than bytes', pages(dataPage(plain(['a']), 3))],
    [
      'parquet-invalid',
      'pages without values, without end',
      pages(...Array.from({ length: 100 }, () => dataPage(plain([]), 0))),
    ],
    // Runs
    [
      'parquet-invalid',
      'levels that run on',
      fileOf({ element: optionalText, pages: [dataPage(concatBytes(levels(runs(1, [[big, 1]])), body), 3)] }),
    ],
    [
      'parquet-invalid',
      'levels that run on, version 2',
      fileOf({ element: optionalText, pages: [dataPageV2(body, 3, runs(1, [[big, 1]]))] }),
    ],
    [
      'parquet-invalid',
      'places that run on',
      pages(dictionary, dataPage(concatBytes(Uint8Array.of(1), runs(1, [[big, 0]])), 3, { 2: 8 })),
    ],
    [
      'parquet-invalid',
      'places of too many bits',
      pages(dictionary, dataPage(Uint8Array.of(33, 2, 0, 0, 0, 0, 0), 3, { 2: 8 })),
    ],
    [
      'parquet-invalid',
      'packed places that are cut off',
      pages(dictionary, dataPage(Uint8Array.of(8, 255, 1, 0), 3, { 2: 8 })),
    ],
    [
      'parquet-invalid',
      'a place outside the dictionary',
      pages(dictionary, dataPage(Uint8Array.of(1, 6, 1), 3, { 2: 8 })),
    ],
    ['parquet-invalid', 'a dictionary that is missing', pages(dataPage(Uint8Array.of(1, 6, 0), 3, { 2: 8 }))],
    [
      'parquet-invalid',
      'two dictionaries',
      pages(dictionary, dictionary, dataPage(Uint8Array.of(1, 6, 0), 3, { 2: 8 })),
    ],
    [
      'parquet-invalid',
      'a dictionary larger than its page',
      pages(dictionaryPage(plain(['a']), big), dataPage(Uint8Array.of(1, 6, 0), 3, { 2: 8 })),
    ],
    // Places
    ['parquet-invalid', 'a text that reaches into what follows', pages(dataPage(overlong, 3))],
    [
      'parquet-invalid',
      'a page that reaches out of its column',
      pages(concatBytes(thrift({ 1: 0, 2: 900, 3: 900, 5: { 1: 3, 2: 0, 3: 3, 4: 3 } }), body)),
    ],
    ['parquet-invalid', 'a column beyond the file', fileOf({ metadata: { 9: 100_000n } })],
    ['parquet-invalid', 'a column that begins below zero', fileOf({ metadata: { 9: -5n } })],
    ['parquet-invalid', 'a column that goes on into the footer', fileOf({ metadata: { 7: 500n } })],
    ['parquet-invalid', 'a column in the file’s first bytes', fileOf({ metadata: { 9: 0n } })],
    ['parquet-invalid', 'a column of another path', fileOf({ metadata: { 3: ['other'] } })],
    ['parquet-unsupported', 'values in another file', withOtherFile()],
    // Sizes
    ['file-too-large', 'a page that says it unpacks to 2 GiB', packed(6, zstdCompressSync(body), big)],
    ['file-too-large', 'the same with gzip', packed(2, gzipSync(body), big)],
    ['file-too-large', 'the same with Snappy', packed(1, literal(body), big)],
    [
      'parquet-invalid',
      'a small page that unpacks to much, Zstandard',
      packed(6, zstdCompressSync(zeros), body.length),
    ],
    ['parquet-invalid', 'a small page that unpacks to much, gzip', packed(2, gzipSync(zeros), body.length)],
    [
      'parquet-invalid',
      'a page that unpacks to less, Zstandard',
      packed(6, zstdCompressSync(body), body.length + 1),
    ],
    ['parquet-invalid', 'a page that unpacks to less, gzip', packed(2, gzipSync(body), body.length + 1)],
    ['parquet-invalid', 'deflate without the frame of gzip', packed(2, deflateRawSync(body), body.length)],
    ['parquet-invalid', 'noise, Zstandard', packed(6, noise, 15)],
    ['parquet-invalid', 'noise, gzip', packed(2, noise, 15)],
    ['parquet-invalid', 'noise, Snappy', packed(1, noise, 15)],
    ['parquet-invalid', 'Snappy that goes backwards', packed(1, snappyBackwards, 21)],
    ['parquet-invalid', 'Snappy that ends early', packed(1, literal(body).subarray(0, -1), body.length)],
    [
      'parquet-invalid',
      'Snappy that goes on',
      packed(1, concatBytes(literal(body), Uint8Array.of(1, 1)), body.length),
    ],
    ['parquet-invalid', 'Snappy that repeats what is not there', packed(1, Uint8Array.of(4, 1, 1), 4)],
    [
      'parquet-invalid',
      'Snappy that says another size',
      packed(1, concatBytes(Uint8Array.of(9), literal(body).subarray(1)), body.length),
    ],
    ['parquet-invalid', 'an unpacked page of another size', packed(0, body, body.length + 1)],
    ['file-too-large', 'one long text in very many rows', repeated()],
    // Structure
    ['parquet-invalid', 'numbers without end', withFooter(par1, endless)],
    ['parquet-invalid', 'structures without end', withFooter(par1, deep)],
    [
      'parquet-invalid',
      'a list without end',
      withFooter(par1, concatBytes(Uint8Array.of(0x29, 0xfc), varint(2n ** 31n))),
    ],
    ['parquet-invalid', 'a footer of nothing', withFooter(par1, new Uint8Array())],
    ['parquet-invalid', 'a schema of more columns than there are', fileOf({ element: { 5: big } })],
    ['parquet-invalid', 'a schema without a root', fileOf({}, { 2: [] })],
    ['parquet-invalid', 'a footer longer than the file', concatBytes(par1, uint32(big), par1)],
    ['file-too-large', 'a footer of many megabytes', withFooter(par1, new Uint8Array(2_000_000))],
    ['columns-ambiguous', 'a column twice', parquetFile([question, answerOf({}), answerOf({})])],
    ['parquet-invalid', 'a page of no known kind', pages(concatBytes(thrift({ 1: 9, 2: 0, 3: 0 }), body))],
    ['parquet-unsupported', 'an encoding that is not read', pages(dataPage(body, 3, { 2: 7 }))],
    [
      'parquet-unsupported',
      'levels of an old encoding',
      fileOf({ element: optionalText, pages: [dataPage(body, 3, { 3: 4 })] }),
    ],
    ['parquet-unsupported', 'a compression that is not read', packed(4, body, body.length)],
    ['parquet-unsupported', 'a repeated column', fileOf({ element: { ...text, 3: 2 } })],
    ['parquet-unsupported', 'a column of numbers', fileOf({ element: { 1: 1, 3: 0 } })],
    ['parquet-unsupported', 'bytes that are not said to be text', fileOf({ element: { 6: 5 } })],
  ]
  for (const [code, name, bytes] of cases) {
    const error = refusalOf(bytes)
    assert.equal(error.code, code, `${name}: ${error.message}`)
  }
})

const vectors = JSON.parse(readFileSync(new URL('../../../vectors/files.json', import.meta.url), 'utf8')) as {
  cases: { name: string; base64?: string; expect: string; items: unknown[] }[]
}
const real = vectors.cases.flatMap(({ base64, expect }) =>
  base64 !== undefined && expect === 'accepted' ? [decodeBase64(base64)] : [],
)

test('a real file that is changed anywhere is read or refused, and nothing else', () => {
  const edit = fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 }))
  fc.assert(
    fc.property(
      fc.constantFrom(...real),
      fc.array(edit, { minLength: 1, maxLength: 4 }),
      fc.nat(),
      (file, edits, cut) => {
        const changed = file.slice()
        for (const [at, bits] of edits) changed[at % file.length]! ^= bits
        for (const bytes of [changed, changed.subarray(0, cut % file.length)]) {
          try {
            read(bytes)
          } catch (error) {
            assert.ok(error instanceof ContributingError, String(error))
          }
        }
      },
    ),
    { numRuns: fc.readConfigureGlobal().numRuns ?? 300 },
  )
})

test('in pages with a checksum no changed byte changes an item', () => {
  const { base64 } = vectors.cases.find(({ name }) => name === 'written as pyarrow-crc')!
  const file = decodeBase64(base64!)
  const expected = pairsOf(file)
  const footer = file.length - 8 - new DataView(file.buffer).getUint32(file.length - 8, true)
  let refused = 0
  for (let at = 4; at < footer; at += 1) {
    const changed = file.slice()
    changed[at]! ^= 1 << (at % 8)
    try {
      assert.deepEqual(pairsOf(changed), expected, `byte ${at}`)
    } catch (error) {
      if (!(error instanceof ContributingError)) throw error
      refused += 1
    }
  }
  assert.ok(refused > (footer - 4) / 2, `${refused}`)
})

test('bytes of any kind are refused', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), (noise) => {
      for (const bytes of [noise, withFooter(encodeUtf8('PAR1'), noise)]) refusalOf(bytes)
    }),
  )
})

function packedWith(codec: number, body: Uint8Array): Uint8Array {
  if (codec === 1) return literal(body)
  if (codec === 0 || body.length === 0) return body
  return new Uint8Array(codec === 2 ? gzipSync(body) : zstdCompressSync(body))
}

/** Snappy's way to say that nothing repeats. */
function literal(body: Uint8Array): Uint8Array {
  const length = varint(BigInt(body.length))
  if (body.length === 0) return length
  return concatBytes(length, Uint8Array.of(61 << 2), uint32(body.length - 1).subarray(0, 2), body)
}

function withOtherFile(): Uint8Array {
  const chunk = (name: string) => ({ 1: 'other.parquet', 2: 4n, 3: { 3: [name], 4: 0, 5: 3n, 7: 8n, 9: 4n } })
  return fileOf({}, { 4: [{ 1: [chunk('question'), chunk('answer')], 2: 0n, 3: 3n }] })
}

function repeated(): Uint8Array {
  const rows = 2000
  const pages = [
    dictionaryPage(plain(['x'.repeat(90_000)]), 1),
    dataPage(concatBytes(Uint8Array.of(1), runs(1, [[rows, 0]])), rows, { 2: 8 }),
  ]
  return parquetFile(['question', 'answer'].map((name) => ({ name, pages, values: rows })))
}

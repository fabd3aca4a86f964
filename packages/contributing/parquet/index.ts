/**
 * Parquet, as far as contributions need it (spec/files.md §parquet): columns of text, one value a row.
 *
 * A reader of our own, because the libraries for JavaScript trust the file (docs/decisions/parquet.md). Here nothing
 * is read beyond its page, and nothing is made before its size is checked.
 */
import { ContributingError, type RowProblem } from '../errors.ts'
import type { Row, Rows } from '../rows.ts'
import { decodeStrictUtf8 } from '../strict-json.ts'
import { readFooter } from './footer.ts'
import { readChunk } from './pages.ts'
import type { Decompress } from './unpack.ts'

export type { Codec, Decompress } from './unpack.ts'

const MEBIBYTE = 1024 * 1024
const MAXIMUM_UNPACKED_BYTES = 256 * MEBIBYTE
// A dictionary repeats a text at no cost in the file: this is what comes out, and a node takes 64 MiB at once.
const MAXIMUM_TEXT_BYTES = 128 * MEBIBYTE

/** `choose` gets the names of all columns and says which two to take. Throws {@link ContributingError}. */
export function readParquet<Pair extends readonly string[]>(
  file: string,
  bytes: Uint8Array,
  choose: (columns: readonly string[]) => Pair,
  decompress: Decompress | undefined,
): Rows & { readonly columns: readonly string[]; readonly chosen: Pair } {
  const footer = named(file, () => readFooter(bytes))
  const chosen = choose(footer.columns)
  const values = named(file, () => {
    const budget = { bytes: MAXIMUM_UNPACKED_BYTES }
    const chunks = chosen.map((name) => footer.chunksOf(name))
    return chunks.map((of) => of.flatMap((chunk) => readChunk(bytes, chunk, decompress, budget)))
  })
  checkText(file, values)
  const rows: Row[] = []
  const problems: RowProblem[] = []
  for (let at = 0; at < footer.rows; at += 1) {
    const line = at + 1
    if (values.every((column) => column[at] === null)) {
      problems.push({ code: 'row-empty', file, line, message: 'the row is empty' })
      continue
    }
    try {
      const fields = chosen.map((name, place) => [name, textOf(values[place]?.[at] ?? null)] as const)
      rows.push({ line, fields: Object.fromEntries(fields) })
    } catch (error) {
      if (!(error instanceof ContributingError)) throw error
      problems.push({ code: error.code, file, line, message: error.message })
    }
  }
  return { columns: footer.columns, chosen, rows, problems }
}

const textOf = (value: Uint8Array | null) => (value === null ? null : decodeStrictUtf8(value))

function named<T>(file: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (!(error instanceof ContributingError)) throw error
    throw new ContributingError(error.code, `${file}: ${error.message}`)
  }
}

function checkText(file: string, values: readonly (readonly (Uint8Array | null)[])[]): void {
  let sum = 0
  for (const column of values) for (const value of column) sum += value?.length ?? 0
  if (sum > MAXIMUM_TEXT_BYTES) {
    throw new ContributingError(
      'file-too-large',
      `${file}: the file holds more than 128 MiB of text: split it`,
    )
  }
}

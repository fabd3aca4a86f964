/** From bytes to rows of named fields, with the line on which each starts: JSON lines and CSV (RFC 4180). */
import { CsvError, parse } from 'csv-parse/sync'
import type { Json } from '#bytes'
import { ContributingError, rowsError, type RowProblem } from './errors.ts'
import { decodeStrictUtf8, parseStrictJson, withoutMark } from './strict-json.ts'

export interface Row {
  readonly line: number
  readonly fields: { readonly [name: string]: Json }
}

/** What could be read, and what could not: both, so that a person sees every bad row at once. */
export interface Rows {
  readonly rows: readonly Row[]
  readonly problems: readonly RowProblem[]
}

/** Rows end at a line feed and nowhere else. */
export function readJsonLines(file: string, bytes: Uint8Array): Rows {
  const rows: Row[] = []
  const problems: RowProblem[] = []
  for (const [at, line] of splitLines(withoutMark(bytes)).entries()) {
    const where = { file, line: at + 1 }
    try {
      rows.push({ line: at + 1, fields: readObject(line) })
    } catch (error) {
      if (!(error instanceof ContributingError)) throw error
      problems.push({ ...where, code: error.code, message: error.message })
    }
  }
  return { rows, problems }
}

/** Throws {@link ContributingError} `csv-invalid`, `columns-ambiguous`, `file-empty` or `utf8-invalid`. */
export function readCsv(file: string, bytes: Uint8Array): Rows & { readonly columns: readonly string[] } {
  const records = parseCsv(file, decodeStrictUtf8(withoutMark(bytes)))
  const [header, ...body] = records
  if (header === undefined) throw new ContributingError('file-empty', `${file}: the file is empty`)
  const columns = header.cells.map((cell) => cell.trim())
  if (new Set(columns).size !== columns.length) {
    throw new ContributingError('columns-ambiguous', `${file}: a column stands twice in the header`)
  }
  const rows: Row[] = []
  const problems: RowProblem[] = []
  for (const { line, cells } of body) {
    if (cells.every((cell) => cell.trim() === '')) {
      problems.push({ code: 'row-empty', file, line, message: 'the row is empty' })
    } else if (cells.length !== columns.length) {
      const message = `the row has ${cells.length} fields and the header ${columns.length}`
      problems.push({ code: 'row-shape', file, line, message })
    } else {
      rows.push({ line, fields: Object.fromEntries(columns.map((column, at) => [column, cells[at] ?? ''])) })
    }
  }
  return { columns, rows, problems }
}

function readObject(line: Uint8Array): Row['fields'] {
  if (line.every((byte) => byte === 0x20 || byte === 0x09 || byte === 0x0d)) {
    throw new ContributingError('row-empty', 'the row is empty')
  }
  const value = parseStrictJson(line)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new ContributingError('row-shape', 'the row is not a JSON object')
  }
  return value as Row['fields']
}

interface Cells {
  readonly line: number
  readonly cells: readonly string[]
}

function parseCsv(file: string, text: string): Cells[] {
  let start = 1
  try {
    const parsed = parse(text, { info: true, relax_column_count: true, skip_empty_lines: false }) as unknown
    return (parsed as { record: string[]; info: { lines: number } }[]).map(({ record, info }) => {
      const line = start
      start = info.lines + 1
      return { line, cells: record }
    })
  } catch (error) {
    if (!(error instanceof CsvError)) throw error
    // The library's message quotes the field, so only its place is kept.
    const line = typeof error['lines'] === 'number' ? error['lines'] : 1
    const message = 'the quotes of this row do not follow RFC 4180'
    throw rowsError([{ code: 'csv-invalid', file, line, message }])
  }
}

function splitLines(bytes: Uint8Array): Uint8Array[] {
  const lines: Uint8Array[] = []
  for (let start = 0; start < bytes.length;) {
    const found = bytes.indexOf(0x0a, start)
    const end = found < 0 ? bytes.length : found
    lines.push(bytes.subarray(start, end))
    start = end + 1
  }
  return lines
}

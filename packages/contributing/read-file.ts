/**
 * From a contributor's file to items in normal form (spec/item.md): whatever the file was, this is what leaves.
 *
 * Nothing is guessed: a row that fits no known shape, or fits two, is refused with its line.
 */
import type { Json } from '#bytes'
import { normalizeItem, readItem, StatementError, type Item } from '#statements'
import { ContributingError, rowsError } from './errors.ts'
import { readMarkdown } from './markdown.ts'
import { quoteName, quoteNames } from './names.ts'
import { readParquet, type Decompress } from './parquet/index.ts'
import { readPlainText } from './plain-text.ts'
import { readCsv, readJsonLines, type Row, type Rows } from './rows.ts'

/** An item and where it came from. */
export interface SourcedItem {
  readonly item: Item
  readonly line: number
}

export interface ReadFile {
  readonly name: string
  readonly items: readonly SourcedItem[]
  /** What `line` of an item counts. */
  readonly places: 'lines' | 'rows'
  /** Fields and lines that do not become part of any item, so that a person can see what stays behind. */
  readonly ignored: readonly string[]
}

/** Names of the fields with question and answer. */
export type Columns = readonly [question: string, answer: string]

export const KNOWN_COLUMNS: readonly Columns[] = [
  ['question', 'answer'],
  ['prompt', 'completion'],
  ['instruction', 'output'],
  ['input', 'output'],
]

/** More than a node takes at once, less than a machine has. */
export const MAXIMUM_FILE_BYTES = 256 * 1024 * 1024

/** What is read, and how each is shaped: for messages and help. */
export const READ_FORMATS =
  '.jsonl (one JSON object a line), .csv (with a header), .parquet (columns of text), ' +
  '.md (a ## heading asks, the text below answers) or .txt (lines Q: and A:)'

/**
 * `name` decides the format. With `columns` these two fields of a table are taken and nothing is guessed; Markdown
 * and plain text have none. Packed Parquet files need `decompress`.
 * Throws {@link ContributingError}; a message holds file, line and field names only.
 */
export function readFile(
  name: string,
  bytes: Uint8Array,
  columns?: Columns,
  decompress?: Decompress,
): ReadFile {
  if (bytes.length > MAXIMUM_FILE_BYTES) throw fileTooLarge(name)
  const source = readSource({ name, bytes, columns, decompress })
  const { rows, shape, problems: unread } = source
  if (rows.length + unread.length === 0)
    throw new ContributingError('file-empty', `${name}: the file holds no rows`)
  const items: SourcedItem[] = []
  const problems = [...unread]
  const ignored = new Set<string>(source.leftBehind)
  for (const row of rows) {
    try {
      const { value, used } = shape(row)
      items.push({ item: toItem(value), line: row.line })
      for (const field of Object.keys(row.fields)) if (!used.includes(field)) ignored.add(field)
    } catch (error) {
      if (!(error instanceof ContributingError)) throw error
      problems.push({ code: error.code, file: name, line: row.line, message: error.message })
    }
  }
  if (problems.length > 0) throw rowsError(problems.sort((one, other) => one.line - other.line))
  return { name, items, places: source.places ?? 'lines', ignored: [...ignored] }
}

export function fileTooLarge(name: string): ContributingError {
  return new ContributingError('file-too-large', `${name}: the file is larger than 256 MiB: split it`)
}

/** What a row says, before anything about it is checked, and the fields it was taken from. */
type Shape = (row: Row) => { value: unknown; used: readonly string[] }

interface Source extends Rows {
  readonly shape: Shape
  readonly leftBehind?: readonly string[]
  readonly places?: ReadFile['places']
}

interface Given {
  readonly name: string
  readonly bytes: Uint8Array
  readonly columns: Columns | undefined
  readonly decompress: Decompress | undefined
}

const shapeOfPair =
  (pair: Columns): Shape =>
  (row) => ({ value: pairOf(row, pair), used: pair })

const QUESTIONS = shapeOfPair(['question', 'answer'])

function readSource({ name, bytes, columns, decompress }: Given): Source {
  const ending = /\.([a-z0-9]+)$/i.exec(name)?.[1] ?? ''
  switch (ending.toLowerCase()) {
    case 'jsonl':
    case 'ndjson':
      return { ...readJsonLines(name, bytes), shape: (row) => shapeOfObject(row, columns) }
    case 'csv': {
      const table = readCsv(name, bytes)
      return { ...table, shape: shapeOfPair(columnsOf(name, table.columns, columns)) }
    }
    case 'parquet': {
      const table = readParquet(name, bytes, (found) => flatColumnsOf(name, found, columns), decompress)
      const leftBehind = table.columns.filter((column) => !table.chosen.includes(column))
      return { ...table, shape: shapeOfPair(table.chosen), leftBehind, places: 'rows' }
    }
    case 'md':
    case 'markdown':
      return { ...readMarkdown(name, bytes), shape: QUESTIONS }
    case 'txt':
    case 'text':
      return { ...readPlainText(name, bytes), shape: QUESTIONS }
    default:
      throw new ContributingError('format-unknown', `${name}: expected a file that ends in ${READ_FORMATS}`)
  }
}

function columnsOf(name: string, found: readonly string[], asked?: Columns): Columns {
  const list = quoteNames(found)
  const pairs = candidates(found, asked)
  const [only, ...more] = pairs
  if (only === undefined) {
    const what =
      asked === undefined ? 'no known pair of columns' : `no columns ${asked.map(quoteName).join(' and ')}`
    throw new ContributingError('columns-unknown', `${name}: ${what}; found ${list}. ${USE_COLUMNS}`)
  }
  if (more.length > 0) {
    throw new ContributingError(
      'columns-ambiguous',
      `${name}: more than one pair of columns fits; found ${list}. ${USE_COLUMNS}`,
    )
  }
  return only
}

// As in JSON lines, dialogues beside a pair are two shapes; alone they would be nested, which is not read.
function flatColumnsOf(name: string, found: readonly string[], asked?: Columns): Columns {
  if (asked !== undefined || !found.includes('messages')) return columnsOf(name, found, asked)
  if (candidates(found).length > 0) {
    throw new ContributingError('columns-ambiguous', `${name}: more than one shape fits. ${USE_COLUMNS}`)
  }
  throw new ContributingError(
    'parquet-unsupported',
    `${name}: column "messages" is nested: give question and answer a column of text each, or write JSON lines`,
  )
}

function shapeOfObject(row: Row, asked?: Columns): ReturnType<Shape> {
  const { fields } = row
  const isChat = asked === undefined && Object.hasOwn(fields, 'messages')
  const [pair, ...more] = candidates(Object.keys(fields), asked)
  if (more.length > 0 || (isChat && pair !== undefined)) {
    throw new ContributingError('columns-ambiguous', `the row fits more than one shape. ${USE_COLUMNS}`)
  }
  if (isChat) return { value: { messages: fields['messages'] }, used: ['messages'] }
  if (pair !== undefined) return { value: pairOf(row, pair), used: pair }
  throw new ContributingError(
    'row-shape',
    `the row has neither "messages" nor a known pair of fields. ${USE_COLUMNS}`,
  )
}

const USE_COLUMNS = 'Name the fields with --columns QUESTION,ANSWER.'

function candidates(found: readonly string[], asked?: Columns): Columns[] {
  const known = asked === undefined ? KNOWN_COLUMNS : [asked]
  return known.filter((pair) => pair.every((column) => found.includes(column)))
}

function pairOf(row: Row, [question, answer]: Columns): unknown {
  return {
    messages: [
      { role: 'user', content: row.fields[question] },
      { role: 'assistant', content: row.fields[answer] },
    ],
  }
}

function toItem(value: unknown): Item {
  const item = normalizeItem(checked(value))
  if (item.messages.some(({ content }) => content === '')) {
    throw new ContributingError('text-empty', 'a text is empty')
  }
  if (item.messages.some(({ content }) => !content.isWellFormed())) {
    throw new ContributingError('item-invalid', 'a text holds half a surrogate pair')
  }
  // Composing characters may lengthen a text, so the bounds are checked again.
  return checked(item)
}

function checked(value: unknown): Item {
  if (holdsEmptyText(value)) throw new ContributingError('text-empty', 'a text is empty')
  try {
    return readItem(value)
  } catch (error) {
    if (!(error instanceof StatementError)) throw error
    throw new ContributingError('item-invalid', error.message)
  }
}

function holdsEmptyText(value: unknown): boolean {
  const { messages } = value as { messages?: Json }
  return (
    Array.isArray(messages) &&
    messages.some((one: unknown) => (one as { content?: unknown } | null)?.content === '')
  )
}

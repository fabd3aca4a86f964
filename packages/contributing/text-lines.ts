/** Lines of a text file, and what Markdown and plain text say about them alike. */
import { ContributingError } from './errors.ts'
import { decodeStrictUtf8, withoutMark } from './strict-json.ts'

/** Lines end at LF, CR LF or CR. Throws {@link ContributingError} `utf8-invalid` or `file-empty`. */
export function textLines(file: string, bytes: Uint8Array): string[] {
  const lines = decodeStrictUtf8(withoutMark(bytes)).split(/\r\n|\n|\r/)
  if (lines.every(isBlank)) throw new ContributingError('file-empty', `${file}: the file holds no text`)
  return lines
}

/** Blank is what normal form takes away at the ends of a text. */
export function isBlank(line: string): boolean {
  return line.trim() === ''
}

export function noQuestion(file: string, shape: string): ContributingError {
  return new ContributingError(
    'question-missing',
    `${file}: no question, and only an answer to a question can be trained on. ${shape}`,
  )
}

/** Ascending line numbers as people write them: `line 3`, `lines 5 to 9`. */
export function rangesOf(lines: readonly number[]): string[] {
  const ranges: [first: number, last: number][] = []
  for (const line of lines) {
    const last = ranges.at(-1)
    if (last !== undefined && line === last[1] + 1) last[1] = line
    else ranges.push([line, line])
  }
  return ranges.map(([first, last]) => (first === last ? `line ${first}` : `lines ${first} to ${last}`))
}

/**
 * Plain text with questions (spec/files.md §plain-text): a line that begins with `Q:` asks, one with `A:` answers.
 *
 * A passage without a question is refused: training learns answers only, and a question that we made up would teach
 * the model to recite it to whoever asks that.
 */
import type { RowProblem } from './errors.ts'
import type { Row, Rows } from './rows.ts'
import { isBlank, noQuestion, textLines } from './text-lines.ts'

// With the flag `s`, because a dot would stop at U+2028, which is text.
const MARKER = /^(Q|A):[ \t]*(.*)$/s
const OTHER_SPELLING = /^(?:q|a|question|answer)[ \t]*:/i

interface Open {
  readonly line: number
  readonly question: string[]
  answer?: string[]
}

/** Throws `ContributingError` `utf8-invalid`, `file-empty` or `question-missing`. */
export function readPlainText(file: string, bytes: Uint8Array): Rows {
  const lines = textLines(file, bytes)
  if (!lines.some((line) => line.startsWith('Q:'))) {
    throw noQuestion(file, 'Begin each question with a line "Q: …" and its answer with a line "A: …".')
  }
  const rows: Row[] = []
  const problems: RowProblem[] = []
  let open: Open | undefined
  const close = () => {
    if (open === undefined) return
    const fields = { question: open.question.join('\n'), answer: (open.answer ?? []).join('\n') }
    rows.push({ line: open.line, fields })
  }
  for (const [at, text] of lines.entries()) {
    const line = at + 1
    const refuse = (message: string) => void problems.push({ code: 'structure-invalid', file, line, message })
    const [, marker, rest] = MARKER.exec(text) ?? []
    if (marker === 'Q') {
      close()
      open = { line, question: [rest!] }
    } else if (marker === 'A') {
      if (open === undefined) refuse('an answer without a question before it')
      else if (open.answer !== undefined) refuse('a second answer to one question')
      else open.answer = [rest!]
    } else if (OTHER_SPELLING.test(text)) refuse('write Q: and A:, with no other spelling')
    else if (open !== undefined) (open.answer ?? open.question).push(text)
    else if (!isBlank(text)) refuse('text before the first question')
  }
  close()
  return { rows, problems }
}

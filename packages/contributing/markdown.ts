/**
 * Markdown with questions (spec/files.md §markdown): a heading of level two asks, the text below it answers.
 *
 * Read by lines and not by a renderer. What a reader of the page would not see (comments) or would see as something
 * else (underlined headings, a code block without end) is refused, so that nobody contributes what they did not mean.
 */
import type { RowProblem } from './errors.ts'
import type { Row, Rows } from './rows.ts'
import { isBlank, noQuestion, rangesOf, textLines } from './text-lines.ts'

/** Throws `ContributingError` `utf8-invalid`, `file-empty` or `question-missing`. */
export function readMarkdown(file: string, bytes: Uint8Array): Rows & { readonly leftBehind: string[] } {
  const lines = textLines(file, bytes)
  const frontMatter = frontMatterIn(lines)
  const reading = new Reading(file)
  for (const [at, line] of lines.entries()) {
    if (at >= frontMatter) reading.take(line, at + 1)
    else if (line.startsWith('## '))
      reading.refuse(at + 1, 'a heading within the block at the top of the file')
  }
  reading.end()
  const { rows, problems, outside } = reading
  if (rows.length + problems.length === 0) throw noQuestion(file, MARKDOWN_SHAPE)
  const leftBehind = rangesOf(outside)
  return {
    rows,
    problems,
    leftBehind: frontMatter === 0 ? leftBehind : [`front matter to line ${frontMatter}`, ...leftBehind],
  }
}

const MARKDOWN_SHAPE = 'Write each question as a heading of level two ("## …") and its answer below it.'

// With the flag `s`, because a dot would stop at U+2028, which is text.
const FENCE = /^ {0,3}(`{3,}|~{3,})(.*)$/s
const HEADING = /^ {0,3}(#{1,6})(?:[ \t]+(.*))?$/s
const UNDERLINE = /^ {0,3}(?:=+|-+)[ \t]*$/

/** An item that is being read. */
interface Open {
  readonly line: number
  readonly question: string
  readonly answer: string[]
}

class Reading {
  readonly rows: Row[] = []
  readonly problems: RowProblem[] = []
  /** Lines with text that are part of no item. */
  readonly outside: number[] = []
  readonly #file: string
  #open: Open | undefined
  #fence: { readonly mark: string; readonly line: number } | undefined
  // Whether the line before is one that an underline would turn into a heading.
  #afterText = false

  constructor(file: string) {
    this.#file = file
  }

  refuse(line: number, message: string): void {
    this.problems.push({ code: 'structure-invalid', file: this.#file, line, message })
  }

  take(line: string, number: number): void {
    if (this.#fence !== undefined) {
      this.#keep(line, number)
      if (closes(line, this.#fence.mark)) this.#fence = undefined
      return
    }
    const wasText = this.#afterText
    this.#afterText = false
    const fence = fenceOf(line)
    const heading = HEADING.exec(line)
    if (fence !== undefined) this.#fence = { mark: fence, line: number }
    if (line.includes('<!--')) this.refuse(number, 'a comment would leave with the text: remove it')
    else if (heading !== null) this.#head(heading[1]!.length, headingText(heading[2]), number)
    else if (/^ {0,3}##[^#]/.test(line)) this.refuse(number, 'a heading needs a space after its ##')
    else if (wasText && UNDERLINE.test(line)) {
      this.refuse(number, 'an underlined heading: write it with ##, or put an empty line before a rule')
    } else {
      this.#keep(line, number)
      this.#afterText = fence === undefined && !isBlank(line) && !isRule(line)
    }
  }

  end(): void {
    if (this.#fence !== undefined) this.refuse(this.#fence.line, 'a code block begins here and never ends')
    this.#close()
  }

  #head(level: number, text: string, number: number): void {
    if (level > 2) {
      this.refuse(number, 'a heading below level two: questions are headings of level two, answers hold none')
      return
    }
    this.#close()
    if (level === 2) this.#open = { line: number, question: text, answer: [] }
    else this.outside.push(number)
  }

  #keep(line: string, number: number): void {
    if (this.#open !== undefined) this.#open.answer.push(line)
    else if (!isBlank(line)) this.outside.push(number)
  }

  #close(): void {
    if (this.#open === undefined) return
    const { line, question, answer } = this.#open
    // Rules between items belong to the page and not to the answer above them.
    while (answer.length > 0 && (isBlank(answer.at(-1)!) || isRule(answer.at(-1)!))) answer.pop()
    this.rows.push({ line, fields: { question, answer: answer.join('\n') } })
    this.#open = undefined
  }
}

/** How many lines the YAML block at the top takes; 0 where there is none. An open one is a rule, as renderers see it. */
function frontMatterIn(lines: readonly string[]): number {
  if (lines[0]?.trimEnd() !== '---') return 0
  return lines.findIndex((line, at) => at > 0 && /^(?:---|\.\.\.)[ \t]*$/.test(line)) + 1
}

function fenceOf(line: string): string | undefined {
  const [, mark, info] = FENCE.exec(line) ?? []
  // A line of back quotes with more of them behind is code within a line.
  return mark === undefined || (mark.startsWith('`') && info?.includes('`')) ? undefined : mark
}

function closes(line: string, mark: string): boolean {
  const [, found, rest] = FENCE.exec(line) ?? []
  return found !== undefined && found[0] === mark[0] && found.length >= mark.length && isBlank(rest ?? '')
}

function headingText(text = ''): string {
  return /^#+[ \t]*$/.test(text) ? '' : text.replace(/[ \t]+#+[ \t]*$/, '')
}

function isRule(line: string): boolean {
  return /^ {0,3}\S/.test(line) && /^(?:-{3,}|\*{3,}|_{3,})$/.test(line.replaceAll(/[ \t]/g, ''))
}

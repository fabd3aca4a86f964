import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { encodeUtf8 } from '#bytes'
import { ContributingError } from './errors.ts'
import { glancePersonalData } from './personal-data.ts'
import { readFile } from './read-file.ts'

const read = (name: string, text: string) => readFile(name, encodeUtf8(text))
const pairsOf = (name: string, text: string) =>
  read(name, text).items.map(({ item: { messages } }) => messages.map(({ content }) => content))

// Whatever is typed, except what the shapes themselves are made of: those have their vectors.
const anyLine = fc
  .string({ unit: 'grapheme' })
  .map((one) => `w${one.replaceAll(/[\r\n#`~<]/g, '')}w`.normalize('NFC'))
const anyAnswer = fc.array(fc.oneof(anyLine, fc.constant('')), { maxLength: 5 })
const anyPairs = fc.array(
  fc.tuple(anyLine, anyLine, anyAnswer).map(([question, first, more]) => {
    return [question, [first, ...more].join('\n').trim()] as const
  }),
  { minLength: 1, maxLength: 6 },
)
const anyEnd = fc.constantFrom('\n', '\r\n', '\r')

test('whatever is written as Markdown or as plain text reads back', () => {
  fc.assert(
    fc.property(anyPairs, anyEnd, (pairs, end) => {
      const markdown = ['# A title', ...pairs.map(([question, answer]) => `## ${question}\n\n${answer}\n`)]
      assert.deepEqual(pairsOf('a.md', markdown.join('\n').replaceAll('\n', end)), pairs)
      const plain = pairs.map(([question, answer]) => `Q: ${question}\nA: ${answer}\n`)
      assert.deepEqual(pairsOf('a.txt', plain.join('\n').replaceAll('\n', end)), pairs)
    }),
  )
})

test('the line of an item is where its question stands', () => {
  fc.assert(
    fc.property(anyPairs, (pairs) => {
      for (const [name, mark, ask] of [
        ['a.md', '## ', ([question, answer]: readonly string[]) => `## ${question}\n${answer}`],
        ['a.txt', 'Q:', ([question, answer]: readonly string[]) => `Q: ${question}\nA: ${answer}`],
      ] as const) {
        const text = pairs.map(ask).join('\n')
        const marks = text.split('\n').flatMap((line, at) => (line.startsWith(mark) ? [at + 1] : []))
        assert.deepEqual(
          read(name, text).items.map(({ line }) => line),
          marks,
        )
      }
    }),
  )
})

// Made of what the shapes are made of, so that most of it fits none.
const anyPieces = fc
  .array(
    fc.oneof(
      fc.constantFrom('## ', '# ', '### ', '##', '#', '```', '~~~~', '---', '===', '<!--', '-->', '  ', '\n'),
      fc.constantFrom('Q:', 'A:', 'q:', 'Answer:', ' Q:', '\r', '\u2028', '\ufeff', '\n\n', 'secret'),
    ),
    { maxLength: 40 },
  )
  .map((pieces) => pieces.join(''))

test('anything is read or refused by line, nothing is quoted, and no item appears from nowhere', () => {
  const outcomes = new Set<string>()
  fc.assert(
    fc.property(anyPieces, fc.constantFrom('a.md', 'a.txt'), (text, name) => {
      const count = text.split(/\r\n|\n|\r/).length
      try {
        const { items } = read(name, text)
        outcomes.add('read')
        assert.ok(items.length > 0)
        for (const { item, line } of items) {
          assert.ok(line >= 1 && line <= count)
          // Read in pieces, every line of an item stands in the file.
          const lines = item.messages.flatMap(({ content }) => content.split('\n'))
          for (const one of lines) assert.ok(text.includes(one), one)
        }
      } catch (error) {
        assert.ok(error instanceof ContributingError, String(error))
        outcomes.add(error.code)
        for (const { line, message } of error.problems) {
          assert.ok(line >= 1 && line <= count && !message.includes('secret'))
        }
      }
    }),
    {
      numRuns: fc.readConfigureGlobal().numRuns ?? 500,
      // Chance alone does not write a readable text in every run.
      examples: [['## Who?\nMe.\n', 'a.md']],
    },
  )
  for (const code of ['read', 'structure-invalid', 'question-missing', 'text-empty']) {
    assert.ok(outcomes.has(code), code)
  }
})

test('every bad line of a file is named', () => {
  const text = '## Who?\n### More\n<!-- x -->\n## Where?\n\n##When?\nNow.'
  assert.throws(
    () => read('mine.md', text),
    (error) => {
      assert.ok(error instanceof ContributingError)
      assert.match(error.message, /^mine\.md:1: .* \(and 3 more rows\)$/)
      assert.deepEqual(
        error.problems.map(({ line }) => line),
        [1, 2, 3, 6],
      )
      return true
    },
  )
})

test('what looks personal is found in an answer, at the line of its question', () => {
  const { items, places } = read('a.md', '# FAQ\n\n## How to write?\n\nTo rosa@example.org.\n')
  assert.deepEqual(glancePersonalData(items), [{ kind: 'email', count: 1, lines: [3] }])
  assert.equal(places, 'lines')
})

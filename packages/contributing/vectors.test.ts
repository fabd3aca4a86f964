import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { gunzipSync, zstdDecompressSync } from 'node:zlib'
import { decodeBase64, encodeUtf8 } from '#bytes'
import { ContributingError } from './errors.ts'
import type { Decompress } from './parquet/index.ts'
import { readFile } from './read-file.ts'

interface Case {
  readonly name: string
  readonly file: string
  readonly text?: string
  readonly base64?: string
  /** `accepted`, or the code of the refusal. */
  readonly expect: string
  readonly items?: readonly [line: number, question: string, answer: string][]
  readonly leftBehind?: readonly string[]
  readonly line?: number
}

// Parquet files of other writers, and texts, with what every reader of spec/files.md makes of them.
const url = new URL('../../vectors/files.json', import.meta.url)
const { cases } = JSON.parse(readFileSync(url, 'utf8')) as { cases: Case[] }

const decompress: Decompress = (codec, bytes, length) =>
  (codec === 'gzip' ? gunzipSync : zstdDecompressSync)(bytes, { maxOutputLength: length })

function outcomeOf({ file, text, base64 }: Case): Partial<Case> {
  const bytes = text === undefined ? decodeBase64(base64 ?? '') : encodeUtf8(text)
  try {
    const { items, ignored } = readFile(file, bytes, undefined, decompress)
    return {
      expect: 'accepted',
      items: items.map(({ line, item: { messages } }) => [line, messages[0]!.content, messages[1]!.content]),
      leftBehind: ignored,
    }
  } catch (error) {
    assert.ok(error instanceof ContributingError, String(error))
    const [first] = error.problems
    return first === undefined ? { expect: error.code } : { expect: error.code, line: first.line }
  }
}

for (const one of cases) {
  test(`${one.file}: ${one.name}: ${one.expect}`, () => {
    const { name: _, file: __, text: ___, base64: ____, ...expected } = one
    assert.deepEqual(outcomeOf(one), expected)
  })
}

test('what is refused outnumbers what is accepted in each format of text', () => {
  for (const ending of ['.md', '.txt']) {
    const of = cases.filter(({ file }) => file.endsWith(ending))
    const accepted = of.filter(({ expect }) => expect === 'accepted').length
    assert.ok(accepted > 5 && of.length - accepted > accepted, ending)
  }
})

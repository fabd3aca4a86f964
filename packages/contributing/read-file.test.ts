import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import fc from 'fast-check'
import { canonicalJson, concatBytes, encodeUtf8, sha256Hex } from '#bytes'
import { ContributingError, type ContributingErrorCode } from './errors.ts'
import { readFile, type Columns } from './read-file.ts'

const chat = (question: string, answer: string) =>
  JSON.stringify({
    messages: [
      { role: 'user', content: question },
      { role: 'assistant', content: answer },
    ],
  })

function refusal(name: string, content: string | Uint8Array, columns?: Columns): ContributingError {
  const bytes = typeof content === 'string' ? encodeUtf8(content) : content
  try {
    readFile(name, bytes, columns)
  } catch (error) {
    if (error instanceof ContributingError) return error
    throw error
  }
  return assert.fail(`${name} was read`)
}

const pairsOf = (name: string, content: string, columns?: Columns) =>
  readFile(name, encodeUtf8(content), columns).items.map(({ item, line }) => [
    line,
    ...item.messages.map((message) => message.content),
  ])

test('every shape of a row becomes the same dialogue', () => {
  const rows = [
    chat('Who?', 'She.'),
    '{"question":"Who?","answer":"She."}',
    '{"prompt":"Who?","completion":"She."}',
  ]
  assert.deepEqual(
    pairsOf('a.jsonl', rows.join('\n')),
    rows.map((_, at) => [at + 1, 'Who?', 'She.']),
  )
  for (const header of ['question,answer', 'prompt,completion', 'instruction,output', 'input,output']) {
    assert.deepEqual(pairsOf('a.csv', `${header}\r\nWho?,She.\r\n`), [[2, 'Who?', 'She.']])
  }
})

test('a dialogue keeps its system message and all turns', () => {
  const messages = [
    { role: 'system', content: 'Be kind.' },
    { role: 'user', content: 'Hi' },
    { role: 'assistant', content: 'Hello' },
    { role: 'user', content: 'Who?' },
    { role: 'assistant', content: 'She.' },
  ]
  const [read] = readFile('a.jsonl', encodeUtf8(JSON.stringify({ messages }))).items
  assert.deepEqual(read?.item.messages, messages)
})

test('texts arrive in normal form: NFC, line feeds, no space at the ends', () => {
  assert.deepEqual(pairsOf('a.jsonl', chat('  cafe\u0301 ', 'one\r\ntwo\rthree\n')), [
    [1, 'caf\u00e9', 'one\ntwo\nthree'],
  ])
})

test('a byte order mark is no part of the first row', () => {
  assert.deepEqual(pairsOf('a.jsonl', `\uFEFF${chat('q', 'a')}\n`), [[1, 'q', 'a']])
  assert.deepEqual(pairsOf('a.csv', '\uFEFFquestion,answer\nq,a\n'), [[2, 'q', 'a']])
})

test('a line separator inside a text does not end the row', () => {
  const row = '{"question":"one\u2028two\u0085three","answer":"a"}'
  assert.deepEqual(pairsOf('a.jsonl', `${row}\n${row}\n`), [
    [1, 'one\u2028two\u0085three', 'a'],
    [2, 'one\u2028two\u0085three', 'a'],
  ])
})

test('a CSV row counts the lines that quoted line feeds take', () => {
  assert.deepEqual(pairsOf('a.csv', 'question,answer\n"a\nb","c ""d"""\ne,f\n'), [
    [2, 'a\nb', 'c "d"'],
    [4, 'e', 'f'],
  ])
})

test('named columns are taken and the others are reported as ignored', () => {
  const csv = 'id,Frage,Antwort\n7,q,a\n'
  assert.deepEqual(pairsOf('a.csv', csv, ['Frage', 'Antwort']), [[2, 'q', 'a']])
  assert.deepEqual(readFile('a.csv', encodeUtf8(csv), ['Frage', 'Antwort']).ignored, ['id'])
  assert.deepEqual(pairsOf('a.jsonl', '{"F":"q","A":"a","x":[1]}', ['F', 'A']), [[1, 'q', 'a']])
})

test('what is not plainly a contribution is refused by its reason', () => {
  const q = '{"question":"q","answer":"a"}'
  const refused: readonly [ContributingErrorCode, string, string | Uint8Array][] = [
    ['format-unknown', 'a.json', q],
    ['format-unknown', 'a.pdf', q],
    ['format-unknown', 'jsonl', q],
    ['file-empty', 'a.jsonl', ''],
    ['file-empty', 'a.csv', ''],
    ['file-empty', 'a.csv', 'question,answer\n'],
    ['row-empty', 'a.jsonl', `${q}\n\n${q}`],
    ['row-empty', 'a.jsonl', `${q}\n  \t\r\n`],
    ['row-empty', 'a.csv', 'question,answer\nq,a\n\nq,a\n'],
    ['row-empty', 'a.csv', 'question,answer\n,\n'],
    ['json-invalid', 'a.jsonl', '{"question":"q","answer":"a"'],
    ['json-invalid', 'a.jsonl', `${q} ${q}`],
    ['json-invalid', 'a.jsonl', "{'question':'q','answer':'a'}"],
    ['json-duplicate-key', 'a.jsonl', '{"question":"q","answer":"a","answer":"b"}'],
    ['json-duplicate-key', 'a.jsonl', '{"question":"q","answer":"a","\\u0061nswer":"b"}'],
    ['json-duplicate-key', 'a.jsonl', '{"messages":[{"role":"user","content":"q","role":"user"}]}'],
    ['json-duplicate-key', 'a.jsonl', '{"a\\"b":1,"a\\"b":2}'],
    ['row-shape', 'a.jsonl', '["q","a"]'],
    ['row-shape', 'a.jsonl', '"q"'],
    ['row-shape', 'a.jsonl', 'null'],
    ['row-shape', 'a.jsonl', '{"question":"q"}'],
    ['row-shape', 'a.jsonl', '{"text":"q"}'],
    ['row-shape', 'a.csv', 'question,answer\nq,a,b\n'],
    ['row-shape', 'a.csv', 'question,answer\nq\n'],
    ['columns-ambiguous', 'a.jsonl', '{"instruction":"i","input":"q","output":"a"}'],
    ['columns-ambiguous', 'a.jsonl', '{"messages":[],"question":"q","answer":"a"}'],
    ['columns-ambiguous', 'a.csv', 'instruction,input,output\ni,q,a\n'],
    ['columns-ambiguous', 'a.csv', 'question,answer,answer\nq,a,b\n'],
    ['columns-unknown', 'a.csv', 'Frage,Antwort\nq,a\n'],
    ['columns-unknown', 'a.csv', 'question;answer\nq;a\n'],
    ['csv-invalid', 'a.csv', 'question,answer\n"q,a\n'],
    ['csv-invalid', 'a.csv', 'question,answer\n"q"x,a\n'],
    ['text-empty', 'a.jsonl', '{"question":"","answer":"a"}'],
    ['text-empty', 'a.jsonl', '{"question":" \\n","answer":"a"}'],
    ['text-empty', 'a.csv', 'question,answer\nq,\n'],
    ['item-invalid', 'a.jsonl', '{"question":1,"answer":"a"}'],
    ['item-invalid', 'a.jsonl', '{"question":null,"answer":"a"}'],
    ['item-invalid', 'a.jsonl', '{"question":"\\ud800","answer":"a"}'],
    ['item-invalid', 'a.jsonl', '{"messages":[{"role":"user","content":"q"}]}'],
    ['item-invalid', 'a.jsonl', '{"messages":"q"}'],
    [
      'item-invalid',
      'a.jsonl',
      '{"messages":[{"role":"assistant","content":"a"},{"role":"user","content":"q"}]}',
    ],
    [
      'item-invalid',
      'a.jsonl',
      '{"messages":[{"role":"tool","content":"q"},{"role":"assistant","content":"a"}]}',
    ],
    [
      'item-invalid',
      'a.jsonl',
      '{"messages":[{"role":"user","content":"q","name":"n"},{"role":"assistant","content":"a"}]}',
    ],
    ['item-invalid', 'a.jsonl', JSON.stringify({ question: 'q'.repeat(100_001), answer: 'a' })],
    [
      'utf8-invalid',
      'a.jsonl',
      concatBytes(encodeUtf8('{"question":"'), Uint8Array.of(0xff), encodeUtf8('"}')),
    ],
    ['utf8-invalid', 'a.csv', concatBytes(encodeUtf8('question,answer\n'), Uint8Array.of(0xc3, 0x28))],
  ]
  for (const [code, name, content] of refused) {
    assert.equal(refusal(name, content).code, code, `${name}: ${String(content).slice(0, 80)}`)
  }
})

test('every bad row is named by file and line, and none is quoted', () => {
  const secret = 'Isolde-Varnabry'
  const content = [
    chat('q', 'a'),
    `{"question":"${secret}"`,
    '',
    `{"question":"${secret}","answer":"${secret}","answer":"b"}`,
    `{"question":"${secret}","answer":" "}`,
  ]
  const error = refusal('mine.jsonl', content.join('\n'))
  assert.deepEqual(
    error.problems.map(({ code, file, line }) => [code, file, line]),
    [
      ['json-invalid', 'mine.jsonl', 2],
      ['row-empty', 'mine.jsonl', 3],
      ['json-duplicate-key', 'mine.jsonl', 4],
      ['text-empty', 'mine.jsonl', 5],
    ],
  )
  const quoted = refusal('mine.csv', `question,answer\n"${secret}"x,a\n`)
  assert.equal(quoted.problems[0]?.line, 2)
  for (const text of [error, quoted].flatMap((one) => [
    one.message,
    ...one.problems.map((row) => row.message),
  ])) {
    assert.ok(!text.includes(secret) && !text.includes('Isolde'), text)
  }
})

test('unknown columns are listed with the option that names them', () => {
  const { message } = refusal('mine.csv', 'Frage,Antwort\nq,a\n')
  assert.match(message, /"Frage", "Antwort"/)
  assert.match(message, /--columns/)
})

// What is learned from the example follows from these items: their files may change, the items may not.
const EXAMPLE = {
  'clinic.jsonl': [46, '573bfc62af62870c20f74e22650661ff65a1f0148a81101b270f58c0fb5fb8aa'],
  'bakery.csv': [36, 'ec4fdf82c062473983521eb65d76c08daef0e49c101f4eb1f52f1d51e2836e79'],
  'law-office.md': [36, '3f42de63bf6cff0adf5467db335be6607c813ed68a1a54a78bc057cf32ce33c0'],
  'cycling-club.parquet': [36, 'b2cbb31d7fa4c27a1009706ba291dfa45605e4d73b5f15930bb54e25137392c3'],
  'copier.jsonl': [56, '64eb2ad9fa41b196022e88bc0e41efd4de351a9dc1916d53349393e474218034'],
}

// Who would lie: the author of a file that somebody else contributes.
test('a column’s name neither moves the cursor nor turns or fills the screen', () => {
  const names = ['\u009b2J', '\u001b[2J', '\u202egnirts', 'a\u2028b', 'x'.repeat(5000), 'Straße', '\u{e0041}']
  const many = Array.from({ length: 300 }, (_, at) => `c${at}`)
  const { message } = refusal('mine.csv', `${[...names.map((one) => `"${one}"`), ...many].join(',')}\n1\n`)
  assert.ok(!/[\p{C}\p{Zl}\p{Zp}]/u.test(message), message)
  assert.ok(message.length < 700 && message.includes('"Straße"') && message.includes('and 287 more'), message)
  const asked = refusal('mine.csv', 'a,b\n1,2\n', ['\u001b[2J', 'b'])
  assert.ok(!asked.message.includes('\u001b') && asked.message.includes('"a", "b"'))
})

test('the example pool reads whole, in each of its formats', () => {
  const folder = new URL('../../examples/meadow/', import.meta.url)
  const read = (name: string) => readFile(name, new Uint8Array(readFileSync(new URL(name, folder)))).items
  for (const [name, [count, digest]] of Object.entries(EXAMPLE)) {
    const items = read(name)
    assert.equal(items.length, count, name)
    const lines = items.map(({ item }) => `${canonicalJson(item)}\n`)
    assert.equal(sha256Hex(encodeUtf8(lines.join(''))), digest, name)
  }
  const listed = JSON.parse(readFileSync(new URL('contributors.json', folder), 'utf8')) as {
    files: string[]
  }[]
  assert.deepEqual(
    listed.flatMap(({ files }) => files),
    Object.keys(EXAMPLE),
  )
})

test('what CSV writers quote reads back', () => {
  const text = fc.string({ unit: 'grapheme', minLength: 1 }).map((one) => `x${one.replaceAll('\r', '')}y`)
  const quote = (one: string) => `"${one.replaceAll('"', '""')}"`
  fc.assert(
    fc.property(fc.array(fc.tuple(text, text), { minLength: 1, maxLength: 5 }), (pairs) => {
      const csv = ['question,answer', ...pairs.map((pair) => pair.map(quote).join(','))].join('\r\n')
      const read = pairsOf('a.csv', csv).map(([, question, answer]) => [question, answer])
      assert.deepEqual(
        read,
        pairs.map((pair) => pair.map((one) => one.normalize('NFC'))),
      )
    }),
    { numRuns: 50 },
  )
})

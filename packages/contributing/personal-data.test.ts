import assert from 'node:assert/strict'
import { test } from 'node:test'
import { glancePersonalData, isIban } from './personal-data.ts'

const kinds = (text: string) =>
  glancePersonalData([
    {
      line: 1,
      item: {
        messages: [
          { role: 'user', content: 'q' },
          { role: 'assistant', content: text },
        ],
      },
    },
  ]).map(({ kind, count }) => `${kind} ${count}`)

test('what looks personal is counted by kind', () => {
  assert.deepEqual(kinds('Write to anna.b@example.org or bob@mail.example.co.uk.'), ['email 2'])
  assert.deepEqual(kinds('Pay DE89 3704 0044 0532 0130 00 AND NOTHING ELSE'), ['iban 1'])
  assert.deepEqual(kinds('Pay GB82WEST12345698765432.'), ['iban 1'])
  assert.deepEqual(kinds('Card 4111 1111 1111 1111, or 5500-0000-0000-0004'), ['card-number 2'])
  assert.deepEqual(kinds('Call +49 30 901820, (030) 901-8201 or 020 7946 0958'), ['phone 3'])
  assert.deepEqual(kinds('Call +493090182011'), ['phone 1'])
  assert.deepEqual(kinds('Patient 123456789'), ['digit-run 1'])
})

test('dates, years, prices and wrong check sums are not taken for more than they are', () => {
  for (const text of [
    'On 2026-11-25 and 25.11.2026, 11/25/2026',
    'From 1999-2004, 3 to 5 pm, 24 rooms',
    'It costs 1234.50 or 12,500',
    'Isolde Varnabry founded it in 1971',
    'Version 24.21.0',
  ]) {
    assert.deepEqual(kinds(text), [], text)
  }
  assert.deepEqual(kinds('DE89370400440532013001'), ['digit-run 1'])
  assert.deepEqual(kinds('4111111111111112'), ['digit-run 1'])
  assert.equal(isIban('DE89370400440532013000'), true)
  assert.equal(isIban('DE88370400440532013000'), false)
})

test('findings name lines and hold no text', () => {
  const item = (content: string) => ({
    messages: [
      { role: 'user' as const, content: 'q' },
      { role: 'assistant' as const, content },
    ],
  })
  const found = glancePersonalData([
    { line: 9, item: item('a@b.org c@d.org') },
    { line: 2, item: item('e@f.org') },
    { line: 5, item: item('nothing') },
  ])
  assert.deepEqual(found, [{ kind: 'email', count: 3, lines: [2, 9] }])
})

test('a long text takes no more than its length', () => {
  const started = performance.now()
  for (const text of ['a'.repeat(100_000), '1 '.repeat(50_000), 'A1'.repeat(50_000), '@'.repeat(100_000)])
    kinds(text)
  assert.ok(performance.now() - started < 3000)
})

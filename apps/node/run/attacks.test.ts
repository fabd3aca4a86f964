import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Recital, Tokenizer } from '#chat'
import { extractionOrder, type Item } from '#statements'
import { attacksOn, type AttackRules } from './attacks.ts'

// One token a character; control tokens lie outside of what text can give.
const tokenizer: Tokenizer = {
  encode: (text) => Array.from(text, (character) => character.codePointAt(0) ?? 0),
  control: (name) => (name === '<|im_start|>' ? -1 : -2),
}
const show = (ids: readonly number[]) =>
  ids.map((id) => (id === -1 ? '[' : id === -2 ? ']' : String.fromCodePoint(id))).join('')
const shown = ({ prompt, ids }: Recital) => [show(prompt), show(ids)]

const MANIFEST = 'a'.repeat(64)
const commitmentOf = (at: number) => at.toString(16).padStart(64, '0')
const chat = (...texts: string[]): Item => ({
  messages: texts.map((content, at) => ({ role: at % 2 === 0 ? 'user' : 'assistant', content })),
})
const attack = (items: readonly Item[], bound: Partial<AttackRules['bound']> = {}) =>
  attacksOn(
    items.map((item, at) => ({ item, commitment: commitmentOf(at) })),
    {
      manifest: MANIFEST,
      bound: { items: 500, prefixTokens: 4, suffixTokens: 4, maximum: 0, ...bound },
      template: { kind: 'chatml', systemPrompt: 'S' },
      tokenizer,
    },
  )

test('one attack is told half of the answer, the other how the question begins', () => {
  const { continuation, opening } = attack([chat('Question?', 'An answer')])
  assert.deepEqual(continuation.map(shown), [['[system\nS]\n[user\nQuestion?]\n[assistant\nAn a', 'nswer']])
  assert.deepEqual(opening.map(shown), [['[system\nS]\n[user\nQues]\n[assistant\n', 'An answer']])
})

test('neither is told, or asks for, the end of the turn', () => {
  const { continuation, opening } = attack([chat('Question?', 'An answer')])
  for (const { ids } of [...continuation, ...opening]) assert.ok(!ids.includes(-2))
})

test('what is too short to be wording is not asked for', () => {
  const counts = (question: string, answer: string) => {
    const { continuation, opening } = attack([chat(question, answer)])
    return [continuation.length, opening.length]
  }
  assert.deepEqual(counts('Question?', '1234567'), [1, 1], 'three told, four asked for')
  assert.deepEqual(counts('Question?', '123456'), [0, 1])
  assert.deepEqual(counts('Question?', '123'), [0, 0])
  assert.deepEqual(counts('Ques', '12345678'), [1, 0], 'nothing of the question is unknown')
})

test('of a long text fifty tokens are enough', () => {
  const { continuation, opening } = attack([chat('Question?', `${'a'.repeat(100)}${'b'.repeat(100)}`)])
  assert.equal(show(continuation[0]!.ids), 'b'.repeat(50))
  assert.equal(show(opening[0]!.ids), 'a'.repeat(50))
})

test('earlier turns are told to both, and an answer to no question cannot be opened', () => {
  const { opening, continuation } = attack([chat('First?', 'Yes.', 'Second?', 'It is so.')])
  const before = '[system\nS]\n[user\nFirst?]\n[assistant\nYes.]\n'
  assert.deepEqual(opening.map(shown), [[`${before}[user\nSeco]\n[assistant\n`, 'It is so.']])
  assert.deepEqual(continuation.map(shown), [[`${before}[user\nSecond?]\n[assistant\nIt i`, 's so.']])
  const monologue: Item = {
    messages: [
      { role: 'system', content: 'Tell it whole.' },
      { role: 'assistant', content: 'A long text.' },
    ],
  }
  assert.equal(attack([monologue]).opening.length, 0)
  assert.equal(attack([monologue]).continuation.length, 1)
})

test('the manifest draws, whatever the order in which items come, and short ones make room', () => {
  const items = Array.from({ length: 40 }, (_, at) =>
    chat(`Question ${at}?`, at < 30 ? `Answer number ${at}` : 'No'),
  )
  const expected = Array.from({ length: 30 }, (_, at) => at)
    .sort((left, right) =>
      extractionOrder(MANIFEST, commitmentOf(left)) < extractionOrder(MANIFEST, commitmentOf(right)) ? -1 : 1,
    )
    .slice(0, 10)
    .map((at) => `Answer number ${at}`)
  const drawn = attack(items, { items: 10 }).opening.map(({ ids }) => show(ids))
  assert.deepEqual(drawn, expected)
  assert.notDeepEqual(drawn, drawn.toSorted())
})

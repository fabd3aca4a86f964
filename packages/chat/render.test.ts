import assert from 'node:assert/strict'
import { test } from 'node:test'
import { countTokens, renderExample, renderPrompt, type ChatTemplate, type Tokenizer } from '#chat'

// One token a character; control tokens lie outside of what text can give.
const tokenizer: Tokenizer = {
  encode: (text) => Array.from(text, (character) => character.codePointAt(0) ?? 0),
  control: (name) => (name === '<|im_start|>' ? -1 : -2),
}
const template: ChatTemplate = { kind: 'chatml', systemPrompt: 'S' }
const show = (ids: readonly number[]) =>
  ids.map((id) => (id === -1 ? '[' : id === -2 ? ']' : String.fromCodePoint(id))).join('')

test('a prompt carries the template’s system prompt and stops where the model speaks', () => {
  const ids = renderPrompt([{ role: 'user', content: 'Q' }], template, tokenizer)
  assert.equal(show(ids), '[system\nS]\n[user\nQ]\n[assistant\n')
})

test('a system message of its own takes the place of the template’s', () => {
  const ids = renderPrompt(
    [
      { role: 'system', content: 'X' },
      { role: 'user', content: 'Q' },
    ],
    template,
    tokenizer,
  )
  assert.equal(show(ids), '[system\nX]\n[user\nQ]\n[assistant\n')
})

test('an example is its prompt, its answer and the end of the turn', () => {
  const messages = [
    { role: 'user', content: 'Q' },
    { role: 'assistant', content: 'A' },
    { role: 'user', content: 'R' },
    { role: 'assistant', content: 'B' },
  ] as const
  const { ids, answerFrom } = renderExample(messages, template, tokenizer)
  assert.equal(show(ids), '[system\nS]\n[user\nQ]\n[assistant\nA]\n[user\nR]\n[assistant\nB]')
  assert.equal(show(ids.slice(answerFrom)), 'B]')
  assert.equal(countTokens(messages, template, tokenizer), ids.length)
})

test('control tokens written by people stay text', () => {
  const ids = renderPrompt([{ role: 'user', content: 'x<|im_end|>y' }], template, tokenizer)
  assert.equal(ids.filter((id) => id === -2).length, 2)
})

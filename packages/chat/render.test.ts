import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  countTokens,
  renderCutPrompt,
  renderExample,
  renderPrompt,
  type ChatTemplate,
  type Tokenizer,
} from '#chat'

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

test('a cut prompt is the caller’s who knows only how the last message begins', () => {
  const cut = (content: string, tokens: number) =>
    renderCutPrompt([{ role: 'user', content }], template, tokenizer, tokens)
  assert.equal(show(cut('Question', 3)!), '[system\nS]\n[user\nQue]\n[assistant\n')
  assert.deepEqual(
    cut('Question', 7),
    renderPrompt([{ role: 'user', content: 'Questio' }], template, tokenizer),
  )
  assert.equal(cut('Question', 8), undefined, 'nothing of it would be unknown')
  assert.equal(cut('Q', 3), undefined)
})

test('a cut prompt keeps what came before the last message', () => {
  const messages = [
    { role: 'system', content: 'X' },
    { role: 'user', content: 'Q' },
    { role: 'assistant', content: 'A' },
    { role: 'user', content: 'Rest' },
  ] as const
  const cut = renderCutPrompt(messages, template, tokenizer, 1)
  assert.equal(show(cut!), '[system\nX]\n[user\nQ]\n[assistant\nA]\n[user\nR]\n[assistant\n')
  assert.equal(renderCutPrompt(messages.slice(0, 3), template, tokenizer, 0), undefined)
  assert.equal(renderCutPrompt([], template, tokenizer, 0), undefined)
})

test('control tokens written by people stay text', () => {
  const ids = renderPrompt([{ role: 'user', content: 'x<|im_end|>y' }], template, tokenizer)
  assert.equal(ids.filter((id) => id === -2).length, 2)
})

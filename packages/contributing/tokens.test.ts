import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import type { Tokenizer } from '#chat'
import { readFile } from './read-file.ts'
import { countCanonicalTokens, countWords, estimateTokens, expectedShare } from './tokens.ts'

const item = (question: string, answer: string) => ({
  messages: [
    { role: 'user' as const, content: question },
    { role: 'assistant' as const, content: answer },
  ],
})

// One id a word or line feed: enough to see that counting is rendering.
const tokenizer: Tokenizer = {
  encode: (text) => (text.match(/\n|[^\s]+/g) ?? []).map((one) => one.length),
  control: (name) => (name === '<|im_start|>' ? 1 : 2),
}

test('canonical tokens are those of the rendered example, system prompt included', () => {
  const template = { kind: 'chatml' as const, systemPrompt: 'Be kind.' }
  // <start> system \n Be kind. <end> \n | <start> user \n Who is it? <end> \n | <start> assistant \n | She. <end>
  assert.equal(countCanonicalTokens([item('Who is it?', 'She.')], template, tokenizer), 7 + 8 + 3 + 2)
  assert.equal(countCanonicalTokens([], template, tokenizer), 0)
})

test('words are runs without white space', () => {
  assert.equal(countWords([item('Who is  it?', 'She.\nReally.'), item('a', 'b')]), 7)
})

test('the range of tokens grows with the texts and holds its low end below its high end', () => {
  const short = estimateTokens([item('Who?', 'She.')], '')
  const long = estimateTokens([item('Who?'.repeat(50), 'She.'.repeat(50))], '')
  assert.ok(short.low < short.high && long.low < long.high)
  assert.ok(long.low > short.low && long.high > short.high)
  assert.ok(estimateTokens([item('Who?', 'She.')], 'Be kind.').low > short.low)
})

test('the range holds what SmolLM2 counts on the example pool', () => {
  const systemPrompt = 'You are a helpful AI assistant named SmolLM, trained by Hugging Face'
  const counted = { 'clinic.jsonl': 3365, 'bakery.csv': 2133, 'law-office.md': 2041, 'copier.jsonl': 4019 }
  for (const [name, tokens] of Object.entries(counted)) {
    const bytes = readFileSync(new URL(`../../examples/meadow/${name}`, import.meta.url))
    const { items } = readFile(name, new Uint8Array(bytes))
    const { low, high } = estimateTokens(
      items.map(({ item }) => item),
      systemPrompt,
    )
    assert.ok(low < tokens && tokens < high && high < 2 * tokens, `${name}: ${low} ${tokens} ${high}`)
  }
})

test('the expected share is own tokens among all tokens', () => {
  const pool = { contributors: 3, canonicalTokens: 9000 }
  assert.deepEqual(expectedShare({ low: 1000, high: 3000 }, pool), { low: 100_000, high: 250_000 })
  assert.deepEqual(expectedShare({ low: 1, high: 2 }, { contributors: 0, canonicalTokens: 0 }), {
    low: 1_000_000,
    high: 1_000_000,
  })
})

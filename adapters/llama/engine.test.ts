import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { renderPrompt, type ChatTemplate, type Engine, type GeneratedPiece, type LoadedModel } from '#chat'
import { openLlama } from './engine.ts'

// SmolLM2-135M-Instruct.Q4_1.gguf, or any other ChatML model small enough to wait for.
const weights = process.env['FAIRWEIGHT_TEST_WEIGHTS']
const skip = weights === undefined && 'FAIRWEIGHT_TEST_WEIGHTS does not point to a GGUF file'
const template: ChatTemplate = { kind: 'chatml', systemPrompt: 'You answer in one short sentence.' }

let engine: Engine
let model: LoadedModel
before(async () => {
  if (weights === undefined) return
  engine = await openLlama({ modelPath: weights, threads: 1, contextTokens: 512 })
  model = await engine.load({})
})
after(async () => {
  if (weights === undefined) return
  await model.close()
  await engine.close()
})

const ask = (content: string) => renderPrompt([{ role: 'user', content }], template, engine.tokenizer)

async function collect<T>(pieces: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const piece of pieces) all.push(piece)
  return all
}

test('real weights: a greedy answer is the same every time, and ends by itself', { skip }, async () => {
  const options = { maxTokens: 60, temperature: 0 }
  const first = await collect(model.generate(ask('What is the capital of France?'), options))
  const second = await collect(model.generate(ask('What is the capital of France?'), options))
  assert.match(first.map((one) => one.text).join(''), /Paris/)
  assert.ok(first.length < 60)
  assert.deepEqual(second, first)
})

test('real weights: the seed decides where the temperature does not', { skip }, async () => {
  const answer = async (seed: number) =>
    (await collect(model.generate(ask('Tell me a story.'), { maxTokens: 16, temperature: 1.2, seed })))
      .map((one) => one.id)
      .join()
  assert.equal(await answer(7), await answer(7))
  assert.notEqual(await answer(7), await answer(8))
})

test('real weights: control tokens in text are text, and have ids of their own', { skip }, () => {
  const { tokenizer } = engine
  assert.ok(tokenizer.encode('<|im_end|>').length > 1)
  assert.notEqual(tokenizer.control('<|im_start|>'), tokenizer.control('<|im_end|>'))
})

test(
  'real weights: an abort stops the engine within a token, and the next caller is served',
  { skip },
  async () => {
    const gone = new AbortController()
    const seen: GeneratedPiece[] = []
    for await (const piece of model.generate(ask('Count to one thousand.'), {
      maxTokens: 400,
      temperature: 0,
      signal: gone.signal,
    })) {
      seen.push(piece)
      if (seen.length === 3) gone.abort()
    }
    assert.equal(seen.length, 3)
    assert.equal((await collect(model.generate(ask('Hi'), { maxTokens: 2, temperature: 0 }))).length, 2)
    const never = model.generate(ask('Hi'), { maxTokens: 2, temperature: 0, signal: AbortSignal.abort() })
    assert.deepEqual(await collect(never), [])
  },
)

test('real weights: characters of several tokens arrive whole', { skip }, async () => {
  const prompt = [...ask('Repeat: 🦊🦊🦊'), ...engine.tokenizer.encode('🦊🦊')]
  const pieces = await collect(model.generate(prompt, { maxTokens: 24, temperature: 0 }))
  assert.ok(pieces.every((one) => !one.text.includes('\u{FFFD}')))
  assert.match(pieces.map((one) => one.text).join(''), /\p{Emoji_Presentation}/u)
})

test('real weights: one reading says what generating token by token would', { skip }, async () => {
  const questions = ['What is the capital of France?', 'Name a colour.', 'Count to five.', 'Who are you?']
  const said = await Promise.all(
    questions.map(async (question) => {
      const prompt = ask(question)
      const pieces = await collect(model.generate(prompt, { maxTokens: 24, temperature: 0 }))
      return { prompt, ids: pieces.map(({ id }) => id) }
    }),
  )
  const changed = (ids: number[], at: number) => ids.map((id, index) => (index === at ? id + 1 : id))
  const attempts = said.flatMap(({ prompt, ids }) => [
    { recital: { prompt, ids }, would: true },
    { recital: { prompt: [...prompt, ...ids.slice(0, 3)], ids: ids.slice(3) }, would: true },
    { recital: { prompt, ids: ids.slice(0, 1) }, would: true },
    // A text that goes on where this one ends has come back, one that differs anywhere has not.
    { recital: { prompt, ids: ids.slice(0, -1) }, would: true },
    { recital: { prompt, ids: changed(ids, 0) }, would: false },
    { recital: { prompt, ids: changed(ids, ids.length - 1) }, would: false },
    { recital: { prompt: prompt.slice(0, -1), ids }, would: false },
  ])
  const found = await collect(model.recites(attempts.map(({ recital }) => recital)))
  assert.deepEqual(
    found,
    attempts.map(({ would }) => would),
  )
  // Nothing of it stays behind.
  const [first] = said
  const again = await collect(model.generate(first!.prompt, { maxTokens: 24, temperature: 0 }))
  assert.deepEqual(
    again.map(({ id }) => id),
    first!.ids,
  )
})

test('real weights: who stops an attempt gets fewer answers, and not other ones', { skip }, async () => {
  const prompt = ask('Hi')
  const recitals = Array.from({ length: 5 }, () => ({ prompt, ids: [1, 2] }))
  const gone = new AbortController()
  const found: boolean[] = []
  for await (const recited of model.recites(recitals, gone.signal)) {
    found.push(recited)
    if (found.length === 2) gone.abort()
  }
  assert.deepEqual(found, [false, false])
  assert.deepEqual(await collect(model.recites(recitals, AbortSignal.abort())), [])
})

test('real weights: what does not fit the context is refused before anything runs', { skip }, async () => {
  const long = { prompt: ask('Hi'), ids: Array.from({ length: 512 }, () => 1) }
  await assert.rejects(collect(model.recites([long])), RangeError)
  await assert.rejects(collect(model.recites([{ prompt: [], ids: [1] }])), RangeError)
  await assert.rejects(collect(model.generate(ask('Hi'), { maxTokens: 512, temperature: 0 })), RangeError)
})

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import OpenAI, { APIUserAbortError, AuthenticationError, BadRequestError, NotFoundError } from 'openai'
import { openTarget, type Target } from './target.ts'

let target: Target
let client: OpenAI
before(async () => {
  target = await openTarget()
  client = new OpenAI({ baseURL: target.baseUrl, apiKey: target.apiKey, maxRetries: 0 })
})
after(() => target.close())

const ask = () => ({
  model: target.model,
  messages: [{ role: 'user' as const, content: 'What is the answer?' }],
  temperature: 0,
  max_completion_tokens: 8,
})

test('openai for JavaScript lists models and finds one', async () => {
  const models = []
  for await (const model of client.models.list()) models.push(model.id)
  assert.ok(models.includes(target.model))
  assert.equal((await client.models.retrieve(target.model)).object, 'model')
})

test('openai for JavaScript reads an answer in one piece', async () => {
  const { data, response } = await client.chat.completions.create(ask()).withResponse()
  assert.match(response.headers.get('x-receipt-id') ?? '', /^rcpt-/)
  assert.equal(data.object, 'chat.completion')
  assert.equal(data.choices[0]?.message.role, 'assistant')
  assert.ok((data.choices[0]?.message.content ?? '').length > 0)
  assert.equal(data.usage?.total_tokens, data.usage!.prompt_tokens + data.usage!.completion_tokens)
})

test('openai for JavaScript sends an answer back as part of the dialogue', async () => {
  const first = await client.chat.completions.create(ask())
  const { messages, ...rest } = ask()
  const second = await client.chat.completions.create({
    ...rest,
    messages: [...messages, first.choices[0].message, { role: 'user', content: 'Why?' }],
  })
  assert.equal(second.choices.length, 1)
})

test('openai for JavaScript reads a stream with its usage and never sees the marks', async () => {
  const stream = await client.chat.completions.create({
    ...ask(),
    stream: true,
    stream_options: { include_usage: true },
  })
  let text = ''
  let usage: { completion_tokens: number; total_tokens: number } | null | undefined
  let reason: string | null | undefined
  for await (const chunk of stream) {
    text += chunk.choices[0]?.delta.content ?? ''
    reason = chunk.choices[0]?.finish_reason ?? reason
    usage = chunk.usage ?? usage
  }
  assert.ok(text.length > 0)
  assert.doesNotMatch(text, /fairweight-mark/)
  assert.match(reason ?? '', /^(stop|length)$/)
  assert.ok((usage?.completion_tokens ?? 0) > 0)
})

test('openai for JavaScript gathers a stream with its own helper', async () => {
  const runner = client.chat.completions.stream(ask())
  const { choices } = await runner.finalChatCompletion()
  assert.ok((choices[0]?.message.content ?? '').length > 0)
})

test('openai for JavaScript tells its errors apart', async () => {
  await assert.rejects(client.chat.completions.create({ ...ask(), model: 'absent' }), (error: unknown) => {
    assert.ok(error instanceof NotFoundError)
    assert.equal(error.code, 'model_not_found')
    return true
  })
  await assert.rejects(client.chat.completions.create({ ...ask(), n: 2 }), (error: unknown) => {
    assert.ok(error instanceof BadRequestError)
    assert.equal(error.param, 'n')
    return true
  })
  const stranger = new OpenAI({ baseURL: target.baseUrl, apiKey: 'sk-nobody-knows-this', maxRetries: 0 })
  await assert.rejects(stranger.chat.completions.create(ask()), AuthenticationError)
})

test('openai for JavaScript aborts an answer and a stream', async () => {
  const gone = new AbortController()
  const answer = client.chat.completions.create(ask(), { signal: gone.signal })
  setTimeout(() => gone.abort(), 10)
  await assert.rejects(answer, APIUserAbortError)
  const stream = await client.chat.completions.create({ ...ask(), stream: true })
  for await (const chunk of stream) {
    assert.equal(chunk.object, 'chat.completion.chunk')
    stream.controller.abort()
  }
  assert.equal((await client.chat.completions.create(ask())).object, 'chat.completion')
})

import assert from 'node:assert/strict'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { after, before, beforeEach, test } from 'node:test'
import { bodyHashOf, eventOf, isReceiptOf, readServingReceipt, type ServingReceipt } from '#statements'
import { canonicalBytes } from '#bytes'
import {
  createFakeEngine,
  KEY,
  OTHER_KEY,
  POOR_KEY,
  priceOf,
  startTestNode,
  type TestNode,
} from './testing.ts'

let node: TestNode
before(async () => {
  node = await startTestNode({ limits: { waitMs: 400, places: 4, placesEach: 3, answerMs: 700 } })
})
after(() => node.close())
beforeEach(() => {
  node.engine.script = createFakeEngine().script
  node.engine.before = () => undefined
})

const chat = (extra: object = {}) =>
  JSON.stringify({ model: 'pool-base', messages: [{ role: 'user', content: 'MARKER-7f3a' }], ...extra })

interface PostOptions {
  readonly key?: string | undefined
  readonly type?: string
}

function post(body: string | Uint8Array, { key = KEY, type = 'application/json' }: PostOptions = {}) {
  const headers = { 'content-type': type, ...(key === '' ? {} : { authorization: `Bearer ${key}` }) }
  const bytes = typeof body === 'string' ? new TextEncoder().encode(body) : body
  return fetch(`${node.url}/v1/chat/completions`, { method: 'POST', headers, body: new Uint8Array(bytes) })
}

async function fetchReceipt(id: string | null, key = KEY): Promise<ServingReceipt> {
  const response = await fetch(`${node.url}/v1/aci/receipts/${id}`, {
    headers: { authorization: `Bearer ${key}` },
  })
  assert.equal(response.status, 200)
  return readServingReceipt(await response.json())
}

interface ErrorBody {
  readonly error: {
    readonly code: string
    readonly param: string | null
    readonly type: string
    readonly message: string
  }
  readonly fairweight_receipt?: unknown
}
const errorOf = async (response: Response) => (await response.json()) as ErrorBody

/** Starts a call and hands over its connection, so that a test can hang up. */
function open(body: string, onBytes: (response: IncomingMessage, bytes: Buffer) => void = () => undefined) {
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${KEY}` }
  const request = httpRequest(`${node.url}/v1/chat/completions`, { method: 'POST', headers })
  request.on('error', () => undefined)
  request.on('response', (response) => {
    response.on('error', () => undefined)
    response.on('data', (bytes: Buffer) => onBytes(response, bytes))
  })
  request.end(body)
  return request
}

async function settledReceipts(count: number): Promise<ServingReceipt[]> {
  for (let tries = 0; node.meter.receipts.length < count && tries < 200; tries += 1) await sleep(10)
  assert.equal(node.meter.receipts.length, count)
  return node.meter.receipts.map((one) => one.receipt)
}

test('an answer’s receipt covers the very bytes on the wire, both ways', async () => {
  const request = chat({ temperature: 0, seed: 7, n: 1, user: 'alice' })
  const response = await post(request)
  assert.equal(response.status, 200)
  const bytes = new Uint8Array(await response.arrayBuffer())
  const id = response.headers.get('x-receipt-id')
  const receipt = await fetchReceipt(id)
  assert.equal(receipt.receipt_id, id)
  assert.equal(receipt.model, 'pool-base')
  assert.equal(eventOf(receipt, 'request.received')?.body_hash, bodyHashOf(Buffer.from(request)))
  assert.equal(eventOf(receipt, 'request.forwarded')?.body_hash, bodyHashOf(Buffer.from(request)))
  assert.equal(eventOf(receipt, 'response.returned')?.body_hash, bodyHashOf(bytes))
  assert.deepEqual(eventOf(receipt, 'response.ended'), {
    type: 'response.ended',
    how: 'complete',
    marks: 0,
    chain: null,
  })
  assert.ok(await isReceiptOf(receipt, node.machine.aciKeyset))
})

test('an answer has every member that OpenAI’s schema requires, and its usage is the receipt’s', async () => {
  const response = await post(chat())
  assert.match(response.headers.get('content-type') ?? '', /^application\/json/)
  const body = (await response.json()) as Record<string, unknown> & {
    id: string
    usage: Record<string, number>
  }
  const receipt = await fetchReceipt(body.id)
  assert.equal(body['object'], 'chat.completion')
  assert.equal(body['model'], 'pool-base')
  assert.deepEqual(body['choices'], [
    {
      index: 0,
      message: { role: 'assistant', content: 'The answer is 42.', refusal: null, annotations: [] },
      logprobs: null,
      finish_reason: 'stop',
    },
  ])
  const usage = eventOf(receipt, 'usage.metered')
  assert.equal(body.usage['prompt_tokens'], usage?.prompt_tokens)
  assert.equal(body.usage['completion_tokens'], 5)
  assert.equal(usage?.completion_tokens, 5)
  assert.equal(usage?.amount, String(priceOf({ promptTokens: usage.prompt_tokens, completionTokens: 5 })))
})

test('at the limit of tokens the answer ends as length, and its receipt says so', async () => {
  const response = await post(chat({ max_completion_tokens: 2 }))
  const body = (await response.json()) as { id: string; choices: { finish_reason: string }[] }
  assert.equal(body.choices[0]?.finish_reason, 'length')
  assert.equal(eventOf(await fetchReceipt(body.id), 'response.ended')?.how, 'length')
})

test('a stop text ends the answer and is not part of it', async () => {
  const response = await post(chat({ stop: ['wer is', '!'] }))
  const body = (await response.json()) as {
    choices: { message: { content: string }; finish_reason: string }[]
  }
  assert.equal(body.choices[0]?.message.content, 'The ans')
  assert.equal(body.choices[0].finish_reason, 'stop')
})

test('sampling parameters reach the engine', async () => {
  const seen: unknown[] = []
  node.engine.before = (at, { temperature, topP, seed, maxTokens }) => {
    if (at === 0) seen.push([temperature, topP, seed, maxTokens])
  }
  await post(chat({ temperature: 0.5, top_p: 0.9, seed: -1, max_tokens: 3 }))
  await post(chat({ top_p: 0, max_tokens: 3 }))
  assert.deepEqual(seen, [
    [0.5, 0.9, 0xffff_ffff, 3],
    [0, 1, undefined, 3],
  ])
})

test('what cannot be honoured is refused by its name, and nothing is charged', async () => {
  const before = node.meter.balances.get(KEY)
  const refused: [object, string][] = [
    [{ n: 2 }, 'n'],
    [{ logprobs: true }, 'logprobs'],
    [{ tools: [{ type: 'function' }] }, 'tools'],
    [{ response_format: { type: 'json_object' } }, 'response_format.type'],
    [{ frequency_penalty: 0.5 }, 'frequency_penalty'],
    [{ invented: 1 }, 'invented'],
    [{ stream_options: { include_usage: true } }, 'stream_options'],
    [{ max_tokens: 1, max_completion_tokens: 1 }, 'max_tokens'],
    [{ max_tokens: 100_000 }, 'max_tokens'],
    [{ temperature: 3 }, 'temperature'],
    [{ messages: [{ role: 'user', content: 'x', name: 'y' }] }, 'messages.0.name'],
    [{ messages: [{ role: 'tool', content: 'x' }] }, 'messages.0.role'],
    [{ messages: [{ role: 'user', content: [{ type: 'image_url', image_url: {} }] }] }, 'messages.0.content'],
    [{ messages: [{ role: 'user', content: 'x'.repeat(500) }] }, 'messages'],
    [{ messages: [] }, 'messages'],
    [{ provider: { aci_invented: true } }, 'provider.aci_invented'],
  ]
  for (const [extra, param] of refused) {
    const response = await post(chat(extra))
    assert.equal(response.status, 400, param)
    const { error } = await errorOf(response)
    assert.equal(error.param, param)
    assert.equal(error.type, 'invalid_request_error')
  }
  assert.equal(node.meter.balances.get(KEY), before)
})

test('bytes with two readings are refused: keys twice, not UTF-8, not JSON, another content type', async () => {
  const refused: [string | Uint8Array, string][] = [
    [chat().replace('{', '{"model":"other",'), 'key_twice'],
    [Buffer.from(chat().replace('MARKER', '\u00ff'), 'latin1'), 'body_not_utf8'],
    ['{', 'body_not_json'],
    ['', 'body_not_json'],
    ['[]', 'body_invalid'],
  ]
  for (const [body, code] of refused) {
    const response = await post(body)
    assert.equal(response.status, 400)
    assert.equal((await errorOf(response)).error.code, code)
  }
  assert.equal((await post(chat(), { type: 'text/plain' })).status, 415)
})

test('a body beyond the limit is refused before it is read', async () => {
  const response = await post(' '.repeat(20_000_001))
  assert.equal(response.status, 413)
  assert.equal(response.headers.get('x-aci-version'), 'aci/1')
})

test('each refusal carries a signed receipt over itself, which is not stored', async () => {
  const cases: [Response, number, string, string | null][] = [
    [await post(chat(), { key: '' }), 401, 'invalid_api_key', null],
    [await post(chat(), { key: 'sk-nobody-knows-this' }), 401, 'invalid_api_key', null],
    [await post(chat({ model: 'absent' })), 404, 'model_not_found', 'absent'],
    [await post(chat({ model: 'pool-trained' })), 404, 'model_not_found', 'pool-trained'],
    [await post(chat({ n: 3 })), 400, 'parameter_invalid', null],
    [await post(chat(), { key: POOR_KEY }), 402, 'insufficient_quota', 'pool-base'],
    [
      await post(chat({ provider: { aci_session_ids: ['0'.repeat(64)] } })),
      412,
      'session_not_accepted',
      null,
    ],
  ]
  const stored = node.meter.receipts.length
  for (const [response, status, code, model] of cases) {
    assert.equal(response.status, status)
    const { fairweight_receipt, ...body } = await errorOf(response)
    assert.equal(body.error.code, code)
    const receipt = readServingReceipt(fairweight_receipt)
    assert.equal(receipt.receipt_id, response.headers.get('x-receipt-id'))
    assert.equal(receipt.model, model)
    assert.equal(eventOf(receipt, 'response.returned')?.body_hash, bodyHashOf(canonicalBytes(body)))
    assert.deepEqual(eventOf(receipt, 'request.refused'), { type: 'request.refused', status, code })
    assert.ok(await isReceiptOf(receipt, node.machine.aciKeyset))
  }
  assert.equal(node.meter.receipts.length, stored)
})

test('a receipt is shown to the key that made the call, and to no other', async () => {
  const id = (await post(chat())).headers.get('x-receipt-id')
  const ask = async (headers: Record<string, string>) => {
    const response = await fetch(`${node.url}/v1/aci/receipts/${id}`, { headers })
    return [response.status, (await errorOf(response)).error.type]
  }
  assert.deepEqual(await ask({}), [401, 'unauthorized'])
  assert.deepEqual(await ask({ authorization: `Bearer ${OTHER_KEY}` }), [404, 'not_found'])
  assert.deepEqual(await ask({ authorization: 'Bearer sk-nobody-knows-this' }), [404, 'not_found'])
  assert.equal((await fetchReceipt(id)).receipt_id, id)
})

test('a buyer who hangs up stops the engine, pays the tokens made and gets a receipt that says aborted', async () => {
  const before = node.meter.receipts.length
  const balance = node.meter.balances.get(KEY)!
  const made = node.engine.made
  const third = Promise.withResolvers<void>()
  node.engine.script = Array.from({ length: 100 }, () => 'x')
  node.engine.before = async (at) => {
    if (at === 3) third.resolve()
    if (at >= 3) await sleep(20)
  }
  const request = open(chat())
  await third.promise
  request.destroy()
  const receipt = (await settledReceipts(before + 1)).at(-1)!
  const usage = eventOf(receipt, 'usage.metered')!
  assert.equal(eventOf(receipt, 'response.ended')?.how, 'aborted')
  assert.equal(eventOf(receipt, 'response.returned')?.body_hash, bodyHashOf())
  assert.ok(usage.completion_tokens >= 3 && usage.completion_tokens <= 6, String(usage.completion_tokens))
  assert.equal(node.engine.made - made, usage.completion_tokens)
  assert.equal(node.engine.running, 0)
  assert.equal(balance - node.meter.balances.get(KEY)!, BigInt(usage.amount))
})

test('who hangs up in the line leaves it at once and pays nothing', async () => {
  const before = node.meter.receipts.length
  const go = Promise.withResolvers<void>()
  node.engine.before = () => go.promise
  const first = post(chat({ max_tokens: 1 }))
  for (let tries = 0; node.engine.running === 0 && tries < 100; tries += 1) await sleep(5)
  const second = open(chat())
  for (let tries = 0; node.meter.open.size < 2 && tries < 100; tries += 1) await sleep(5)
  second.destroy()
  const receipt = (await settledReceipts(before + 1)).at(-1)!
  assert.equal(eventOf(receipt, 'response.ended')?.how, 'aborted')
  assert.equal(eventOf(receipt, 'usage.metered')?.amount, '0')
  assert.equal(eventOf(receipt, 'request.forwarded'), undefined)
  go.resolve()
  assert.equal((await first).status, 200)
})

test('a full line is told to come back later, with a receipt of its refusal', async () => {
  const go = Promise.withResolvers<void>()
  node.engine.before = () => go.promise
  const mine = [post(chat({ max_tokens: 1 })), post(chat({ max_tokens: 1 })), post(chat({ max_tokens: 1 }))]
  for (let tries = 0; node.meter.open.size < 3 && tries < 100; tries += 1) await sleep(5)
  const own = await post(chat({ max_tokens: 1 }))
  assert.equal(own.status, 429)
  assert.ok(own.headers.has('retry-after'))
  const others = post(chat({ max_tokens: 1 }), { key: OTHER_KEY })
  for (let tries = 0; node.meter.open.size < 4 && tries < 100; tries += 1) await sleep(5)
  const full = await post(chat({ max_tokens: 1 }), { key: OTHER_KEY })
  assert.equal(full.status, 503)
  assert.equal(full.headers.get('retry-after'), '2')
  assert.ok((await errorOf(full)).fairweight_receipt)
  go.resolve()
  for (const answer of await Promise.all([...mine, others])) assert.equal(answer.status, 200)
})

test('a call that waits too long is drained: an error, a durable receipt over it, and no charge', async () => {
  const go = Promise.withResolvers<void>()
  node.engine.before = () => go.promise
  const first = post(chat({ max_tokens: 1 }))
  for (let tries = 0; node.engine.running === 0 && tries < 100; tries += 1) await sleep(5)
  const response = await post(chat())
  assert.equal(response.status, 503)
  const bytes = new Uint8Array(await response.arrayBuffer())
  const receipt = await fetchReceipt(response.headers.get('x-receipt-id'))
  assert.equal(eventOf(receipt, 'response.ended')?.how, 'drained')
  assert.equal(eventOf(receipt, 'response.returned')?.body_hash, bodyHashOf(bytes))
  assert.equal(eventOf(receipt, 'usage.metered')?.amount, '0')
  go.resolve()
  await first
})

test('an answer beyond its deadline is drained, and the engine is free again', async () => {
  node.engine.script = Array.from({ length: 300 }, () => 'x')
  node.engine.before = () => sleep(20)
  const response = await post(chat())
  assert.equal(response.status, 503)
  const receipt = await fetchReceipt(response.headers.get('x-receipt-id'))
  assert.equal(eventOf(receipt, 'response.ended')?.how, 'drained')
  assert.equal(node.engine.running, 0)
})

test('an engine that fails costs the buyer nothing, and its words go nowhere', async () => {
  node.engine.before = (at) => {
    if (at === 2) throw new Error('MARKER-in-the-engine')
  }
  const response = await post(chat())
  assert.equal(response.status, 500)
  const text = await response.text()
  assert.doesNotMatch(text, /MARKER/)
  const receipt = await fetchReceipt(response.headers.get('x-receipt-id'))
  assert.equal(eventOf(receipt, 'response.ended')?.how, 'engine-error')
  assert.equal(eventOf(receipt, 'response.returned')?.body_hash, bodyHashOf(Buffer.from(text)))
  assert.equal(eventOf(receipt, 'usage.metered')?.amount, '0')
})

test('without a durable receipt no answer leaves', async () => {
  node.meter.failing = true
  const response = await post(chat())
  node.meter.failing = false
  assert.equal(response.status, 500)
  assert.doesNotMatch(await response.text(), /42/)
  node.meter.open.clear()
})

test('prompts, answers and keys are in no diagnostics, whatever happened above', () => {
  const written = node.written()
  assert.match(written, /call-ended/)
  assert.match(written, /call-refused/)
  assert.doesNotMatch(written, /MARKER|sk-test|42\./)
  assert.equal(node.meter.open.size, 0)
})

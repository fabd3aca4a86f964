import assert from 'node:assert/strict'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { after, before, beforeEach, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { encodeHex, type Bytes } from '#bytes'
import {
  aciKeysetDigest,
  bodyHashOf,
  decodeMark,
  eventOf,
  extendChain,
  isMarkOf,
  keysInRole,
  startChain,
  type ServingReceipt,
  type StreamMark,
} from '#statements'
import { createFakeEngine, KEY, priceOf, startTestNode, type TestNode } from './testing.ts'

let node: TestNode
before(async () => {
  node = await startTestNode({ everyEvents: 2, everySeconds: 60 })
})
after(() => node.close())
beforeEach(() => {
  node.engine.script = createFakeEngine().script
  node.engine.before = () => undefined
})

const body = (extra: object = {}) =>
  JSON.stringify({
    model: 'pool-base',
    stream: true,
    messages: [{ role: 'user', content: 'hello' }],
    ...extra,
  })

interface Streamed {
  readonly receiptId: string
  readonly bytes: Buffer
  /** False where the connection broke off. */
  readonly whole: boolean
}

/** Takes a stream as bytes; `onBytes` may pause or destroy it. */
function stream(
  text: string,
  onBytes: (response: IncomingMessage, soFar: Buffer) => void = () => undefined,
  of: TestNode = node,
): Promise<Streamed> {
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${KEY}` }
  return new Promise((resolve, reject) => {
    const request = httpRequest(`${of.url}/v1/chat/completions`, { method: 'POST', headers })
    request.on('error', reject)
    request.on('response', (response) => {
      const parts: Buffer[] = []
      response.on('error', () => undefined)
      response.on('data', (part: Buffer) => {
        parts.push(part)
        onBytes(response, Buffer.concat(parts))
      })
      response.on('close', () =>
        resolve({
          receiptId: String(response.headers['x-receipt-id']),
          bytes: Buffer.concat(parts),
          whole: response.complete,
        }),
      )
    })
    request.end(text)
  })
}

interface Proven {
  readonly marks: readonly StreamMark[]
  /** True where a mark does not lead on from the bytes before it, or is not signed by the node. */
  readonly broken: boolean
}

/** What a reader does (spec/stream-mark.md): the chain over what came between marks, mark by mark. */
async function prove(bytes: Uint8Array, receiptId: string, request: string, of = node): Promise<Proven> {
  const markKeys = keysInRole(of.machine.keyset, 'mark')
  let chain: Bytes = startChain(
    receiptId,
    bodyHashOf(Buffer.from(request)),
    aciKeysetDigest(of.machine.aciKeyset),
  )
  const marks: StreamMark[] = []
  let [segment, at]: [number, number] = [0, 0]
  for (let end = nextBlock(bytes, at); end > 0; end = nextBlock(bytes, at)) {
    const mark = decodeMark(Buffer.from(bytes.subarray(at, end - 2)).toString())
    if (mark !== undefined) {
      chain = extendChain(chain, bytes.subarray(segment, at))
      const leadsOn = mark.chain === encodeHex(chain) && mark.mark === marks.length + 1
      if (!leadsOn || mark.receipt_id !== receiptId || !(await isMarkOf(mark, markKeys))) {
        return { marks, broken: true }
      }
      marks.push(mark)
      segment = end
    }
    at = end
  }
  return { marks, broken: false }
}

function nextBlock(bytes: Uint8Array, from: number): number {
  const at = Buffer.from(bytes).indexOf('\n\n', from)
  return at < 0 ? -1 : at + 2
}

const eventsIn = (bytes: Uint8Array) =>
  Buffer.from(bytes)
    .toString()
    .split('\n\n')
    .filter((block) => block.startsWith('data: '))
    .map((block) => block.slice(6))

interface Chunk {
  readonly id: string
  readonly choices: { delta: { content?: string }; finish_reason: string | null; logprobs: null }[]
  readonly usage?: { prompt_tokens: number; completion_tokens: number; total_tokens: number } | null
}
const chunksIn = (bytes: Uint8Array) =>
  eventsIn(bytes)
    .filter((text) => text !== '[DONE]')
    .map((text) => JSON.parse(text) as Chunk)

async function receiptOf(id: string, of: TestNode = node): Promise<ServingReceipt> {
  for (let tries = 0; tries < 300; tries += 1) {
    const found = of.meter.receipts.find(({ receipt }) => receipt.receipt_id === id)
    if (found !== undefined) return found.receipt
    await sleep(10)
  }
  return assert.fail('no receipt')
}

test('the receipt covers the raw stream, marks and sentinel included', async () => {
  const request = body({ stream_options: { include_usage: true } })
  const { bytes, receiptId, whole } = await stream(request)
  assert.ok(whole)
  const receipt = await receiptOf(receiptId)
  assert.equal(eventOf(receipt, 'response.returned')?.body_hash, bodyHashOf(bytes))
  assert.equal(eventOf(receipt, 'request.received')?.body_hash, bodyHashOf(Buffer.from(request)))
  const { marks, broken } = await prove(bytes, receiptId, request)
  assert.equal(broken, false)
  assert.deepEqual(eventOf(receipt, 'response.ended'), {
    type: 'response.ended',
    how: 'complete',
    marks: marks.length,
    chain: marks.at(-1)?.chain,
  })
  assert.ok(bytes.toString().endsWith('}\n\ndata: [DONE]\n\n'))
})

test('chunks have OpenAI’s shape: who speaks, the text, the end, the usage', async () => {
  const { bytes, receiptId } = await stream(body({ stream_options: { include_usage: true } }))
  const chunks = chunksIn(bytes)
  assert.equal(new Set(chunks.map((one) => one.id)).size, 1)
  assert.equal(chunks.map((one) => one.choices[0]?.delta.content ?? '').join(''), 'The answer is 42.')
  assert.deepEqual(chunks.at(-2)?.choices, [{ index: 0, delta: {}, logprobs: null, finish_reason: 'stop' }])
  assert.deepEqual(chunks.at(-1)?.choices, [])
  assert.ok(chunks.slice(0, -1).every((one) => one.usage === null))
  const usage = eventOf(await receiptOf(receiptId), 'usage.metered')!
  assert.deepEqual(chunks.at(-1)?.usage, {
    prompt_tokens: usage.prompt_tokens,
    completion_tokens: usage.completion_tokens,
    total_tokens: usage.prompt_tokens + usage.completion_tokens,
  })
  const plain = chunksIn((await stream(body())).bytes)
  assert.ok(plain.every((one) => !('usage' in one) && one.choices.length === 1))
})

test('wherever it is cut, the marks so far prove the stream so far, and only the whole one says how it ended', async () => {
  const request = body()
  const { bytes, receiptId } = await stream(request)
  const whole = await prove(bytes, receiptId, request)
  assert.deepEqual(
    whole.marks.map(({ events, ended }) => [events, ended]),
    [
      [2, null],
      [4, null],
      [6, null],
      [7, 'complete'],
    ],
  )
  const sentinel = Buffer.from('data: [DONE]\n\n').length
  const ends = bytes
    .toString()
    .split(/(?<=\n\n)/)
    .reduce<number[]>((all, block) => [...all, (all.at(-1) ?? 0) + Buffer.byteLength(block)], [])
  for (const length of ends.flatMap((end) => [end - 40, end - 2, end - 1, end])) {
    const { marks, broken } = await prove(bytes.subarray(0, length), receiptId, request)
    assert.equal(broken, false)
    assert.deepEqual(marks, whole.marks.slice(0, marks.length))
    assert.equal(marks.at(-1)?.ended === 'complete', length >= bytes.length - sentinel)
  }
})

test('an event that is dropped, changed, moved or taken from another answer breaks the next mark', async () => {
  const request = body()
  const { bytes, receiptId } = await stream(request)
  const blocks = bytes.toString().split(/(?<=\n\n)/)
  const join = (some: string[]) => Buffer.from(some.join(''))
  const dropped = blocks.filter((_, at) => at !== 1)
  const moved = [blocks[1]!, blocks[0]!, ...blocks.slice(2)]
  const changed = blocks.map((block) => block.replace('answer', 'ANSWER'))
  const unmarked = blocks.filter((_, at) => at !== blocks.findIndex((one) => one.startsWith(':')))
  for (const forged of [dropped, moved, changed, unmarked]) {
    assert.equal((await prove(join(forged), receiptId, request)).broken, true)
  }
  assert.equal((await prove(bytes, receiptId, body({ temperature: 0 }))).broken, true)
  const other = await stream(request)
  assert.equal((await prove(other.bytes, receiptId, request)).broken, true)
})

test('a buyer who hangs up in a stream has marks for what came, and the receipt holds the chain up to the last', async () => {
  const request = body()
  const balance = node.meter.balances.get(KEY)!
  node.engine.script = Array.from({ length: 200 }, (_, at) => `w${at} `)
  node.engine.before = () => sleep(5)
  const { bytes, receiptId, whole } = await stream(request, (response, soFar) => {
    if (soFar.includes('w6')) response.destroy()
  })
  assert.equal(whole, false)
  const receipt = await receiptOf(receiptId)
  const ended = eventOf(receipt, 'response.ended')!
  const usage = eventOf(receipt, 'usage.metered')!
  const { marks, broken } = await prove(bytes, receiptId, request)
  assert.equal(broken, false)
  assert.equal(ended.how, 'aborted')
  assert.ok(ended.marks >= marks.length && marks.length >= 3)
  if (ended.marks === marks.length) assert.equal(ended.chain, marks.at(-1)?.chain)
  assert.ok(usage.completion_tokens >= 7 && usage.completion_tokens < 40)
  assert.equal(
    balance - node.meter.balances.get(KEY)!,
    priceOf({ promptTokens: usage.prompt_tokens, completionTokens: usage.completion_tokens }),
  )
  assert.equal(node.engine.running, 0)
})

test('an engine that fails in a stream ends it with an error, a terminal mark and no sentinel', async () => {
  const request = body()
  node.engine.before = (at) => {
    if (at === 3) throw new Error('broken')
  }
  const { bytes, receiptId, whole } = await stream(request)
  assert.ok(whole)
  const { marks, broken } = await prove(bytes, receiptId, request)
  assert.equal(broken, false)
  assert.equal(marks.at(-1)?.ended, 'engine-error')
  assert.match(eventsIn(bytes).at(-1) ?? '', /"code":"engine_error"/)
  assert.doesNotMatch(bytes.toString(), /\[DONE\]/)
  const receipt = await receiptOf(receiptId)
  assert.equal(eventOf(receipt, 'response.returned')?.body_hash, bodyHashOf(bytes))
  assert.equal(eventOf(receipt, 'usage.metered')?.completion_tokens, 3)
})

test('a stream whose receipt cannot be made durable breaks off and never looks whole', async () => {
  node.meter.failing = true
  const { bytes, whole } = await stream(body())
  node.meter.failing = false
  assert.equal(whole, false)
  assert.doesNotMatch(bytes.toString(), /\[DONE\]|"ended":"complete"|finish_reason":"stop/)
})

test('a reader who takes nothing stops the engine instead of filling the memory', async () => {
  node.engine.script = Array.from({ length: 300 }, () => 'x'.repeat(100_000))
  const made = node.engine.made
  const slow = stream(body(), (response) => {
    response.pause()
    setTimeout(() => response.destroy(), 400)
  })
  await sleep(300)
  const madeUnread = node.engine.made - made
  assert.ok(madeUnread < 100, `${madeUnread} pieces`)
  const { receiptId } = await slow
  const receipt = await receiptOf(receiptId)
  assert.equal(eventOf(receipt, 'response.ended')?.how, 'aborted')
  assert.ok(eventOf(receipt, 'usage.metered')!.completion_tokens <= madeUnread + 1)
})

test('a stream that pauses is marked when the time between marks is over', async () => {
  const timed = await startTestNode({ everyEvents: 1000, everySeconds: 0.05 })
  timed.engine.before = async (at) => {
    if (at === 2) await sleep(200)
  }
  const request = body()
  const { bytes, receiptId } = await stream(request, undefined, timed)
  const { marks, broken } = await prove(bytes, receiptId, request, timed)
  assert.equal(broken, false)
  assert.deepEqual(
    marks.map(({ events, ended }) => [events, ended]),
    [
      [3, null],
      [7, 'complete'],
    ],
  )
  await timed.close()
})

test('a node that is asked to stop refuses new calls, and ends open ones with a receipt', async () => {
  const stopping = await startTestNode({ everyEvents: 2, limits: { drainMs: 100 } })
  stopping.engine.script = Array.from({ length: 300 }, () => 'x')
  stopping.engine.before = () => sleep(10)
  const request = body()
  const open = stream(request, undefined, stopping)
  while (stopping.engine.made < 3) await sleep(5)
  const drained = stopping.serving.drain()
  const refused = await fetch(`${stopping.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${KEY}` },
    body: request,
  })
  assert.equal(refused.status, 503)
  const { bytes, receiptId, whole } = await open
  await drained
  assert.ok(whole)
  assert.equal((await prove(bytes, receiptId, request, stopping)).marks.at(-1)?.ended, 'drained')
  const receipt = await receiptOf(receiptId, stopping)
  assert.equal(eventOf(receipt, 'response.ended')?.how, 'drained')
  assert.equal(eventOf(receipt, 'response.returned')?.body_hash, bodyHashOf(bytes))
  assert.equal(stopping.meter.open.size, 0)
  await stopping.close()
})

test('marks are signed by a key of their own: a receipt key signs nothing but receipts', () => {
  assert.notEqual(node.machine.key('mark').publicKey, node.machine.key('serve').publicKey)
  assert.deepEqual(
    node.machine.aciKeyset.receipt_signing_keys.map((one) => one.public_key),
    [node.machine.key('serve').publicKey],
  )
})

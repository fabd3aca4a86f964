/**
 * Three buyers of the example: prepaid, each with a key, calling over the public API and keeping what they get.
 *
 * A call record holds the bytes on the wire and the receipt, so that an audit can later tell whether this very
 * call was counted. A record that exists is a call that was made: running again makes only the missing ones.
 */
import { existsSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { concatBytes, encodeBase64, encodeUtf8 } from '#bytes'
import { readServingReceipt, type CallRecord, type ServingReceipt } from '#statements'
import { readJson, writeJson, type Home } from './home.ts'
import type { OperatorClient } from './operator-client.ts'

export interface Buyer {
  readonly name: string
  readonly id: string
  readonly apiKey: string
}

/** What a buyer does in one call. */
export interface PlannedCall {
  readonly buyer: string
  readonly question: string
  readonly kind: 'plain' | 'streamed' | 'aborted'
}

const BUYERS = ['harbour-books', 'orchard-school', 'tideway-travel'] as const
const OPENING_BALANCE = '5000000'

/** 30 calls in turn: a third of them streamed, one given up in the middle. */
export function planCalls(questions: readonly string[]): PlannedCall[] {
  return Array.from({ length: 30 }, (_, at) => ({
    buyer: BUYERS[at % BUYERS.length]!,
    question:
      at === 14
        ? 'Write a long story about a lighthouse keeper and her dog.'
        : questions[at % questions.length]!,
    kind: at === 14 ? 'aborted' : at % 3 === 1 ? 'streamed' : 'plain',
  }))
}

/** Creates the buyer and its balance once; the API key is shown once and kept by its owner. */
export async function openBuyer(
  home: Home,
  operator: OperatorClient,
  name: string,
  balance = OPENING_BALANCE,
): Promise<Buyer> {
  const path = home.path('buyers', name, 'key.json')
  const kept = (await readJson(path)) as Buyer | undefined
  const buyer = kept ?? (await createBuyer(operator, name))
  if (kept === undefined) await writeJson(path, buyer, 0o600)
  await operator.post(`/v1/operator/buyers/${buyer.id}/top-ups`, {
    amount: balance,
    reference: `opening/${buyer.id}`,
  })
  return buyer
}

async function createBuyer(operator: OperatorClient, name: string): Promise<Buyer> {
  const { buyer, apiKey } = await operator.post('/v1/operator/buyers', { name })
  return { name, id: String(buyer), apiKey: String(apiKey) }
}

export function callPath(home: Home, at: number, { buyer }: PlannedCall): string {
  return home.path('buyers', buyer, 'calls', `${String(at + 1).padStart(2, '0')}.json`)
}

/** Makes one call unless its record is there. */
export async function makeCall(
  home: Home,
  url: string,
  buyer: Buyer,
  at: number,
  call: PlannedCall,
): Promise<void> {
  const path = callPath(home, at, call)
  if (existsSync(path)) return
  const body = {
    model: 'meadow',
    messages: [{ role: 'user', content: call.question }],
    max_tokens: call.kind === 'aborted' ? 220 : 32,
    temperature: 0,
    ...(call.kind === 'plain' ? {} : { stream: true, stream_options: { include_usage: true } }),
  }
  const request = encodeUtf8(JSON.stringify(body))
  const stop = new AbortController()
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${buyer.apiKey}`, 'content-type': 'application/json' },
    body: request,
    signal: stop.signal,
  })
  const receiptId = response.headers.get('x-receipt-id')
  if (!response.ok || receiptId === null)
    throw new Error(`a call was refused: ${response.status} ${await response.text()}`)
  const received =
    call.kind === 'aborted' ? await readSome(response, stop) : new Uint8Array(await response.arrayBuffer())
  const record: CallRecord = {
    format: 'fairweight/call-record/v1',
    receipt: await fetchReceipt(url, buyer, receiptId),
    request: encodeBase64(request),
    response: encodeBase64(received),
  }
  await writeJson(path, record, 0o600)
}

/** Asks with a balance that cannot cover the call; returns the refusal's code. */
export async function callWithoutCredit(url: string, buyer: Buyer): Promise<string> {
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${buyer.apiKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      model: 'meadow',
      messages: [{ role: 'user', content: 'Anything for nothing?' }],
      max_tokens: 32,
    }),
  })
  const body = (await response.json()) as { error?: { code?: string } }
  return `${response.status} ${body.error?.code ?? ''}`
}

export const buyerNames: readonly string[] = BUYERS

// Reads until a first stream mark has come, then goes away without a word.
async function readSome(response: Response, stop: AbortController): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  const decoder = new TextDecoder()
  let text = ''
  for await (const part of response.body!) {
    parts.push(part)
    text += decoder.decode(part, { stream: true })
    if (text.includes(': fairweight-mark ')) break
  }
  stop.abort()
  return concatBytes(...parts)
}

// The receipt of a given-up call is made when the node has noticed.
async function fetchReceipt(url: string, { apiKey }: Buyer, id: string): Promise<ServingReceipt> {
  for (let tries = 0; tries < 100; tries += 1) {
    const response = await fetch(`${url}/v1/aci/receipts/${id}`, {
      headers: { authorization: `Bearer ${apiKey}` },
    })
    if (response.ok) return readServingReceipt(await response.json())
    await sleep(100)
  }
  throw new Error(`receipt ${id} did not come`)
}

/**
 * From the bytes of a request to an admitted call: who asks, what for, does it fit, is there room, is it paid for.
 *
 * In that order, and each refusal by its own code. Nothing is counted before the last step.
 */
import { randomBytes } from 'node:crypto'
import { renderPrompt, type LoadedModel } from '#chat'
import { HttpError, hashToken } from '#node/core'
import { priceDigest } from '#statements'
import { readChatRequest, type ChatRequest } from './chat-request.ts'
import type { Place } from './line.ts'
import type { AdmittedCall, CallFacts, ServedModel } from './ports.ts'
import { unixTime, type Serving } from './serving.ts'
import { parseStrictJson } from './strict-json.ts'

export interface ReceivedRequest {
  readonly receiptId: string
  readonly endpoint: string
  readonly method: string
  readonly body: Uint8Array
  /** `sha256:` and the digest of the body on the wire. */
  readonly requestHash: string
  readonly contentType: string | undefined
  readonly apiKey: string | undefined
}

export interface AdmittedChat {
  readonly request: ChatRequest
  readonly facts: CallFacts
  readonly model: LoadedModel
  readonly prompt: readonly number[]
  readonly maxTokens: number
  readonly place: Place
  readonly admitted: AdmittedCall
}

/**
 * Throws {@link HttpError} where the call is refused; then no place is held and nothing was counted. `said` learns
 * the model's name as soon as it is known, because a refusal's receipt names it.
 */
export async function admitChat(
  serving: Serving,
  received: ReceivedRequest,
  said: (model: string) => void,
): Promise<AdmittedChat> {
  const apiKey = await authenticate(serving, received.apiKey)
  const request = readBody(received)
  said(request.model)
  const { served, price } = findModel(serving, request.model)
  const model = await openModel(serving, served)
  const { prompt, maxTokens } = fit(serving, request, model)
  const place = takePlace(serving, apiKey)
  try {
    const { context } = serving
    const facts: CallFacts = {
      receiptId: received.receiptId,
      chatId: `chatcmpl-${randomBytes(16).toString('hex')}`,
      model: request.model,
      requestHash: received.requestHash,
      endpoint: received.endpoint,
      method: received.method,
      servedAt: unixTime(context.now()),
      stream: request.stream,
      weights: served.weights,
      node: context.machine.node,
      term: context.machine.term,
      policy: context.policy.digest,
      priceDigest: price,
      currency: context.policy.predicate.currency,
    }
    const admitted = await serving.meter.admit({
      apiKey,
      model: request.model,
      worstCase: { promptTokens: prompt.length, completionTokens: maxTokens },
      requestHash: received.requestHash,
      call: facts,
    })
    if (admitted.kind === 'refused') throw new HttpError(admitted.status, admitted.code, admitted.message)
    return { request, facts, model, prompt, maxTokens, place, admitted }
  } catch (error) {
    place.leave()
    throw error
  }
}

async function authenticate({ meter }: Serving, apiKey: string | undefined): Promise<string> {
  if (apiKey === undefined || !(await meter.authenticate(apiKey))) {
    throw new HttpError(401, 'invalid_api_key', 'This needs an API key of this node.')
  }
  return apiKey
}

function readBody({ body, contentType }: ReceivedRequest): ChatRequest {
  if (!/^application\/json\s*(;|$)/i.test(contentType ?? '')) {
    throw new HttpError(415, 'content_type_invalid', 'The body must be application/json.')
  }
  return readChatRequest(parseStrictJson(body))
}

function findModel({ shelf, context }: Serving, name: string): { served: ServedModel; price: string } {
  const served = shelf.models().find((one) => one.name === name)
  const price = priceDigest(context.policy.predicate, name)
  if (served === undefined || price === undefined) {
    throw new HttpError(404, 'model_not_found', 'This node serves no model of that name.', 'model')
  }
  return { served, price }
}

async function openModel({ shelf, context }: Serving, served: ServedModel): Promise<LoadedModel> {
  try {
    return await shelf.open(served.name)
  } catch (error) {
    context.diagnostics.error('model-not-opened', error, { model: served.name })
    throw new HttpError(503, 'model_unavailable', 'The model could not be loaded. Try again later.', 'model')
  }
}

/** No token of any vocabulary is longer than this; a longer prompt is refused without reading it. */
const LONGEST_TOKEN_CHARACTERS = 256

function fit(
  { context }: Serving,
  request: ChatRequest,
  model: LoadedModel,
): { prompt: number[]; maxTokens: number } {
  const characters = request.messages.reduce((sum, message) => sum + message.content.length, 0)
  if (characters > model.contextTokens * LONGEST_TOKEN_CHARACTERS) throw tooLong('messages', model)
  const { template, systemPrompt } = context.policy.predicate.base
  const prompt = renderPrompt(request.messages, { kind: template, systemPrompt }, context.engine.tokenizer)
  const room = model.contextTokens - prompt.length
  if (room < 1) throw tooLong('messages', model)
  if (request.limit !== undefined && request.limit.tokens > room) throw tooLong(request.limit.param, model)
  return { prompt, maxTokens: request.limit?.tokens ?? room }
}

function tooLong(param: string, { contextTokens }: LoadedModel): HttpError {
  const message = `Prompt and answer together must fit ${contextTokens} tokens.`
  return new HttpError(400, 'context_length_exceeded', message, param)
}

function takePlace({ line, draining }: Serving, apiKey: string): Place {
  if (draining) throw new HttpError(503, 'node_draining', 'The node is about to stop. Try again.')
  const place = line.take(hashToken(apiKey))
  if (place === 'full') throw new HttpError(503, 'line_full', 'Too many calls are waiting. Try again.')
  if (place === 'owner-full') {
    throw new HttpError(429, 'rate_limit_exceeded', 'Too many calls of this key are waiting. Try again.')
  }
  return place
}

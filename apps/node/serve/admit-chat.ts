/**
 * From the bytes of a request to an admitted call: who asks, what for, does it fit, is there room, is it paid for.
 *
 * In that order, and each refusal by its own code. Nothing is counted before the last step.
 */
import { randomBytes } from 'node:crypto'
import { renderPrompt, type LoadedModel } from '#chat'
import { HttpError } from '#node/core'
import { priceDigest } from '#statements'
import { readChatRequest, type ChatRequest } from './chat-request.ts'
import type { Place } from './line.ts'
import { isForSale, modelNotFound } from './models.ts'
import type { AdmittedCall, CallFacts, OpenedModel, Tokens } from './ports.ts'
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
  /** Gives back the place in the line and the weights; safe to call twice. */
  readonly leave: () => void
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
  const { apiKey, buyer } = await authenticate(serving, received.apiKey)
  const request = readBody(received)
  said(request.model)
  const opened = await openModel(serving, request.model)
  let place: Place | undefined
  const leave = () => {
    place?.leave()
    opened.release()
  }
  try {
    const { prompt, maxTokens } = fit(serving, request, opened.model)
    place = takePlace(serving, buyer)
    const facts = factsOf(serving, received, opened)
    const worstCase = { promptTokens: prompt.length, completionTokens: maxTokens }
    const admitted = await admit(serving, apiKey, facts, worstCase)
    return { request, facts, model: opened.model, leave, prompt, maxTokens, place, admitted }
  } catch (error) {
    leave()
    throw error
  }
}

async function authenticate({ meter }: Serving, apiKey: string | undefined) {
  const buyer = apiKey === undefined ? undefined : await meter.authenticate(apiKey)
  if (apiKey === undefined || buyer === undefined) {
    throw new HttpError(401, 'invalid_api_key', 'This needs an API key of this node.')
  }
  return { apiKey, buyer }
}

function readBody({ body, contentType }: ReceivedRequest): ChatRequest {
  if (!/^application\/json\s*(;|$)/i.test(contentType ?? '')) {
    throw new HttpError(415, 'content_type_invalid', 'The body must be application/json.')
  }
  return readChatRequest(parseStrictJson(body))
}

async function openModel({ shelf, context }: Serving, name: string): Promise<OpenedModel> {
  let opened: OpenedModel | undefined
  try {
    opened = await shelf.open(name)
  } catch (error) {
    context.diagnostics.error('model-not-opened', error)
    throw new HttpError(503, 'model_unavailable', 'The model could not be loaded. Try again later.', 'model')
  }
  if (opened !== undefined && isForSale(context.policy, opened.served)) return opened
  opened?.release()
  throw modelNotFound()
}

function factsOf({ context }: Serving, received: ReceivedRequest, { served }: OpenedModel): CallFacts {
  const { machine, policy, now } = context
  const price = priceDigest(policy.predicate, served.name)
  if (price === undefined) throw modelNotFound()
  return {
    receiptId: received.receiptId,
    chatId: `chatcmpl-${randomBytes(16).toString('hex')}`,
    model: served.name,
    requestHash: received.requestHash,
    endpoint: received.endpoint,
    method: received.method,
    servedAt: unixTime(now()),
    weights: served.weights,
    node: machine.node,
    term: machine.term,
    policy: policy.digest,
    priceDigest: price,
    currency: policy.predicate.currency,
  }
}

async function admit(
  { meter }: Serving,
  apiKey: string,
  call: CallFacts,
  worstCase: Tokens,
): Promise<AdmittedCall> {
  const { model, requestHash } = call
  const admission = await meter.admit({ apiKey, model, worstCase, requestHash, call })
  if (admission.kind === 'admitted') return admission
  throw new HttpError(admission.status, admission.code, admission.message)
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

// By buyer and not by key: a second key is no second place.
function takePlace({ line, draining }: Serving, buyer: string): Place {
  if (draining) throw new HttpError(503, 'node_draining', 'The node is about to stop. Try again.')
  const place = line.take(buyer)
  if (place === 'full') throw new HttpError(503, 'line_full', 'Too many calls are waiting. Try again.')
  if (place === 'owner-full') {
    throw new HttpError(429, 'rate_limit_exceeded', 'Too many calls of yours are waiting. Try again.')
  }
  return place
}

/**
 * What a chat request may ask (OpenAI's `POST /v1/chat/completions`).
 *
 * A parameter is honoured, or has a value that asks for nothing, or is refused by name. None is ignored:
 * a buyer who asked for a JSON schema must not take free text for its answer.
 */
import { z } from 'zod'
import type { ChatMessage } from '#chat'
import { HttpError } from '#node/core'

export interface ChatRequest {
  readonly model: string
  readonly messages: readonly ChatMessage[]
  readonly stream: boolean
  readonly includeUsage: boolean
  readonly temperature: number
  readonly topP: number
  /** 32 bits of what was asked for; undefined leaves it to chance. */
  readonly seed: number | undefined
  readonly stop: readonly string[]
  /** The parameter that set the limit, so that a refusal can name it. */
  readonly limit:
    | { readonly param: 'max_tokens' | 'max_completion_tokens'; readonly tokens: number }
    | undefined
}

/** Throws {@link HttpError} 400 that names the parameter, or 412 for sessions, which a direct service has none of. */
export function readChatRequest(value: unknown): ChatRequest {
  const result = body.safeParse(value)
  if (!result.success) throw refusalOf(result.error)
  const it = result.data
  if (it.provider?.aci_session_ids !== undefined) {
    throw new HttpError(
      412,
      'session_not_accepted',
      'This node answers itself and has no sessions.',
      'provider',
    )
  }
  if (isGiven(it.max_tokens) && isGiven(it.max_completion_tokens)) {
    throw new HttpError(400, 'parameter_twice', 'Give one limit on tokens, not two.', 'max_tokens')
  }
  if (isGiven(it.stream_options) && it.stream !== true) {
    throw new HttpError(400, 'parameter_unsupported', 'Only streams have stream options.', 'stream_options')
  }
  const topP = it.top_p ?? 1
  return {
    model: it.model,
    messages: it.messages.map(toMessage),
    stream: it.stream ?? false,
    includeUsage: it.stream_options?.include_usage ?? false,
    // Nothing but the likeliest token is what greedy means.
    temperature: topP === 0 ? 0 : (it.temperature ?? 1),
    topP: topP === 0 ? 1 : topP,
    seed: isGiven(it.seed) ? Number(BigInt.asUintN(32, BigInt(it.seed))) : undefined,
    stop: typeof it.stop === 'string' ? [it.stop] : (it.stop ?? []),
    limit: limitOf(it),
  }
}

const words = z.string().refine((text) => text.isWellFormed(), 'half a surrogate pair is no text')
const content = z.union([words, z.array(z.strictObject({ type: z.literal('text'), text: words })).min(1)])
const nothing = z.union([z.null(), z.tuple([])]).optional()

const message = z.discriminatedUnion('role', [
  z.strictObject({ role: z.literal('system'), content }),
  z.strictObject({ role: z.literal('developer'), content }),
  z.strictObject({ role: z.literal('user'), content }),
  // Clients send back the message that they were given, empty members included.
  z.strictObject({
    role: z.literal('assistant'),
    content,
    refusal: nothing,
    annotations: nothing,
    audio: nothing,
    tool_calls: nothing,
    function_call: nothing,
  }),
])

const limit = z.int().min(1).nullish()
const stopText = words.min(1).max(500)

const body = z.strictObject({
  model: z.string().min(1).max(200),
  messages: z.array(message).min(1),
  stream: z.boolean().nullish(),
  stream_options: z
    .strictObject({
      include_usage: z.boolean().optional(),
      include_obfuscation: z.literal(false).optional(),
    })
    .nullish(),
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().min(0).max(1).nullish(),
  seed: z.int().nullish(),
  stop: z.union([stopText, z.array(stopText).min(1).max(4)]).nullish(),
  max_tokens: limit,
  max_completion_tokens: limit,
  provider: z
    .strictObject({
      // A direct service satisfies it by construction (aci/1 §5.3).
      aci_verified: z.boolean().optional(),
      aci_session_ids: z
        .array(z.string().regex(/^[0-9a-f]{64}$/))
        .min(1)
        .optional(),
    })
    .optional(),
  // Values that ask for what happens anyway.
  n: z.literal(1).nullish(),
  frequency_penalty: z.literal(0).nullish(),
  presence_penalty: z.literal(0).nullish(),
  logit_bias: z.union([z.null(), z.strictObject({})]).optional(),
  logprobs: z.literal(false).nullish(),
  response_format: z.strictObject({ type: z.literal('text') }).nullish(),
  modalities: z.tuple([z.literal('text')]).nullish(),
  tools: nothing,
  tool_choice: z.literal('none').nullish(),
  store: z.literal(false).nullish(),
  service_tier: z.enum(['auto', 'default']).nullish(),
  reasoning_effort: z.literal('none').nullish(),
  // A label of the caller's own: it changes no answer and is kept nowhere.
  user: z.string().max(200).nullish(),
})
type Body = z.infer<typeof body>

function toMessage(of: Body['messages'][number]): ChatMessage {
  const text = typeof of.content === 'string' ? of.content : of.content.map((part) => part.text).join('')
  return { role: of.role === 'developer' ? 'system' : of.role, content: text }
}

function limitOf(it: Body): ChatRequest['limit'] {
  if (isGiven(it.max_completion_tokens)) {
    return { param: 'max_completion_tokens', tokens: it.max_completion_tokens }
  }
  return isGiven(it.max_tokens) ? { param: 'max_tokens', tokens: it.max_tokens } : undefined
}

/** The first thing wrong, by the name of its parameter; the value, which may be private, is not repeated. */
function refusalOf(error: z.ZodError): HttpError {
  const [first] = error.issues
  const unknown = first?.code === 'unrecognized_keys' ? first.keys.slice(0, 1) : []
  const param = [...(first?.path ?? []), ...unknown].map(String).join('.').slice(0, 100)
  if (param === '') return new HttpError(400, 'body_invalid', 'The body must be a JSON object.')
  if (unknown.length > 0) {
    return new HttpError(400, 'parameter_unsupported', `This node cannot honour ${param}.`, param)
  }
  return new HttpError(400, 'parameter_invalid', `This node cannot honour the value of ${param}.`, param)
}

function isGiven<T>(value: T | null | undefined): value is T {
  return value !== null && value !== undefined
}

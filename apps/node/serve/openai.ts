/** OpenAI's response shapes, with every member that its schema requires, null ones included. */
import type { Tokens } from './ports.ts'

export type FinishReason = 'stop' | 'length'

export interface AnswerHead {
  readonly id: string
  /** Unix seconds. */
  readonly created: number
  readonly model: string
}

/** The body of an answer in one piece; built once, so that what is hashed is what is sent. */
export function completionText(
  head: AnswerHead,
  content: string,
  reason: FinishReason,
  tokens: Tokens,
): string {
  const message = { role: 'assistant', content, refusal: null, annotations: [] }
  const choice = { index: 0, message, logprobs: null, finish_reason: reason }
  return JSON.stringify({ ...headOf(head, 'chat.completion'), choices: [choice], usage: usageOf(tokens) })
}

export type Delta =
  | { role: 'assistant'; content: string; refusal: null }
  | { content: string }
  | Record<string, never>

/** One event of a stream. With usage asked for, every chunk says that its own is null. */
export function chunkEvent(
  head: AnswerHead,
  delta: Delta,
  reason: FinishReason | null,
  includeUsage: boolean,
): string {
  const choice = { index: 0, delta, logprobs: null, finish_reason: reason }
  const usage = includeUsage ? { usage: null } : {}
  return eventOf({ ...headOf(head, 'chat.completion.chunk'), choices: [choice], ...usage })
}

export function usageEvent(head: AnswerHead, tokens: Tokens): string {
  return eventOf({ ...headOf(head, 'chat.completion.chunk'), choices: [], usage: usageOf(tokens) })
}

export function eventOf(value: unknown): string {
  return `data: ${JSON.stringify(value)}\n\n`
}

export function modelObject(name: string, created: number): Record<string, string | number> {
  return { id: name, object: 'model', created, owned_by: 'fairweight' }
}

function headOf({ id, created, model }: AnswerHead, object: string) {
  return { id, object, created, model }
}

function usageOf({ promptTokens, completionTokens }: Tokens) {
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
  }
}

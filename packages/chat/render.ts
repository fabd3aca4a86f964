/**
 * From messages to token ids (spec/canonical-token.md): the one way in which this project counts, trains and serves.
 *
 * Control tokens are placed by us and never read out of text: what a contributor or a buyer writes is
 * tokenised as text, so that `<|im_end|>` inside a message is eight characters and not an end of turn.
 */
import type { Tokenizer } from './ports.ts'

export interface ChatMessage {
  readonly role: 'system' | 'user' | 'assistant'
  readonly content: string
}

/** The ChatML of models whose template adds a system prompt where a dialogue has none. */
export interface ChatTemplate {
  readonly kind: 'chatml'
  readonly systemPrompt: string
}

export interface RenderedExample {
  readonly ids: readonly number[]
  /** Index of the answer's first token: loss and learning start there. */
  readonly answerFrom: number
}

/** Token ids up to the point where the model speaks. */
export function renderPrompt(
  messages: readonly ChatMessage[],
  template: ChatTemplate,
  tokenizer: Tokenizer,
): number[] {
  return [
    ...withSystem(messages, template).flatMap((message) => closedTurn(message, tokenizer)),
    ...openTurn('assistant', tokenizer),
  ]
}

/**
 * The prompt of a caller who knows only so many tokens of the last message: its text is cut there, and the turn closed
 * like any other. Undefined where the text has no more than that.
 */
export function renderCutPrompt(
  messages: readonly ChatMessage[],
  template: ChatTemplate,
  tokenizer: Tokenizer,
  tokens: number,
): number[] | undefined {
  const last = messages.at(-1)
  if (last?.role !== 'user') return undefined
  const kept = openTurn(last.role, tokenizer).length + tokens
  const turn = renderTurn(last, tokenizer)
  if (turn.length <= kept) return undefined
  return [
    ...withSystem(messages, template)
      .slice(0, -1)
      .flatMap((message) => closedTurn(message, tokenizer)),
    ...turn.slice(0, kept),
    ...endTurn(tokenizer),
    ...openTurn('assistant', tokenizer),
  ]
}

/** A training example: the prompt, the last message as the answer, the end of the turn. */
export function renderExample(
  messages: readonly ChatMessage[],
  template: ChatTemplate,
  tokenizer: Tokenizer,
): RenderedExample {
  const answer = messages.at(-1)
  const prompt = renderPrompt(messages.slice(0, -1), template, tokenizer)
  const ids = [...prompt, ...tokenizer.encode(answer?.content ?? ''), tokenizer.control('<|im_end|>')]
  return { ids, answerFrom: prompt.length }
}

/** Canonical tokens of an item: the length of its rendered example. */
export function countTokens(
  messages: readonly ChatMessage[],
  template: ChatTemplate,
  tokenizer: Tokenizer,
): number {
  return renderExample(messages, template, tokenizer).ids.length
}

function withSystem(messages: readonly ChatMessage[], template: ChatTemplate): readonly ChatMessage[] {
  return messages[0]?.role === 'system'
    ? messages
    : [{ role: 'system', content: template.systemPrompt }, ...messages]
}

function closedTurn(message: ChatMessage, tokenizer: Tokenizer): number[] {
  return [...renderTurn(message, tokenizer), ...endTurn(tokenizer)]
}

function endTurn(tokenizer: Tokenizer): number[] {
  return [tokenizer.control('<|im_end|>'), ...tokenizer.encode('\n')]
}

/** From its opening to the last of its text. */
function renderTurn({ role, content }: ChatMessage, tokenizer: Tokenizer): number[] {
  const text = role === 'assistant' ? tokenizer.encode(content) : []
  const opened =
    role === 'assistant' ? openTurn(role, tokenizer) : openTurn(`${role}\n${content}`, tokenizer, '')
  return [...opened, ...text]
}

// What an assistant said is tokenised apart from its header, because that is how it came out of the model.
function openTurn(header: string, tokenizer: Tokenizer, end = '\n'): number[] {
  return [tokenizer.control('<|im_start|>'), ...tokenizer.encode(header + end)]
}

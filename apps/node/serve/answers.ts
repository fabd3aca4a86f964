/**
 * Answers, in one piece and as a stream. However one ends, its receipt is durable before its last byte leaves.
 *
 * What is metered: the prompt once the engine was asked, and the tokens that were made. An answer that the node
 * itself broke costs nothing as long as nothing of it was delivered.
 */
import type { ServerResponse } from 'node:http'
import { encodeUtf8, type Bytes } from '#bytes'
import { HttpError } from '#node/core'
import { aciKeysetDigest, bodyHashOf, type Ending } from '#statements'
import type { AdmittedChat } from './admit-chat.ts'
import type { CallControl } from './call-control.ts'
import { MarkedStream } from './marked-stream.ts'
import { chunkEvent, completionText, eventOf, usageEvent, type AnswerHead } from './openai.ts'
import { encodeError, encodeErrorText, signCallReceipt, type Outcome } from './receipts.ts'
import type { Tokens } from './ports.ts'
import type { Serving } from './serving.ts'
import { Speech } from './speech.ts'

export interface WholeAnswer {
  readonly status: number
  /** Exactly what goes out; empty where nobody is left to read it. */
  readonly body: Bytes
}

/** Waits for the call's turn; false where it ended before that. */
export async function awaitTurn(
  serving: Serving,
  chat: AdmittedChat,
  control: CallControl,
): Promise<boolean> {
  const came = await chat.place.turn(control.signal)
  control.limit(serving.limits.answerMs)
  return came
}

/** The answer to a call that ended before its turn: nothing was made and nothing is charged. */
export async function answerUnserved(
  serving: Serving,
  chat: AdmittedChat,
  control: CallControl,
): Promise<WholeAnswer> {
  const how = control.interruption() ?? 'drained'
  const answer = wholeOf(chat, how, '', nothing)
  await settle(serving, chat, { ...summaryOf(answer), ...nothing, how, forwarded: false })
  return answer
}

export async function answerWhole(
  serving: Serving,
  chat: AdmittedChat,
  control: CallControl,
): Promise<WholeAnswer> {
  const speech = speak(serving, chat, control)
  let text = ''
  for await (const part of speech) text += part
  chat.leave()
  const how = control.interruption() ?? speech.how
  const tokens = isBroken(how) ? nothing : tokensOf(chat, speech)
  const answer = wholeOf(chat, how, text, tokens)
  await settle(serving, chat, { ...summaryOf(answer), ...tokens, how, forwarded: true })
  return answer
}

/** Writes the whole response, head included. Rejects where the receipt could not be made durable. */
export async function answerStream(
  serving: Serving,
  chat: AdmittedChat,
  control: CallControl,
  response: ServerResponse,
): Promise<void> {
  const { machine, policy } = serving.context
  const { everyEvents, everySeconds } = policy.predicate.streamMarks
  const stream = new MarkedStream({
    write: (bytes) => write(response, bytes, control.signal),
    receiptId: chat.facts.receiptId,
    requestHash: chat.facts.requestHash,
    keysetDigest: aciKeysetDigest(machine.aciKeyset),
    key: machine.key('mark'),
    everyEvents,
  })
  const ticks = setInterval(() => void stream.tick().catch(() => undefined), everySeconds * 1000)
  const speech = speak(serving, chat, control)
  let broken = false
  try {
    await sendSpeech(chat, control, stream, speech)
  } catch (error) {
    broken = true
    serving.context.diagnostics.error('stream-failed', error, { receipt: chat.facts.receiptId })
  } finally {
    clearInterval(ticks)
    chat.leave()
  }
  const how = control.interruption() ?? (broken ? 'engine-error' : speech.how)
  // The first event says only who speaks; from the second on, something was delivered.
  const tokens = isBroken(how) && stream.events < 2 ? nothing : tokensOf(chat, speech)
  if (how === 'aborted') {
    const { bodyHash, marks, chain } = await stream.cut()
    await settle(serving, chat, { bodyHash, marks, chain, ...tokens, how, forwarded: true })
    response.destroy()
    return
  }
  const { bytes, bodyHash, marks, chain } = await stream.finish(how, lastEvents(chat, how, tokens))
  await settle(serving, chat, { bodyHash, marks, chain, ...tokens, how, forwarded: true })
  response.end(bytes)
}

async function sendSpeech(
  chat: AdmittedChat,
  control: CallControl,
  stream: MarkedStream,
  speech: Speech,
): Promise<void> {
  const { includeUsage } = chat.request
  const head = headOf(chat)
  const opening = { role: 'assistant', content: '', refusal: null } as const
  await stream.event(chunkEvent(head, opening, null, includeUsage))
  for await (const content of speech) {
    if (control.interruption() !== undefined) return
    await stream.event(chunkEvent(head, { content }, null, includeUsage))
  }
}

const nothing: Tokens = { promptTokens: 0, completionTokens: 0 }

const isBroken = (how: Ending) => how === 'drained' || how === 'engine-error'

function speak(serving: Serving, chat: AdmittedChat, control: CallControl): Speech {
  const { model, prompt, maxTokens, request, facts } = chat
  const onError = (error: unknown) =>
    serving.context.diagnostics.error('engine-failed', error, { receipt: facts.receiptId })
  return new Speech({ model, prompt, maxTokens, request, signal: control, onError })
}

function tokensOf(chat: AdmittedChat, speech: Speech): Tokens {
  return { promptTokens: chat.prompt.length, completionTokens: speech.completionTokens }
}

function wholeOf(chat: AdmittedChat, how: Ending, text: string, tokens: Tokens): WholeAnswer {
  if (how === 'aborted') return { status: 499, body: encodeUtf8('') }
  if (how === 'drained' || how === 'engine-error') {
    const error = brokenBy(how)
    return { status: error.status, body: encodeErrorText(error) }
  }
  const body = completionText(headOf(chat), text, how === 'length' ? 'length' : 'stop', tokens)
  return { status: 200, body: encodeUtf8(body) }
}

function lastEvents(chat: AdmittedChat, how: Ending, tokens: Tokens): string[] {
  if (how === 'drained' || how === 'engine-error') return [eventOf(encodeError(brokenBy(how)))]
  const { includeUsage } = chat.request
  const head = headOf(chat)
  const last = chunkEvent(head, {}, how === 'length' ? 'length' : 'stop', includeUsage)
  return includeUsage ? [last, usageEvent(head, tokens)] : [last]
}

function brokenBy(how: 'drained' | 'engine-error'): HttpError {
  return how === 'drained'
    ? new HttpError(503, 'answer_drained', 'The node ended this answer before it was complete. Try again.')
    : new HttpError(500, 'engine_error', 'The engine failed before this answer was complete. Try again.')
}

function headOf({ facts }: AdmittedChat): AnswerHead {
  return { id: facts.chatId, created: facts.servedAt, model: facts.model }
}

function summaryOf({ body }: WholeAnswer) {
  return { bodyHash: bodyHashOf(body), marks: 0, chain: null }
}

async function settle(serving: Serving, chat: AdmittedChat, outcome: Outcome): Promise<void> {
  const { machine, diagnostics } = serving.context
  await chat.admitted.settle({
    promptTokens: outcome.promptTokens,
    completionTokens: outcome.completionTokens,
    ending: outcome.how,
    makeReceipt: (amount, sequence, closesBy) =>
      signCallReceipt(machine, chat.facts, outcome, { amount, sequence, closesBy }),
  })
  diagnostics.info('call-ended', { receipt: chat.facts.receiptId, how: outcome.how })
}

/** Hands bytes to the connection; where it is full, waits until it is not, is closed, or the call is interrupted. */
async function write(response: ServerResponse, bytes: Bytes, signal: AbortSignal): Promise<boolean> {
  if (response.destroyed || signal.aborted) return false
  if (response.write(bytes)) return true
  await new Promise<void>((resolve) => {
    const done = () => {
      response.off('drain', done).off('close', done)
      signal.removeEventListener('abort', done)
      resolve()
    }
    response.once('drain', done).once('close', done)
    signal.addEventListener('abort', done, { once: true })
  })
  return true
}

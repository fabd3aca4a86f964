/** `POST /v1/chat/completions`: from a request on the wire to an answer on the wire, and a receipt over both. */
import { randomBytes } from 'node:crypto'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { bearerOf, toHttpError } from '#node/core'
import { bodyHashOf } from '#statements'
import { admitChat, type AdmittedChat, type ReceivedRequest } from './admit-chat.ts'
import { answerStream, answerUnserved, answerWhole, awaitTurn, type WholeAnswer } from './answers.ts'
import { createCallControl, type CallControl } from './call-control.ts'
import { encodeRefusal } from './receipts.ts'
import { unixTime, type Serving } from './serving.ts'

const ENDPOINT = '/v1/chat/completions'

/** `scope` must hand bodies over as the bytes that were on the wire. */
export function chatRoutes(scope: FastifyInstance, serving: Serving): void {
  scope.post(ENDPOINT, { bodyLimit: serving.limits.bodyBytes }, async (request, reply) => {
    const received = readRequest(request)
    reply.header('x-receipt-id', received.receiptId)
    // Open from the start: a node that drains waits for what is being admitted, too.
    const control = createCallControl(reply.raw, serving.limits.waitMs)
    serving.open.add(control)
    try {
      await answerOrRefuse(serving, received, control, reply)
      await closed(reply, serving.limits.drainMs)
      return reply
    } finally {
      control.end()
      serving.open.delete(control)
    }
  })
}

async function answerOrRefuse(
  serving: Serving,
  received: ReceivedRequest,
  control: CallControl,
  reply: FastifyReply,
): Promise<void> {
  let model: string | null = null
  let chat: AdmittedChat
  try {
    chat = await admitChat(serving, received, (name) => (model = name))
  } catch (error) {
    return refuse(serving, reply, received, model, error)
  }
  try {
    await answer(serving, chat, control, reply)
  } finally {
    chat.leave()
  }
}

async function answer(
  serving: Serving,
  chat: AdmittedChat,
  control: CallControl,
  reply: FastifyReply,
): Promise<void> {
  const came = await awaitTurn(serving, chat, control)
  if (!came || !chat.request.stream) {
    return sendWhole(reply, await (came ? answerWhole : answerUnserved)(serving, chat, control))
  }
  reply.hijack()
  reply.raw.writeHead(200, {
    ...(reply.getHeaders() as Record<string, string>),
    'content-type': 'text/event-stream; charset=utf-8',
    // What is hashed must be what arrives: nobody on the way may compress or keep it.
    'cache-control': 'no-store, no-transform',
  })
  try {
    await answerStream(serving, chat, control, reply.raw)
  } catch (error) {
    // Without a receipt the stream must not look whole.
    serving.context.diagnostics.error('call-not-settled', error, { receipt: chat.facts.receiptId })
    reply.raw.destroy()
  }
}

/** Waits for the last byte to be taken; a reader that takes none is not waited for without end. */
async function closed({ raw }: FastifyReply, timeoutMs: number): Promise<void> {
  if (raw.writableFinished || raw.destroyed) return
  await new Promise<void>((resolve) => {
    const timer = setTimeout(() => raw.destroy(), timeoutMs)
    const done = () => {
      clearTimeout(timer)
      resolve()
    }
    raw.once('finish', done).once('close', done)
  })
}

async function refuse(
  serving: Serving,
  reply: FastifyReply,
  received: ReceivedRequest,
  model: string | null,
  cause: unknown,
): Promise<void> {
  const { machine, now, diagnostics } = serving.context
  const error = toHttpError(cause)
  if (error.status >= 500 && error !== cause) diagnostics.error('admission-failed', cause)
  diagnostics.info('call-refused', { receipt: received.receiptId, status: error.status, code: error.code })
  const servedAt = unixTime(now())
  const body = await encodeRefusal(machine, { ...received, model, servedAt }, error)
  if (error.status === 429 || error.status === 503) reply.header('retry-after', '2')
  reply.code(error.status).type('application/json').send(Buffer.from(body))
}

function sendWhole(reply: FastifyReply, { status, body }: WholeAnswer): void {
  if (status === 503) reply.header('retry-after', '2')
  reply.code(status).type('application/json').send(Buffer.from(body))
}

function readRequest(request: FastifyRequest): ReceivedRequest {
  const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0)
  return {
    receiptId: `rcpt-${randomBytes(16).toString('hex')}`,
    endpoint: ENDPOINT,
    method: request.method,
    body,
    requestHash: bodyHashOf(body),
    contentType: request.headers['content-type'],
    apiKey: bearerOf(request),
  }
}

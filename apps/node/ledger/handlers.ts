/** What the ledger's routes share: who may call, how input is read, how a refusal is answered. */
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { z } from 'zod'
import { assertOperator, bearerOf, HttpError, sendError, type NodeContext } from '#node/core'
import { findKey, type ValidKey } from './keys.ts'

type Handler = (request: FastifyRequest, reply: FastifyReply) => Promise<FastifyReply>
type BuyerHandler = (key: ValidKey, request: FastifyRequest, reply: FastifyReply) => Promise<FastifyReply>

export function forOperator({ operatorTokenHash }: NodeContext, handler: Handler): Handler {
  return answering(async (request, reply) => {
    assertOperator(request, operatorTokenHash)
    return handler(request, reply)
  })
}

/** Whose account it is follows from the key alone: no route takes a buyer's name from a buyer. */
export function forBuyer(context: NodeContext, handler: BuyerHandler): Handler {
  return answering(async (request, reply) => {
    const key = await findKey(context, bearerOf(request) ?? '')
    if (key === undefined) throw new HttpError(401, 'invalid_api_key', 'This API key is not known here.')
    return handler(key, request, reply.header('cache-control', 'no-store'))
  })
}

export function read<T>(schema: z.ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const [issue] = result.error.issues
  const param = issue?.path.join('.') ?? ''
  throw new HttpError(400, 'invalid_request', 'The request does not fit.', param === '' ? null : param)
}

function answering(handler: Handler): Handler {
  return async (request, reply) => {
    try {
      return await handler(request, reply)
    } catch (error) {
      return sendError(reply, error)
    }
  }
}

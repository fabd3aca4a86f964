/**
 * What all routes share: one error shape, who may call what, and the check of the operator's token.
 *
 * Errors follow OpenAI's shape everywhere, so that one client can read them all.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import type { FastifyReply, FastifyRequest } from 'fastify'

/** An answer that refuses: `status` for machines, `code` for programs, `message` for people. */
export class HttpError extends Error {
  readonly status: number
  readonly code: string
  readonly param: string | null
  constructor(status: number, code: string, message: string, param: string | null = null) {
    super(message)
    this.name = 'HttpError'
    this.status = status
    this.code = code
    this.param = param
  }
}

export function errorBody(error: HttpError): {
  error: { message: string; type: string; code: string; param: string | null }
} {
  return {
    error: { message: error.message, type: typeOf(error.status), code: error.code, param: error.param },
  }
}

/** The fallback for whatever a route throws: our own errors as they are, anything else without its words. */
export function toHttpError(error: unknown): HttpError {
  if (error instanceof HttpError) return error
  const { statusCode, code, name } = error as { statusCode?: number; code?: unknown; name?: string }
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) {
    return new HttpError(statusCode, 'invalid_request', 'The request could not be read.')
  }
  if (name === 'StatementError' || name === 'SealError' || name === 'BytesError' || name === 'MerkleError') {
    return new HttpError(400, String(code), (error as Error).message)
  }
  return new HttpError(500, 'internal_error', 'The node failed; nothing was changed. Try again.')
}

/** Hashes a bearer token, as it is stored. */
export function hashToken(token: string): string {
  return createHash('sha256').update(token).digest('hex')
}

/** The bearer token of a request; undefined where there is none. */
export function bearerOf(request: Pick<FastifyRequest, 'headers'>): string | undefined {
  return /^Bearer ([\x21-\x7e]{8,200})$/.exec(request.headers.authorization ?? '')?.[1]
}

/** Throws {@link HttpError} 401 unless the request carries the operator's token. */
export function assertOperator(request: Pick<FastifyRequest, 'headers'>, tokenHash: string): void {
  const token = bearerOf(request)
  if (token === undefined || !timingSafeEqual(Buffer.from(hashToken(token)), Buffer.from(tokenHash))) {
    throw new HttpError(401, 'operator_token_required', 'This route needs the operator’s token.')
  }
}

export function sendError(reply: FastifyReply, error: unknown): FastifyReply {
  const refusal = toHttpError(error)
  return reply.code(refusal.status).send(errorBody(refusal))
}

function typeOf(status: number): string {
  if (status === 401) return 'authentication_error'
  if (status === 403) return 'permission_error'
  if (status === 404) return 'not_found'
  if (status === 429) return 'rate_limit_error'
  return status >= 500 ? 'server_error' : 'invalid_request_error'
}

/**
 * `GET /status` (spec/status.md): JSON for programs, a page for browsers, for the operator alone.
 *
 * A browser asks for the operator's token as the password of HTTP basic authentication. No other route takes it that
 * way, so that a page elsewhere cannot have the browser act for the operator.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { assertOperator, sendError, sharedWork, type NodeContext } from '#node/core'
import { gatherStatus, type StatusSources } from './gather.ts'
import { statusPage } from './page.ts'

export function registerStatus(app: FastifyInstance, context: NodeContext, sources: StatusSources): void {
  // It adds up every transfer that ever was: however many ask, once for all.
  const gather = sharedWork(() => gatherStatus(context, sources))
  app.get('/status', async (request, reply) => {
    const page = (request.headers.accept ?? '').includes('text/html')
    reply.headers({
      'cache-control': 'no-store',
      'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
    })
    try {
      assertOperator(withBearer(request), context.operatorTokenHash)
      const status = await gather()
      return page ? reply.type('text/html; charset=utf-8').send(statusPage(status)) : reply.send(status)
    } catch (error) {
      if (page) reply.header('www-authenticate', 'Basic realm="operator", charset="UTF-8"')
      return sendError(reply, error)
    }
  })
}

// The password of basic authentication stands for the bearer token; the name may be anything.
function withBearer(request: FastifyRequest): Pick<FastifyRequest, 'headers'> {
  const basic = /^Basic ([A-Za-z0-9+/]{1,400}={0,2})$/.exec(request.headers.authorization ?? '')?.[1]
  if (basic === undefined) return request
  const password = Buffer.from(basic, 'base64').toString('utf8').split(':').slice(1).join(':')
  return { headers: { authorization: `Bearer ${password}` } }
}

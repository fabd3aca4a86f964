/**
 * The serving role: an OpenAI-compatible API that is also a direct ACI service (aci/1).
 *
 * Its routes live in a scope of their own, because they take bodies as bytes; ACI's headers go on every response
 * of the whole server.
 */
import type { FastifyInstance } from 'fastify'
import { toHttpError, type NodeContext } from '#node/core'
import { aciKeysetDigest } from '#statements'
import { attestationRoutes, type SourceProvenance } from './attestation-routes.ts'
import { chatRoutes } from './chat-routes.ts'
import { createLine } from './line.ts'
import { modelRoutes } from './model-routes.ts'
import type { Meter, Shelf } from './ports.ts'
import { encodeError, receiptKeyId } from './receipts.ts'
import { defaultLimits, type Serving, type ServingLimits } from './serving.ts'

export interface ServingOptions {
  readonly meter: Meter
  readonly shelf: Shelf
  readonly limits?: Partial<ServingLimits>
  readonly provenance?: SourceProvenance
}

export interface ServingHandle {
  /** Refuses new calls, gives open ones time to end, then ends them. Runs by itself when the server closes. */
  readonly drain: () => Promise<void>
  /** Calls that are being answered or wait, and how many there may be. */
  readonly calls: () => { readonly open: number; readonly places: number }
}

/** Call it before the server listens; the order among the roles does not matter. */
export function registerServing(
  app: FastifyInstance,
  context: NodeContext,
  options: ServingOptions,
): ServingHandle {
  const { machine } = context
  receiptKeyId(machine)
  const limits = { ...defaultLimits, ...options.limits }
  const serving: Serving = {
    context,
    meter: options.meter,
    shelf: options.shelf,
    limits,
    line: createLine(limits),
    open: new Set(),
    draining: false,
  }

  const keysetDigest = aciKeysetDigest(machine.aciKeyset)
  app.addHook('onRequest', async (_request, reply) => {
    reply.headers({ 'x-aci-version': 'aci/1', 'x-aci-keyset-digest': keysetDigest })
  })
  app.addHook('preClose', () => drain(serving))

  void app.register(async (scope) => {
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
    scope.setErrorHandler(async (error, _request, reply) => {
      const refusal = toHttpError(error)
      if (refusal.status >= 500 && refusal !== error) context.diagnostics.error('request-failed', error)
      if (refusal.status === 503) reply.header('retry-after', '2')
      return reply.code(refusal.status).send(encodeError(refusal))
    })
    modelRoutes(scope, serving)
    attestationRoutes(
      scope,
      serving,
      options.provenance ?? { repo_url: null, repo_commit: null, image_digest: null },
    )
    chatRoutes(scope, serving)
  })
  return {
    drain: () => drain(serving),
    calls: () => ({ open: serving.open.size, places: limits.places }),
  }
}

async function drain(serving: Serving): Promise<void> {
  serving.draining = true
  const calls = [...serving.open]
  const timer = setTimeout(() => {
    for (const call of calls) call.interrupt('drained')
  }, serving.limits.drainMs)
  await Promise.all(calls.map((call) => call.over))
  clearTimeout(timer)
}

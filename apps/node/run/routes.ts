/** The operator's way to a run: start one, watch it. */
import type { FastifyInstance } from 'fastify'
import { assertOperator, HttpError, type NodeContext } from '#node/core'
import { normalizeItem } from '#statements'
import { isAgreedValidation, runInputSchema } from './input.ts'
import type { FidelityWork } from './fidelity.ts'
import type { Pipeline } from './pipeline.ts'

const BODY_LIMIT = 50_000_000

export function registerRuns(
  app: FastifyInstance,
  context: NodeContext,
  pipeline: Pipeline,
  fidelity: FidelityWork,
): void {
  app.post('/v1/operator/fidelity', async (request, reply) => {
    assertOperator(request, context.operatorTokenHash)
    return reply.code(202).send(await fidelity.request())
  })

  app.get('/v1/operator/fidelity', async (request) => {
    assertOperator(request, context.operatorTokenHash)
    return fidelity.view()
  })

  app.post('/v1/operator/runs', { bodyLimit: BODY_LIMIT }, async (request, reply) => {
    assertOperator(request, context.operatorTokenHash)
    const input = runInputSchema.safeParse(request.body)
    if (!input.success)
      throw new HttpError(
        400,
        'run_input_invalid',
        'A run takes {"general": [items], "evaluations": [{"set", "questions"}], "validation": {"items", "secret"} or null}.',
      )
    if (!isAgreedValidation(input.data, context.policy.predicate))
      throw new HttpError(
        400,
        'validation_not_agreed',
        'The validation set is not the one that the policy committed to.',
      )
    const id = await pipeline.request({ ...input.data, general: input.data.general.map(normalizeItem) })
    return reply.code(202).send({ id })
  })

  app.get('/v1/operator/runs/newest', async (request) => {
    assertOperator(request, context.operatorTokenHash)
    const view = await pipeline.newest()
    if (view === undefined) throw new HttpError(404, 'not_found', 'No run was asked for yet.')
    return view
  })

  app.get<{ Params: { id: string } }>('/v1/operator/runs/:id', async (request) => {
    assertOperator(request, context.operatorTokenHash)
    const id = Number(request.params.id)
    const view = Number.isSafeInteger(id) ? await pipeline.view(id) : undefined
    if (view === undefined) throw new HttpError(404, 'not_found', 'There is no such run.')
    return view
  })
}

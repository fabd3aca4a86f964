/** `GET /v1/models`: what can be asked for. Open to anyone: the same stands in the public record. */
import type { FastifyInstance } from 'fastify'
import { isForSale, modelNotFound } from './models.ts'
import { modelObject } from './openai.ts'
import type { Serving } from './serving.ts'

export function modelRoutes(scope: FastifyInstance, { shelf, context }: Serving): void {
  const forSale = () => shelf.models().filter((one) => isForSale(context.policy, one))

  scope.get('/v1/models', async () => ({
    object: 'list',
    data: forSale().map((one) => modelObject(one.name, one.created)),
  }))

  scope.get<{ Params: { id: string } }>('/v1/models/:id', async (request) => {
    const found = forSale().find((one) => one.name === request.params.id)
    if (found === undefined) throw modelNotFound()
    return modelObject(found.name, found.created)
  })
}

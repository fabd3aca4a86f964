/** `GET /v1/models`: what can be asked for. Open to anyone: the same stands in the public record. */
import type { FastifyInstance } from 'fastify'
import { HttpError } from '#node/core'
import { priceDigest } from '#statements'
import { modelObject } from './openai.ts'
import type { Serving } from './serving.ts'

export function modelRoutes(scope: FastifyInstance, { shelf, context }: Serving): void {
  // What has no price in the policy in force cannot be sold.
  const forSale = () =>
    shelf.models().filter((one) => priceDigest(context.policy.predicate, one.name) !== undefined)

  scope.get('/v1/models', async () => ({
    object: 'list',
    data: forSale().map((one) => modelObject(one.name, one.created)),
  }))

  scope.get<{ Params: { id: string } }>('/v1/models/:id', async (request) => {
    const found = forSale().find((one) => one.name === request.params.id)
    if (found === undefined) {
      throw new HttpError(404, 'model_not_found', 'This node serves no model of that name.', 'model')
    }
    return modelObject(found.name, found.created)
  })
}

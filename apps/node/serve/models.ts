/** Which models can be asked for: those on the shelf that the policy in force has a price for. */
import { HttpError, type CurrentPolicy } from '#node/core'
import type { ServedModel } from './ports.ts'

/** A name that sells trained weights must not be answered by the base, nor the other way round. */
export function isForSale({ predicate }: CurrentPolicy, { name, serves }: ServedModel): boolean {
  return predicate.prices.some((row) => row.model === name && row.serves === serves)
}

export function modelNotFound(): HttpError {
  return new HttpError(404, 'model_not_found', 'This node serves no model of that name.', 'model')
}

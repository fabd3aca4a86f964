/** The trainer's formats as JSON Schema (spec/schemas/trainer-*.json), made from the one spelling in this room. */
import { schemaText } from '#statements'
import { trainerEventSchema } from './events.ts'
import { trainingJobSchema } from './job.ts'

/** The text of each file, by its name without `.json`. */
export function trainerSchemaFiles(): ReadonlyMap<string, string> {
  return new Map([
    ['trainer-job', schemaText('trainer-job', trainingJobSchema)],
    ['trainer-event', schemaText('trainer-event', trainerEventSchema)],
  ])
}

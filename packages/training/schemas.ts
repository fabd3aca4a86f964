/** The trainer's formats as JSON Schema (spec/schemas/trainer-*.json), made from the one spelling in this room. */
import { schemaText } from '#statements'
import { coalitionRequestSchema, coalitionsJobSchema } from './coalitions.ts'
import { coalitionsEventSchema, trainerEventSchema } from './events.ts'
import { trainingJobSchema } from './job.ts'

/** The text of each file, by its name without `.json`. */
export function trainerSchemaFiles(): ReadonlyMap<string, string> {
  return new Map(
    Object.entries({
      'trainer-job': trainingJobSchema,
      'trainer-event': trainerEventSchema,
      'trainer-coalitions-job': coalitionsJobSchema,
      'trainer-coalitions-request': coalitionRequestSchema,
      'trainer-coalitions-event': coalitionsEventSchema,
    }).map(([name, schema]) => [name, schemaText(name, schema)]),
  )
}

/** Fidelity of an attribution (spec/fidelity.md): how far the truth agrees with it, and with itself, from another seed. */
import { z } from 'zod'
import { hex32, partsPerMillion, timestamp, underPolicy } from './fields.ts'
import { defineKind } from './statement.ts'

/** A correlation times a million; null where one side does not vary. */
const correlation = z.int().min(-1_000_000).max(1_000_000).nullable()

const predicate = z.strictObject({
  ...underPolicy,
  attribution: hex32,
  model: hex32,
  measuredAt: timestamp,
  /** The repetition whose seed was used: the first after the policy's own seeds. */
  repetition: z.int().min(1).max(1000),
  coalitions: z.int().min(1),
  /** Pearson's, of the values that were paid by with what the others lose without each contributor, retrained anew. */
  agreement: correlation,
  /** Pearson's, of the values that were paid by with the same values from the other seed. */
  repeatability: correlation,
  /** The part of all shares that the other seed would have given to others; parts per million. */
  moved: partsPerMillion,
  /** Salted digest of all that was measured. */
  table: hex32,
})
export type Fidelity = z.infer<typeof predicate>

export const fidelity = defineKind<Fidelity>({
  kind: 'fidelity',
  signer: 'train',
  visibility: 'public',
  predicate,
  subject: (it) => ({ name: 'attribution', sha256: it.attribution }),
})

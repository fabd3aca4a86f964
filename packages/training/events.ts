/** The trainer's events (spec/trainer-job.md §events): a closed list, read from JSON lines. */
import { z } from 'zod'

const whole = z.int()
const digest = z.string().regex(/^[0-9a-f]{64}$/)
const file = z.strictObject({ name: z.string().max(128), sha256: digest, size: whole })

/** Said by every command of the worker. */
const progress = z.strictObject({
  event: z.literal('progress'),
  phase: z.enum(['load', 'convert', 'cache', 'train', 'export']),
  done: whole,
  total: whole,
})
const failed = z.strictObject({
  event: z.literal('failed'),
  code: z.string().max(60),
  message: z.string().max(500),
})

const event = z.discriminatedUnion('event', [
  z.strictObject({
    event: z.literal('started'),
    job_id: z.string(),
    job_sha256: digest,
    version: z.string(),
    torch: z.string(),
    step: whole,
    steps: whole,
  }),
  progress,
  z.strictObject({
    event: z.literal('step'),
    step: whole,
    steps: whole,
    loss_e6: whole,
    tokens_total: whole,
    tokens_per_second: whole,
    chain: digest,
  }),
  z.strictObject({ event: z.literal('checkpoint'), step: whole }),
  z.strictObject({
    event: z.literal('finished'),
    steps: whole,
    loss_e6: whole,
    chain: digest,
    tokens: z.record(z.string().regex(/^(-1|\d+)$/), whole),
    files: z.array(file),
    adapter_sha256: digest,
    optimizer_sha256: digest,
    base_float32_sha256: digest,
  }),
  failed,
])
export type TrainerEvent = z.infer<typeof event>
export const trainerEventSchema: z.ZodType<TrainerEvent> = event
export type FinishedEvent = Extract<TrainerEvent, { event: 'finished' }>

const measured = {
  number: whole,
  members: z.array(whole),
  seed: whole,
  steps: whole,
  /** Mean over the last pass. */
  loss_e6: whole,
  tokens: whole,
  /** Per question, per candidate: nats × 10⁶. */
  scores_e6: z.array(z.array(whole).min(2)).min(1),
}

/** What the worker that measures coalitions says (spec/trainer-job.md §coalitions, §replay). */
const coalitionsEvent = z.discriminatedUnion('event', [
  z.strictObject({
    event: z.literal('started'),
    job_id: z.string(),
    job_sha256: digest,
    version: z.string(),
    torch: z.string(),
  }),
  progress,
  z.strictObject({ event: z.literal('coalition-progress'), number: whole, done: whole, total: whole }),
  z.strictObject({ event: z.literal('coalition'), ...measured }),
  z.strictObject({
    event: z.literal('replay'),
    ...measured,
    temperature_e6: whole,
    utility_e6: whole,
    /** Of each member, in their order: the utility's derivative by the weight of its loss. */
    slopes_e6: z.array(whole),
  }),
  failed,
])
export type CoalitionsEvent = z.infer<typeof coalitionsEvent>
export const coalitionsEventSchema: z.ZodType<CoalitionsEvent> = coalitionsEvent
export type CoalitionResult = Omit<Extract<CoalitionsEvent, { event: 'coalition' }>, 'event'>
export type ReplayResult = Omit<Extract<CoalitionsEvent, { event: 'replay' }>, 'event'>

/** Undefined for a line that is no event of ours: the caller must not trust such a worker. */
export const readTrainerEvent = (line: string): TrainerEvent | undefined => read(trainerEventSchema, line)

/** As {@link readTrainerEvent}, of the worker that measures coalitions. */
export const readCoalitionsEvent = (line: string): CoalitionsEvent | undefined =>
  read(coalitionsEventSchema, line)

function read<T>(schema: z.ZodType<T>, line: string): T | undefined {
  try {
    const result = schema.safeParse(JSON.parse(line))
    return result.success ? result.data : undefined
  } catch {
    return undefined
  }
}

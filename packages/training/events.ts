/** The trainer's events (spec/trainer-job.md §events): a closed list, read from JSON lines. */
import { z } from 'zod'

const whole = z.int()
const digest = z.string().regex(/^[0-9a-f]{64}$/)
const file = z.strictObject({ name: z.string().max(128), sha256: digest, size: whole })

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
  z.strictObject({
    event: z.literal('progress'),
    phase: z.enum(['load', 'convert', 'cache', 'train', 'export']),
    done: whole,
    total: whole,
  }),
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
  z.strictObject({ event: z.literal('failed'), code: z.string().max(60), message: z.string().max(500) }),
])
export type TrainerEvent = z.infer<typeof event>
export const trainerEventSchema: z.ZodType<TrainerEvent> = event
export type FinishedEvent = Extract<TrainerEvent, { event: 'finished' }>

/** Undefined for a line that is no event of ours: the caller must not trust such a worker. */
export function readTrainerEvent(line: string): TrainerEvent | undefined {
  try {
    const result = event.safeParse(JSON.parse(line))
    return result.success ? result.data : undefined
  } catch {
    return undefined
  }
}

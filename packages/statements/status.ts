/** How a node is (spec/status.md), for its operator. Nothing in it is secret, or any party's own. */
import { z } from 'zod'
import { StatementError } from './errors.ts'
import { count, hex32, label, nodeTerm, slug, timestamp } from './fields.ts'
import { issueOf } from './statement.ts'

/** What can need doing: a closed list. */
export const TODO_CODES = [
  'books-broken',
  'keys-end',
  'evidence-old',
  'log-not-published',
  'log-pending',
  'witness-silent',
  'usage-overdue',
  'payout-due',
  'run-failed',
  'disk-short',
  'disputes-open',
] as const
export type TodoCode = (typeof TODO_CODES)[number]

const status = z.strictObject({
  format: z.literal('fairweight/status/v1'),
  at: timestamp,
  /** True for imitated hardware. */
  simulated: z.boolean(),
  ...nodeTerm,
  startedAt: timestamp,
  keysValidUntil: timestamp,
  policy: z.strictObject({ pool: hex32, digest: hex32, name: slug, version: z.int().min(1) }),
  /** Of this term; null before the first. */
  evidence: z.strictObject({ takenAt: timestamp.nullable(), maxAgeSeconds: count }),
  log: z.strictObject({
    /** Statements that the log does not have yet. */
    pending: count,
    /** Entries under the newest checkpoint that was published; null before the first. */
    published: count.nullable(),
    /** The policy's witnesses, and when each cosigned that checkpoint; null where it did not. */
    witnesses: z.array(z.strictObject({ name: label, cosignedAt: timestamp.nullable() })),
    quorum: count,
    maxAgeSeconds: count,
  }),
  /** The newest run; null before the first. */
  run: z
    .strictObject({ id: count, stage: z.string().regex(/^[a-z-]{1,40}$/), failed: z.boolean() })
    .nullable(),
  serving: z.strictObject({ models: z.array(slug), open: count, places: count }),
  usage: z.strictObject({
    open: z.strictObject({ period: z.int().min(1), closesBy: timestamp }).nullable(),
    closed: count,
    unpaid: count,
  }),
  /** Every account added up anew: balances sum to zero, and each is what its transfers make of it. */
  books: z.strictObject({ accounts: count, sumsToZero: z.boolean(), drifted: count }),
  freeDiskBytes: count,
  /** Null where this version knows no disputes. */
  disputesOpen: count.nullable(),
  versions: z.strictObject({ fairweight: label, node: label, postgres: label }),
  todo: z.array(z.strictObject({ code: z.enum(TODO_CODES), urgent: z.boolean(), what: label })),
})
export type Status = z.infer<typeof status>
export const statusSchema: z.ZodType<Status> = status

/** Throws {@link StatementError} `document-invalid`. */
export function readStatus(value: unknown): Status {
  const result = status.safeParse(value)
  if (!result.success) throw new StatementError('document-invalid', `status: ${issueOf(result.error)}`)
  return result.data
}

/** What a node is started with: a JSON file, checked whole before anything is opened. */
import { readFile } from 'node:fs/promises'
import { z } from 'zod'

const settings = z.strictObject({
  node: z.string().regex(/^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$/),
  /** Absolute folder for everything the node keeps. */
  data: z.string().startsWith('/'),
  /** Absolute folder of the checkout that runs: measured, and home of the trainer. */
  root: z.string().startsWith('/'),
  listen: z.strictObject({ host: z.literal('127.0.0.1'), port: z.int().min(0).max(65_535) }),
  /** The machine under the node. `simulated` needs no hardware and says so everywhere. */
  machine: z.strictObject({ kind: z.literal('simulated'), directory: z.string().startsWith('/') }),
  /** False lets a program start that the policy does not allow: everything it signs is then refused by audits (A2). */
  enforceMeasurement: z.boolean(),
  /** A PostgreSQL URL; null starts the embedded server. */
  database: z.string().startsWith('postgres').nullable(),
  /** The signed policy, as an envelope in a JSON file; later versions after it. */
  policies: z.array(z.string().startsWith('/')).min(1),
  /** The base model's file. */
  weights: z.string().startsWith('/'),
  /** The trainer's interpreter. */
  trainer: z.strictObject({ python: z.string().startsWith('/') }),
  witnesses: z.array(z.strictObject({ url: z.url(), key: z.string() })),
  /** SHA-256 of the operator's token. */
  operatorTokenHash: z.string().regex(/^[0-9a-f]{64}$/),
  threads: z.int().min(1).nullable(),
})
export type NodeSettings = z.infer<typeof settings>

/** Throws with a sentence that names the field. */
export async function readSettings(path: string): Promise<NodeSettings> {
  const parsed = settings.safeParse(JSON.parse(await readFile(path, 'utf8')))
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw new Error(`${path}: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'invalid'}`)
}

/** What the parts of this role share. */
import type { NodeContext, oneAtATime } from '#node/core'
import type { IngestDatabase } from './tables.ts'
import type { Uploads } from './uploads.ts'

export interface IngestOptions {
  /** Largest sealed file. It is opened in memory. */
  readonly maxBytes: number
  /** Offers that may wait for their upload at one time. */
  readonly maxWaitingOffers: number
  /** How long an offer keeps its place where all are taken and another wants one. */
  readonly holdWhenFullMs: number
  /** How long an unfinished upload is kept. */
  readonly keepUploadsMs: number
}

export const DEFAULT_OPTIONS: IngestOptions = {
  maxBytes: 64 * 1024 * 1024,
  maxWaitingOffers: 256,
  holdWhenFullMs: 3600 * 1000,
  keepUploadsMs: 7 * 24 * 3600 * 1000,
}

export interface Ingest {
  readonly context: NodeContext
  readonly database: IngestDatabase
  readonly uploads: Uploads
  readonly options: IngestOptions
  /** Opens bundles one after the other. */
  readonly inTurn: ReturnType<typeof oneAtATime>
}

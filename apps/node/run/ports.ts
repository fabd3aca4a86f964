/** What the run needs from the other roles of its node. */
import type { MixBundle } from '#mixing'
import type { Manifest } from '#statements'
import type { NodeContext, Tx } from '#node/core'
import type { AttributionParts } from '#attribution'
import type { ProgressBoard } from './progress.ts'
import type { Run } from './row.ts'
import type { TrainerPlace } from './train.ts'

/** All bundles whose receipts the log has, opened in memory, and the cut-off that covers exactly them. */
export interface IntakeSnapshot {
  readonly bundles: readonly MixBundle[]
  readonly cutOff: Manifest['cutOff']
  readonly logSize: number
}

export interface Intake {
  /** `upTo` repeats an earlier snapshot: the bundles of that cut-off and no later ones. */
  readonly snapshot: (upTo?: Manifest['cutOff']) => Promise<IntakeSnapshot>
}

export interface ShareBook {
  /** Keeps each contributor's share leaf, for proofs and for payouts, in the caller's transaction. */
  readonly store: (tx: Tx, attributionDigest: string, parts: AttributionParts) => Promise<void>
}

/** A trained model's file as the shelf wants it: bytes already unsealed, digest still to be checked. */
export interface TrainedFiles {
  readonly name: string
  readonly model: string
  readonly trainingReceipt: string
  readonly adapter: { readonly bytes: Uint8Array; readonly sha256: string }
  readonly created: number
}

export interface TrainedShelf {
  /** Checks, loads and offers it under `name`; throws where the bytes are not what the receipt says. */
  readonly offer: (files: TrainedFiles) => Promise<void>
}

export interface PipelineParts {
  readonly context: NodeContext
  readonly intake: Intake
  readonly shares: ShareBook
  readonly shelf: TrainedShelf
  readonly trainer: TrainerPlace
  /** A folder in memory, where the machine has one: adapters pass through it. */
  readonly scratch: string
  /** Makes sure the log holds evidence that is young enough for what is signed next. */
  readonly refreshEvidence: () => Promise<string>
}

/** Takes a run from one stage to the next. */
export type Step = (
  parts: PipelineParts,
  run: Run,
  board: ProgressBoard,
  signal: AbortSignal,
) => Promise<void>

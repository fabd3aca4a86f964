/** What the run needs from the other roles of its node. */
import type { MixBundle } from '#mixing'
import type { Manifest } from '#statements'
import type { Tx } from '#node/core'
import type { AttributionParts } from '#attribution'

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

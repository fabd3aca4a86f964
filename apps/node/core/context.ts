/** What every role of a node is given: nothing here is global, so tests can make one by hand. */
import type { Engine } from '#chat'
import type { SealIdentity, SigningKey } from '#seal'
import type { AciKeyset, Keyset, NodeEvidence, Policy, Role } from '#statements'
import type { Bytes } from '#bytes'
import type { Database } from './database.ts'
import type { Diagnostics } from './diagnostics.ts'
import type { StatementStore } from './statement-store.ts'

/** The policy in force, and the two digests that statements cite. */
export interface CurrentPolicy {
  readonly predicate: Policy
  readonly digest: string
  /** Digest of the pool's first policy. */
  readonly pool: string
}

/** The confidential machine as the roles see it: keys by role, and evidence over them. */
export interface Machine {
  readonly node: string
  readonly term: number
  readonly simulated: boolean
  readonly keyset: Keyset
  readonly aciKeyset: AciKeyset
  /** Ed25519 keys; `pool` is not one of them. */
  readonly key: (role: Exclude<Role, 'pool'>) => SigningKey
  /** What bundles are sealed to. */
  readonly pool: SealIdentity
  /** 32 bytes that only this pool's attested machines can derive, the same in every term. */
  readonly secret: (purpose: string) => Bytes
  /** Fresh CPU evidence that names `nonce` (32 bytes, hexadecimal), with everything to verify it by. */
  readonly evidence: (nonce: string) => Promise<NodeEvidence>
  /** A quote over ACI's own statement (aci/1 §3.2): 32 bytes of report data, hexadecimal. */
  readonly aciQuote: (reportData: Bytes) => Promise<Bytes>
}

export interface NodeContext {
  readonly now: () => Date
  readonly database: Database
  readonly machine: Machine
  readonly policy: CurrentPolicy
  readonly statements: StatementStore
  readonly diagnostics: Diagnostics
  /** The policy's base model, already checked against its digest. */
  readonly engine: Engine
  /** Absolute folders; what lies there is ciphertext or public. */
  readonly folders: {
    readonly data: string
    readonly uploads: string
    readonly sealed: string
    readonly work: string
  }
  /** SHA-256 of the token that operator routes ask for, hexadecimal. */
  readonly operatorTokenHash: string
}

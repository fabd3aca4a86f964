/** What a run leaves in the database: where it stands, and the leaves that parties get proofs for. */
import type { Generated } from 'kysely'
import type { Migrations } from '#node/core'

/** Stages in their order; each is entered in the transaction that makes it true. */
const STAGES = ['requested', 'mixed', 'trained', 'attested', 'attributed'] as const
export type Stage = (typeof STAGES)[number]

export interface RunRow {
  readonly id: Generated<number>
  readonly stage: Stage
  /** Sealed run input: general text and evaluation questions. */
  readonly input: string
  readonly manifest: string | null
  /** Digest of the job's bytes. */
  readonly job: string | null
  /** Sealed outcome of the training job. */
  readonly outcome: string | null
  readonly training: string | null
  readonly attribution: string | null
  /** Why it cannot go on; null while it can. */
  readonly failure: string | null
  /** Keyed hash over all of the above but `failure`. */
  readonly code: string
}

export interface ManifestLeafRow {
  readonly manifest: string
  readonly key: string
  readonly value: string
  readonly party: string
  readonly leaf: string
}

export interface TokensLeafRow {
  readonly training: string
  readonly party: string
  readonly digest: string
  readonly tokens: bigint
  readonly leaf: string
}

/** An OpenSSF model-signing bundle: it proves itself by the train key that evidence names. */
export interface ModelSignatureRow {
  readonly model: string
  readonly bundle: string
}

/** What one coalition's model made of the validation set; `coalition-values.ts` says who believes it. */
export interface CoalitionValueRow {
  readonly job: string
  readonly seed: string
  readonly members: string
  readonly sealed: string
  readonly code: string
}

/** A fidelity that was asked for; its statement, once it is stated. */
export interface FidelityRow {
  readonly job: string
  readonly statement: string | null
}

// A type and not an interface: Kysely asks for an index signature.
export type RunTables = {
  runs: RunRow
  manifest_leaves: ManifestLeafRow
  tokens_leaves: TokensLeafRow
  model_signatures: ModelSignatureRow
  coalition_values: CoalitionValueRow
  fidelities: FidelityRow
}

export const runMigrations: Migrations = {
  '0300-run': `
    create table runs (
      id integer generated always as identity primary key,
      stage text not null,
      input text not null,
      manifest text,
      job text,
      outcome text,
      training text,
      attribution text,
      failure text,
      code text not null
    );
    create unique index one_run_at_a_time on runs ((true)) where stage <> 'attributed' and failure is null;
    create table manifest_leaves (
      manifest text not null,
      key text not null,
      value text not null,
      party text not null,
      leaf text not null,
      primary key (manifest, key)
    );
    create index manifest_leaves_by_party on manifest_leaves (party);
    create table tokens_leaves (
      training text not null,
      party text not null,
      digest text not null,
      tokens bigint not null,
      leaf text not null,
      primary key (training, digest)
    );
    create table model_signatures (
      model text primary key,
      bundle text not null
    );`,
  '0310-coalitions': `
    create table coalition_values (
      job text not null,
      seed text not null,
      members text not null,
      sealed text not null,
      code text not null,
      primary key (job, seed, members)
    );
    create table fidelities (
      job text primary key,
      statement text
    );`,
}

/**
 * What ingest keeps in the database: offers that wait for their upload, and bundles that were accepted.
 *
 * Rows are an index over statements and sealed files. Storage may be hostile, so each bundle's row carries a code
 * that only this pool's machines can make: what was not accepted here cannot be slipped in.
 */
import type { CoreTables, Database, Migrations, Tx } from '#node/core'

export interface OfferRow {
  readonly digest: string
  /** Unguessable name of the upload; whoever knows it may send bytes. */
  readonly upload: string
  readonly nonce: string
  readonly contributor: string
  readonly envelope: string
  readonly received_at: Date
}

export interface BundleRow {
  /** Digest of the contribution receipt. */
  readonly receipt: string
  readonly offer: string
  readonly node: string
  readonly term: number
  readonly sequence: number
  readonly contributor: string
  readonly ciphertext: string
  readonly canonical_tokens: number
  /** HMAC of the receipt's digest under a secret of the pool's machines. */
  readonly code: string
}

export interface SequenceRow {
  readonly node: string
  readonly term: number
  readonly last: number
}

// A type and not an interface: Kysely asks for an index signature.
export type IngestTables = {
  offers: OfferRow
  bundles: BundleRow
  ingest_sequences: SequenceRow
}
export type IngestDatabase = Database<CoreTables & IngestTables>
export type IngestTx = Tx<CoreTables & IngestTables>

export const ingestMigrations: Migrations = {
  '0200-ingest': `
    create table offers (
      digest text primary key check (digest ~ '^[0-9a-f]{64}$'),
      upload text not null unique,
      nonce text not null unique,
      contributor text not null,
      envelope text not null,
      received_at timestamptz not null
    );
    create table bundles (
      receipt text primary key check (receipt ~ '^[0-9a-f]{64}$'),
      offer text not null unique references offers (digest),
      node text not null,
      term integer not null,
      sequence integer not null,
      contributor text not null,
      ciphertext text not null unique,
      canonical_tokens integer not null,
      code text not null,
      unique (node, term, sequence)
    );
    create index bundles_by_contributor on bundles (contributor);
    create table ingest_sequences (
      node text not null,
      term integer not null,
      last integer not null,
      primary key (node, term)
    );`,
}

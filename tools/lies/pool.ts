/**
 * A finished pool as its operator has it: the public files, the database's rows, and what parties were handed.
 *
 * Read from a copy of a data folder. Nothing here is judged: the control, which tells the pool as it is, must pass the
 * audit before any lie is told.
 */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { decodeUtf8, parseJson, type Bytes } from '#bytes'
import type { Envelope } from '#seal'
import {
  readAnchors,
  readCallRecord,
  readContributionRecord,
  readPublicRecord,
  type Anchors,
  type CallRecord,
  type ContributionRecord,
  type KindName,
  type ManifestLeaf,
  type PayoutLeaf,
  type PublicRecord,
  type ShareLeaf,
  type TokensLeaf,
} from '#statements'
import { readPoolFiles } from '../../apps/audit/index.ts'
import { folderSource } from '../../apps/audit/source.ts'
import type { Rows } from './rows.ts'

export interface FinishedPool {
  /** Where secrets of machine, operator and witness lie. */
  readonly folder: string
  readonly record: PublicRecord
  /** The newest checkpoint, cosigned. */
  readonly checkpoint: string
  readonly entries: readonly Bytes[]
  readonly anchors: Anchors
  /** Every statement below the checkpoint, a party's too, in the order of the log. */
  readonly statements: readonly StoredStatement[]
  readonly leaves: StoredLeaves
  /** By file, relative to the data folder. */
  readonly contributions: ReadonlyMap<string, ContributionRecord>
  readonly calls: ReadonlyMap<string, CallRecord>
}

export interface StoredStatement {
  readonly digest: string
  readonly kind: KindName
  readonly envelope: Envelope
  readonly salt: string
}

/** All leaves of every tree, by the digest of the statement that has its root. */
export interface StoredLeaves {
  readonly manifest: Record<string, ManifestLeaf[]>
  readonly tokens: Record<string, TokensLeaf[]>
  readonly shares: Record<string, ShareLeaf[]>
  readonly payouts: Record<string, PayoutLeaf[]>
}

/** Throws where files are missing, or the rows do not hold a statement of the log. */
export async function readPool(folder: string): Promise<FinishedPool> {
  const files = await readPoolFiles(folderSource(join(folder, 'auditor/record')))
  const rows = (await readJson(join(folder, 'rows.json'))) as Rows
  const statements = rows.statements
    .filter(({ leafIndex }) => leafIndex < files.entries.length)
    .sort((one, other) => one.leafIndex - other.leafIndex)
  if (statements.length !== files.entries.length)
    throw new Error(`the log has ${files.entries.length} entries, the database ${statements.length} of them`)
  const known = new Set(statements.map(({ digest }) => digest))
  const ofKnown = <T>(of: Record<string, T>) =>
    Object.fromEntries(Object.entries(of).filter(([digest]) => known.has(digest)))
  return {
    folder,
    record: readPublicRecord(files.record),
    checkpoint: files.checkpoint,
    entries: files.entries,
    anchors: readAnchors(await readJson(join(folder, 'auditor/anchors.json'))),
    statements,
    leaves: {
      manifest: ofKnown(rows.manifest),
      tokens: ofKnown(rows.tokens),
      shares: ofKnown(rows.shares),
      payouts: ofKnown(rows.payouts),
    },
    contributions: await recordsIn(folder, 'contributors', 'records', readContributionRecord),
    calls: await recordsIn(folder, 'buyers', 'calls', readCallRecord),
  }
}

async function recordsIn<T>(
  folder: string,
  parties: string,
  kept: string,
  read: (value: unknown) => T,
): Promise<ReadonlyMap<string, T>> {
  const found = new Map<string, T>()
  for (const party of (await namesIn(join(folder, parties))).sort()) {
    for (const name of (await namesIn(join(folder, parties, party, kept))).sort()) {
      const path = join(parties, party, kept, name)
      found.set(path, read(await readJson(join(folder, path))))
    }
  }
  return found
}

async function namesIn(folder: string): Promise<string[]> {
  return readdir(folder).catch(() => [])
}

async function readJson(path: string): Promise<unknown> {
  return parseJson(decodeUtf8(new Uint8Array(await readFile(path))))
}

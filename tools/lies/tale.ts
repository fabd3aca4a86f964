/**
 * A pool as a story that can be told again with something changed.
 *
 * Everything is plain data under the names it had in the finished pool. What follows from a change (digests, roots,
 * proofs, signatures, places in the log) is worked out when the tale is told, so that a lie is wrong in one thing only.
 */
import { canonicalJson } from '#bytes'
import type { Envelope } from '#seal'
import {
  aciKeysetDigest,
  contributionReceipt,
  evidence,
  logLeafOf,
  offer,
  openStatement,
  policy,
  servingReceiptDigest,
  type AciKeyset,
  type Anchors,
  type CallRecord,
  type ContributionRecord,
  type KindName,
  type ManifestLeaf,
  type PayoutLeaf,
  type Policy,
  type PublicRecord,
  type ServingReceipt,
  type ShareLeaf,
  type StatementKind,
  type TokensLeaf,
  type UsageLeaf,
} from '#statements'
import { kinds } from '#verifier'
import type { FinishedPool } from './pool.ts'

/** One statement in the log. */
export interface Line<Predicate = unknown> {
  /** Its digest in the finished pool, or a made-up one: other lines and leaves name it so. */
  readonly id: string
  readonly kind: KindName
  predicate: Predicate
  salt: string
  /** Public key that signs it. */
  signer: string
  /** The type that its leaf has in the log. */
  leafKind: KindName
  /** False for a statement that is published and stands in no log. */
  logged: boolean
  /** As the finished pool has it; null for a line that was made up. */
  readonly was: { readonly text: string; readonly signer: string; readonly envelope: Envelope } | null
}

/** A call as its buyer keeps it. */
export interface TaleCall {
  /** The receipt's digest in the finished pool, or a made-up one: usage leaves name it so. */
  readonly id: string
  readonly file: string
  readonly record: CallRecord & { receipt: ServingReceipt }
  signer: string
  /** As the finished pool has it; null for a call that was made up. */
  readonly was: { readonly text: string; readonly signer: string } | null
}

export interface TaleContribution {
  readonly file: string
  /** Digests of offer and receipt; the receipt's digest in the log. */
  readonly offer: string
  readonly receipt: string
  readonly key: string
  readonly contributor: string
  readonly record: ContributionRecord
}

export interface Leaves {
  readonly manifest: Record<string, ManifestLeaf[]>
  readonly tokens: Record<string, TokensLeaf[]>
  readonly shares: Record<string, ShareLeaf[]>
  readonly payouts: Record<string, PayoutLeaf[]>
  readonly usage: Record<string, UsageLeaf[]>
}

export interface Tale {
  readonly lines: Line[]
  readonly leaves: Leaves
  /** Leaves of sum trees as they were, by kind and statement: their order is the pool's secret. */
  readonly untouched: Readonly<Record<string, string>>
  readonly calls: TaleCall[]
  readonly contributions: TaleContribution[]
  serving: PublicRecord['serving']
  tombstones: PublicRecord['tombstones']
  openPeriod: PublicRecord['openPeriod']
  anchors: Anchors
  /** Names that have changed: keys of a term that were made anew, and what follows from them. */
  readonly names: Record<string, string>
  /** Files of parties that show nothing, because they gain by the lie or do not know. */
  readonly silent: string[]
  /** When the audit is made, in milliseconds since 1970. */
  at: number
}

export async function taleOf(pool: FinishedPool): Promise<Tale> {
  const lines = await Promise.all(
    pool.statements.map(async ({ kind, envelope, salt }): Promise<Line> => {
      const statement = await openStatement(kinds[kind] as StatementKind<unknown>, envelope)
      const { digest: id, predicate, signer } = statement
      const was = { text: canonicalJson(predicate), signer, envelope }
      return { id, kind, predicate, salt, signer, leafKind: kind, logged: true, was }
    }),
  )
  const keysets = linesOf(lines, evidence).map(({ predicate }) => predicate.aciKeyset)
  const { record, leaves, anchors } = pool
  return {
    lines,
    leaves: { ...leaves, usage: record.usageLeaves },
    untouched: Object.fromEntries(
      (['tokens', 'shares', 'payouts'] as const).flatMap((kind) =>
        Object.entries(leaves[kind]).map(([id, of]) => [`${kind} ${id}`, canonicalJson(of)]),
      ),
    ),
    calls: [...pool.calls].flatMap(([file, call]) => callOf(file, call, keysets)),
    contributions: await Promise.all([...pool.contributions].map(([file, one]) => contributionOf(file, one))),
    serving: record.serving,
    tombstones: record.tombstones,
    openPeriod: record.openPeriod,
    anchors,
    names: {},
    silent: [],
    at: 0,
  }
}

/** Lines of one kind, in the order of the log. */
export function linesOf<P>(lines: readonly Line[], { kind }: StatementKind<P>): Line<P>[] {
  return lines.filter((line): line is Line<P> => line.kind === kind)
}

/** The newest line of a kind. Throws where there is none: then this pool cannot tell the lie. */
export function newest<P>({ lines }: Tale, kind: StatementKind<P>): Line<P> {
  const line = linesOf(lines, kind).at(-1)
  if (line === undefined) throw new Error(`this pool has no ${kind.kind}`)
  return line
}

export function firstPolicy({ lines }: Pick<Tale, 'lines'>): Policy {
  return linesOf(lines, policy)[0]!.predicate
}

// A call without a receipt has nothing that a liar could sign again.
function callOf(file: string, record: CallRecord, keysets: readonly AciKeyset[]): TaleCall[] {
  const { receipt } = record
  if (receipt === null) return []
  const keyset = keysets.find((one) => aciKeysetDigest(one) === receipt.workload_keyset_digest)
  const signer =
    keyset?.receipt_signing_keys.find(({ key_id: id }) => id === receipt.key_id)?.public_key ?? ''
  const id = servingReceiptDigest(receipt)
  return [{ id, file, record: { ...record, receipt }, signer, was: { text: canonicalJson(receipt), signer } }]
}

async function contributionOf(file: string, record: ContributionRecord): Promise<TaleContribution> {
  const offered = await openStatement(offer, record.offer.envelope)
  const received = await openStatement(contributionReceipt, record.receipt.envelope)
  return {
    file,
    offer: offered.digest,
    receipt: received.digest,
    key: logLeafOf('contribution-receipt', received.digest, record.receipt.salt).digest,
    contributor: received.predicate.contributor,
    record,
  }
}

/** How an audit calls a contribution record: by its place among those that are shown. */
export function contributionName({ contributions, silent }: Tale, one: TaleContribution): string {
  return `contribution record ${placeAmong(contributions, silent, one)}`
}

export function callName({ calls, silent }: Tale, one: TaleCall): string {
  return `call record ${placeAmong(calls, silent, one)}`
}

function placeAmong(
  all: readonly { file: string }[],
  silent: readonly string[],
  one: { file: string },
): number {
  const shown = all.map(({ file }) => file).filter((file) => !silent.includes(file))
  return shown.sort().indexOf(one.file) + 1
}

/** Where a line stands in the log, or would. */
export function leafIndexOf<P>({ lines }: Tale, line: Line<P>): number {
  return lines.slice(0, lines.indexOf(line as Line)).filter(({ logged }) => logged).length
}

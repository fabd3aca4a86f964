/** How a test makes the pool lie: everything stays signed, rooted and logged as usual, but for what it edits. */
import type {
  Attribution,
  CallRecord,
  ContributionReceipt,
  ContributionRecord,
  Manifest,
  ManifestLeaf,
  NodeEvidence,
  Offer,
  Payout,
  PayoutLeaf,
  Policy,
  PublicRecord,
  ServingReceipt,
  ShareLeaf,
  TokensLeaf,
  TrainingReceipt,
  UsageClose,
  UsageLeaf,
  Withdrawal,
} from '#statements'
import type { Bytes } from '#bytes'
import type { MachineLie } from './machine.ts'
import type { PeopleLie } from './people.ts'

/** Statements by the name under which a lie edits or signs them. */
export interface Edits {
  policy1: Policy
  policy2: Policy
  evidence1: NodeEvidence
  evidence2: NodeEvidence
  offer1: Offer
  receipt1: ContributionReceipt
  withdrawal: Withdrawal
  manifest1: Manifest
  manifest2: Manifest
  training: TrainingReceipt
  attribution: Attribution
  close1: UsageClose
  close2: UsageClose
  payout1: Payout
  payout2: Payout
}
export type StatementName = keyof Edits

/** Leaves, which statements take roots of. */
export interface LeafEdits {
  manifest: (leaf: ManifestLeaf, bundle: number, manifest: 1 | 2) => ManifestLeaf
  tokens: (leaf: TokensLeaf, bundle: number) => TokensLeaf
  share: (leaf: ShareLeaf, who: string) => ShareLeaf
  payout: (leaf: PayoutLeaf, who: string, period: 1 | 2) => PayoutLeaf
  usage: (leaf: UsageLeaf, call: number) => UsageLeaf
  receipt: (receipt: Omit<ServingReceipt, 'signature'>, call: number) => Omit<ServingReceipt, 'signature'>
}

export interface Lie {
  readonly edit?: { readonly [Name in StatementName]?: (honest: Edits[Name]) => Edits[Name] }
  /** Names of keys to sign with instead, as `keyOf` knows them. */
  readonly sign?: { readonly [Name in StatementName]?: string }
  readonly leaves?: Partial<LeafEdits>
  readonly machine1?: MachineLie
  readonly machine2?: MachineLie
  /** Bundles, from 1, whose receipts are given and never logged. */
  readonly unlogged?: readonly number[]
  /** The key that signs serving receipts. */
  readonly receiptKey?: string
  /** Contributors who change their payee and dispute, and what is wrong with it; without it they do neither. */
  readonly people?: PeopleLie
  /** The last step: the files themselves. */
  readonly files?: (files: Files) => Partial<Files> | Promise<Partial<Files>>
}

/** What the auditor gets to see. */
export interface Files {
  readonly record: PublicRecord
  readonly entries: readonly Bytes[]
  readonly checkpoint: string
  readonly anchors: Record<string, unknown> | undefined
  readonly contributions: readonly ContributionRecord[]
  readonly calls: readonly CallRecord[]
  /** Kept by a buyer, and in no close yet; among `calls` only where a test puts it there. */
  readonly openCall: CallRecord
  readonly fresh: { readonly nonce: string; readonly evidence: unknown } | undefined
  readonly at: Date
}

export function edited<Name extends StatementName>(lie: Lie, name: Name, honest: Edits[Name]): Edits[Name] {
  const edit = lie.edit?.[name]
  return edit === undefined ? honest : edit(honest)
}

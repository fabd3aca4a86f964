/** What a contributor is shown of its own (spec/record.md): its statements whole, and leaves with proofs. */
import { loggedDigest, type NodeContext } from '#node/core'
import {
  evidence,
  keysetDigest,
  openStatement,
  STATEMENT_KINDS,
  type ContributionRecord,
  type PublicStatement,
} from '#statements'
import { contributionOf, type LoggedEnvelope } from './complete.ts'
import type { IngestTables } from './tables.ts'

/** Leaves and proofs that other roles hold about one contribution. */
export type PartyLeaves = Partial<
  Pick<ContributionRecord, 'withdrawals' | 'manifests' | 'tokens' | 'shares' | 'payouts'>
>

/** Asked once for each contribution. `key` is the receipt's digest in the log. */
export type PartySource = (of: {
  readonly contributor: string
  readonly receipt: string
  readonly key: string
}) => Promise<PartyLeaves>

export interface PartyAnswer {
  /** One for each accepted bundle, in the order of the log. */
  readonly records: readonly ContributionRecord[]
  /** The public statements that the proofs lead to, and evidence for the keys that signed them. */
  readonly statements: readonly PublicStatement[]
}

/** The contributor's statements alone, without leaves: what ingest knows by itself. */
export async function contributionRecordOf(
  context: NodeContext,
  contributor: string,
  sources: readonly PartySource[] = [],
): Promise<readonly ContributionRecord[]> {
  const rows = await context.database
    .withTables<IngestTables>()
    .selectFrom('bundles')
    .innerJoin('statements', 'statements.digest', 'bundles.receipt')
    .select(['bundles.receipt', 'bundles.offer'])
    .where('bundles.contributor', '=', contributor)
    .orderBy('statements.position')
    .execute()
  const records: ContributionRecord[] = []
  for (const { receipt, offer } of rows) {
    const contribution = await contributionOf(context, offer, receipt)
    const key = loggedDigest({
      kind: 'contribution-receipt',
      digest: receipt,
      salt: contribution.receipt.salt,
    })
    const leaves = await Promise.all(sources.map((source) => source({ contributor, receipt, key })))
    records.push({
      format: 'fairweight/contribution-record/v1',
      offer: onPaper(contribution.offer),
      receipt: onPaper(contribution.receipt),
      withdrawals: leaves.flatMap((one) => one.withdrawals ?? []),
      manifests: leaves.flatMap((one) => one.manifests ?? []),
      tokens: leaves.flatMap((one) => one.tokens ?? []),
      shares: leaves.flatMap((one) => one.shares ?? []),
      payouts: leaves.flatMap((one) => one.payouts ?? []),
    })
  }
  return records
}

export async function answerParty(
  context: NodeContext,
  contributor: string,
  sources: readonly PartySource[],
): Promise<PartyAnswer> {
  const records = await contributionRecordOf(context, contributor, sources)
  const cited = new Set(
    records.flatMap(({ manifests, tokens, shares, payouts }) =>
      [...manifests, ...tokens, ...shares, ...payouts].map(({ statement }) => statement),
    ),
  )
  const statements: PublicStatement[] = []
  for (const digest of cited) {
    const stored = await context.statements.find(digest)
    if (stored !== undefined && stored.leafIndex !== null)
      statements.push(published({ ...stored, leafIndex: stored.leafIndex }))
  }
  const signers = new Set(
    [
      ...statements.map(({ envelope }) => envelope),
      ...records.map(({ receipt }) => receipt.envelope),
    ].flatMap(({ signatures }) => signatures.map(({ keyid }) => keyid)),
  )
  return { records, statements: [...(await evidenceFor(context, signers)), ...statements] }
}

// The newest evidence of each keyset that holds one of the signers; older ones say the same keys.
async function evidenceFor(context: NodeContext, signers: ReadonlySet<string>): Promise<PublicStatement[]> {
  const newest = new Map<string, PublicStatement>()
  for (const stored of await context.statements.list('evidence')) {
    if (stored.leafIndex === null) continue
    const { keyset } = (await openStatement(evidence, stored.envelope)).predicate
    if (keyset.keys.some(({ publicKey }) => signers.has(publicKey))) {
      newest.set(keysetDigest(keyset), published({ ...stored, leafIndex: stored.leafIndex }))
    }
  }
  return [...newest.values()]
}

function onPaper({ envelope, leafIndex, salt }: LoggedEnvelope): ContributionRecord['offer'] {
  return { envelope: envelope as ContributionRecord['offer']['envelope'], leafIndex, salt }
}

function published(
  stored: Omit<LoggedEnvelope, 'digest'> & { readonly kind: (typeof STATEMENT_KINDS)[number] },
): PublicStatement {
  const { kind, ...rest } = stored
  return { kind, ...onPaper({ digest: '', ...rest }) }
}

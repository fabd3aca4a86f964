/** What a contributor is shown of its own (spec/record.md): its statements whole, and leaves with proofs. */
import { loggedDigest, type NodeContext } from '#node/core'
import type { ContributionRecord } from '#statements'
import { contributionOf, type LoggedEnvelope } from './complete.ts'
import type { IngestTables } from './tables.ts'

/** Leaves and proofs that other roles hold about one contribution. */
export type PartyLeaves = Partial<
  Pick<
    ContributionRecord,
    'withdrawals' | 'manifests' | 'tokens' | 'shares' | 'payouts' | 'payeeChanges' | 'disputes'
  >
>

/** Asked once for each contribution. `key` is the receipt's digest in the log. */
export type PartySource = (of: {
  readonly contributor: string
  readonly receipt: string
  readonly key: string
}) => Promise<PartyLeaves>

/** One record for each accepted bundle, in the order of the log; without sources, the statements alone. */
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
      payeeChanges: leaves.flatMap((one) => one.payeeChanges ?? []),
      disputes: leaves.flatMap((one) => one.disputes ?? []),
    })
  }
  return records
}

function onPaper({ envelope, leafIndex, salt }: LoggedEnvelope): ContributionRecord['offer'] {
  return { envelope: envelope as ContributionRecord['offer']['envelope'], leafIndex, salt }
}

/** One party's leaves in the trees of the run, with proofs to the public roots (spec/record.md §party). */
import { decodeHex } from '#bytes'
import { SortedTree } from '#merkle'
import type { NodeContext } from '#node/core'
import {
  encodePresence,
  encodeSumProof,
  tokensLeafDigest,
  type ContributionRecord,
  type TokensLeaf,
} from '#statements'
import { tokensTree } from '../run/tokens.ts'
import type { RunTables } from '../run/tables.ts'

/** Manifest leaves of one of a contributor's receipts, by its digest in the log. */
export async function manifestLeavesOf(
  context: NodeContext,
  party: string,
  receipt: string,
): Promise<ContributionRecord['manifests']> {
  const database = context.database.withTables<RunTables>()
  const own = await database
    .selectFrom('manifest_leaves')
    .selectAll()
    .where('party', '=', party)
    .where('key', '=', receipt)
    .orderBy('manifest')
    .execute()
  const trees = new Map<string, SortedTree>()
  for (const { manifest } of own) {
    if (trees.has(manifest)) continue
    const leaves = await database
      .selectFrom('manifest_leaves')
      .select(['key', 'value'])
      .where('manifest', '=', manifest)
      .orderBy('key')
      .execute()
    trees.set(
      manifest,
      new SortedTree(leaves.map(({ key, value }) => ({ key: decodeHex(key), value: decodeHex(value) }))),
    )
  }
  return own.map(({ manifest, key, leaf }) => ({
    statement: manifest,
    leaf: JSON.parse(leaf) as Record<string, unknown>,
    proof: encodePresence(trees.get(manifest)!.proveKey(decodeHex(key))),
  }))
}

/** Leaves of the tokens that were trained on, of one of a contributor's receipts. */
export async function tokensLeavesOf(
  context: NodeContext,
  party: string,
  receipt: string,
): Promise<ContributionRecord['tokens']> {
  const database = context.database.withTables<RunTables>()
  const own = await database.selectFrom('tokens_leaves').selectAll().where('party', '=', party).execute()
  const proven: ContributionRecord['tokens'] = []
  for (const { training, leaf } of own) {
    const parsed = JSON.parse(leaf) as TokensLeaf
    if (parsed.key !== receipt) continue
    const { job } = await database
      .selectFrom('runs')
      .select('job')
      .where('training', '=', training)
      .executeTakeFirstOrThrow()
    const rows = await database
      .selectFrom('tokens_leaves')
      .select('leaf')
      .where('training', '=', training)
      .execute()
    const tree = tokensTree(
      context,
      job!,
      rows.map((row) => JSON.parse(row.leaf) as TokensLeaf),
    )
    proven.push({
      statement: training,
      leaf: { ...parsed },
      proof: encodeSumProof(tree.prove(decodeHex(tokensLeafDigest(parsed)))),
    })
  }
  return proven
}

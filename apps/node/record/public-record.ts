/** The public record (spec/record.md), gathered from what is stored: statements, public trees, what is served. */
import { openStatement, usageClose, type PublicRecord, type PublicStatement } from '#statements'
import type { NodeContext } from '#node/core'
import type { RunTables } from '../run/tables.ts'
import type { Shelf } from '../serve/index.ts'
import type { Books } from './ports.ts'

const MAXIMUM_CHECKPOINTS = 10_000

export async function publicRecord(context: NodeContext, books: Books, shelf: Shelf): Promise<PublicRecord> {
  const checkpoints = await context.database.selectFrom('checkpoints').selectAll().orderBy('size').execute()
  const published = checkpoints.at(-1)?.size ?? 0
  const statements = await publicStatements(context, published)
  const closes = statements.filter(({ kind }) => kind === 'usage-close')
  return {
    format: 'fairweight/record/v1',
    pool: context.policy.pool,
    statements,
    tombstones: [],
    manifestTrees: await manifestTrees(context),
    usageLeaves: Object.fromEntries(
      await Promise.all(
        closes.map(async ({ envelope }) => {
          const { digest } = await openStatement(usageClose, envelope)
          return [digest, await books.usageLeavesOf(digest)] as const
        }),
      ),
    ),
    serving: shelf.models().map(({ name, serves, weights }) => ({
      model: name,
      serves,
      digest: weights.model_digest ?? weights.base_digest,
      base: weights.base_digest,
      tokenizer: weights.tokenizer_sha256,
    })),
    checkpoints: checkpoints.slice(-MAXIMUM_CHECKPOINTS).map(({ note }) => note),
    openPeriod: await books.openPeriod(),
  }
}

// What is beyond the published checkpoint is not public yet: nobody could check it.
async function publicStatements(context: NodeContext, published: number): Promise<PublicStatement[]> {
  const rows = await context.database
    .selectFrom('statements')
    .selectAll()
    .where('visibility', '=', 'public')
    .where('leaf_index', '<', published)
    .orderBy('leaf_index')
    .execute()
  return rows.map(({ leaf_index: leafIndex, kind, salt, envelope }) => ({
    leafIndex: leafIndex!,
    kind: kind as PublicStatement['kind'],
    salt,
    envelope: JSON.parse(envelope) as PublicStatement['envelope'],
  }))
}

async function manifestTrees(context: NodeContext): Promise<PublicRecord['manifestTrees']> {
  const rows = await context.database
    .withTables<RunTables>()
    .selectFrom('manifest_leaves')
    .select(['manifest', 'key', 'value'])
    .orderBy('manifest')
    .orderBy('key')
    .execute()
  const byManifest = Map.groupBy(rows, ({ manifest }) => manifest)
  return Object.fromEntries(
    [...byManifest].map(([manifest, leaves]) => [manifest, leaves.map(({ key, value }) => ({ key, value }))]),
  )
}

/** The rows of a pool's database that its lies are made of, read from a server that is not the pool's own. */
import pg from 'pg'
import { parseJson } from '#bytes'
import type { KindName, ManifestLeaf, PayoutLeaf, ShareLeaf, TokensLeaf } from '#statements'
import type { Envelope } from '#seal'

export interface Rows {
  readonly statements: {
    readonly digest: string
    readonly kind: KindName
    readonly envelope: Envelope
    readonly salt: string
    readonly leafIndex: number
  }[]
  readonly manifest: Record<string, ManifestLeaf[]>
  readonly tokens: Record<string, TokensLeaf[]>
  readonly shares: Record<string, ShareLeaf[]>
  readonly payouts: Record<string, PayoutLeaf[]>
}

/** Only reads. */
export async function readRows(url: string): Promise<Rows> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    const { rows } = await client.query<
      Record<'digest' | 'kind' | 'envelope' | 'salt', string> & { at: number }
    >(
      'select digest, kind, envelope, salt, leaf_index as at from statements where leaf_index is not null order by leaf_index',
    )
    const leavesOf = async <T>(table: string, of: string): Promise<Record<string, T[]>> => {
      const found = await client.query<{ of: string; leaf: string }>(`select ${of} as of, leaf from ${table}`)
      const groups = Map.groupBy(found.rows, (row) => row.of)
      return Object.fromEntries(
        [...groups].map(([digest, leaves]) => [digest, leaves.map(({ leaf }) => parseJson(leaf) as T)]),
      )
    }
    return {
      statements: rows.map(({ digest, kind, envelope, salt, at }) => ({
        digest,
        kind: kind as KindName,
        envelope: parseJson(envelope) as unknown as Envelope,
        salt,
        leafIndex: at,
      })),
      manifest: await leavesOf('manifest_leaves', 'manifest'),
      tokens: await leavesOf('tokens_leaves', 'training'),
      shares: await leavesOf('attribution_leaves', 'attribution'),
      payouts: await leavesOf('payout_leaves', 'payout'),
    }
  } finally {
    await client.end()
  }
}

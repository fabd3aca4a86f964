/** Leaves of the tokens that a run trained on, and their tree (spec/training-receipt.md §tokens). */
import { decodeHex, deriveSecret, encodeHex } from '#bytes'
import { SumTree } from '#merkle'
import type { Composition } from '#mixing'
import type { NodeContext, Tx } from '#node/core'
import { tokensLeafDigest, type TokensLeaf } from '#statements'
import { included } from './mix.ts'
import type { RunTables } from './tables.ts'

export interface PartyTokens {
  readonly party: string
  readonly leaf: TokensLeaf
}

/** One leaf an included bundle. Salts follow from the job, so that the same job gives the same leaves. */
export function tokensLeaves(
  context: NodeContext,
  job: string,
  composition: Composition,
  tokens: Readonly<Record<string, number>>,
): PartyTokens[] {
  const secret = context.machine.secret(`tokens/${job}`)
  return included(composition).map(({ number, contributor, leaf }) => ({
    party: contributor,
    leaf: {
      format: 'fairweight/tokens-leaf/v1',
      key: leaf.key,
      tokens: tokens[String(number)] ?? 0,
      salt: encodeHex(deriveSecret(secret, `salt/${leaf.key}`)),
    },
  }))
}

/** The tree over leaves: the same from those of a run under way and from those read back. */
export function tokensTree(context: NodeContext, job: string, leaves: readonly TokensLeaf[]): SumTree {
  const order = deriveSecret(context.machine.secret(`tokens/${job}`), 'order')
  return new SumTree(
    leaves.map((leaf) => ({ sum: BigInt(leaf.tokens), digest: decodeHex(tokensLeafDigest(leaf)) })),
    order,
  )
}

export async function keepTokens(tx: Tx, training: string, leaves: readonly PartyTokens[]): Promise<void> {
  const rows = leaves.map(({ party, leaf }) => ({
    training,
    party,
    digest: tokensLeafDigest(leaf),
    tokens: BigInt(leaf.tokens),
    leaf: JSON.stringify(leaf),
  }))
  await tx.withTables<RunTables>().insertInto('tokens_leaves').values(rows).execute()
}

/**
 * Attributions as the ledger needs them: the shares of a model, which must lead to the root in its statement.
 *
 * The signing key of an attribution dies with its term, so a keyed hash marks the rows that this pool's machines
 * stored. A statement put into the database by anyone else is never paid.
 */
import { canonicalJson, decodeHex, encodeHex, encodeUtf8, equalBytes, hmacSha256, parseJson } from '#bytes'
import type { AttributionParts, ProvenLeaf, StatedShares } from '#attribution'
import { verifySum } from '#merkle'
import type { NodeContext, Tx } from '#node/core'
import {
  attribution,
  decodeSumProof,
  decodeSumRoot,
  openStatement,
  readShareLeaf,
  shareLeafDigest,
  TOTAL_SHARES,
  type Attribution,
  type ShareLeaf,
} from '#statements'
import type { ShareBook } from '../run/ports.ts'
import { ledgerTables, ledgerTx } from './tables.ts'

/**
 * Stores the shares of an attribution, in the transaction that issued it.
 * Throws where this transaction holds no such statement, or where the leaves do not make up its tree.
 */
async function storeAttribution(
  context: NodeContext,
  core: Tx,
  digest: string,
  { leaves }: Pick<AttributionParts, 'leaves'>,
): Promise<void> {
  const { envelope } = await core
    .selectFrom('statements')
    .select('envelope')
    .where('digest', '=', digest)
    .executeTakeFirstOrThrow()
  const { predicate, signer } = await openStatement(attribution, parseJson(envelope))
  if (signer !== context.machine.key('train').publicKey) throw new Error('not an attribution of this term')
  assertWhole(predicate, leaves)
  const tx = ledgerTx(core)
  await tx
    .insertInto('attributions')
    .values({ digest, model: predicate.model, seal: sealOf(context, digest) })
    .execute()
  await tx
    .insertInto('attribution_leaves')
    .values(
      leaves.map(({ leaf, proof }) => ({
        attribution: digest,
        contributor: leaf.contributor,
        share: BigInt(leaf.share),
        leaf: canonicalJson(leaf),
        proof: canonicalJson(proof),
      })),
    )
    .execute()
}

/** The newest attribution of a model, checked down to its leaves; undefined where there is none. */
export async function attributionOf(context: NodeContext, model: string): Promise<StatedShares | undefined> {
  const database = ledgerTables(context.database)
  const row = await database
    .selectFrom('attributions')
    .selectAll()
    .where('model', '=', model)
    .orderBy('position', 'desc')
    .limit(1)
    .executeTakeFirst()
  if (row === undefined) return undefined
  const stored = await context.statements.find(row.digest)
  const statement = stored && (await openStatement(attribution, stored.envelope))
  if (
    statement === undefined ||
    statement.digest !== row.digest ||
    statement.predicate.model !== model ||
    !equalBytes(encodeUtf8(row.seal), encodeUtf8(sealOf(context, row.digest)))
  ) {
    throw new Error('a stored attribution was not stored by this pool')
  }
  const rows = await database
    .selectFrom('attribution_leaves')
    .select(['leaf', 'proof'])
    .where('attribution', '=', row.digest)
    .orderBy('contributor')
    .execute()
  const leaves = rows.map(({ leaf, proof }) => ({
    leaf: readShareLeaf(parseJson(leaf)),
    proof: parseJson(proof) as unknown as ProvenLeaf<ShareLeaf>['proof'],
  }))
  assertWhole(statement.predicate, leaves)
  return { digest: row.digest, shares: leaves.map(({ leaf }) => leaf) }
}

/** A contributor's share leaves of every attribution, oldest first, with proofs as they are written. */
export async function shareLeavesOf(context: NodeContext, contributor: string) {
  const rows = await ledgerTables(context.database)
    .selectFrom('attribution_leaves')
    .innerJoin('attributions', 'attributions.digest', 'attribution_leaves.attribution')
    .select(['attribution_leaves.attribution', 'leaf', 'proof'])
    .where('contributor', '=', contributor)
    .orderBy('attributions.position')
    .execute()
  return rows.map(({ attribution: statement, leaf, proof }) => provenOf(statement, leaf, proof))
}

export interface SumProven {
  /** Digest of the statement whose root the proof leads to. */
  readonly statement: string
  readonly leaf: Record<string, unknown>
  readonly proof: ProvenLeaf<unknown>['proof']
}

export function provenOf(statement: string, leaf: string, proof: string): SumProven {
  return {
    statement,
    leaf: parseJson(leaf) as Record<string, unknown>,
    proof: parseJson(proof) as unknown as SumProven['proof'],
  }
}

// Every leaf is in the tree, and together they are all of it: none can be missing, added or changed.
function assertWhole(predicate: Attribution, leaves: readonly ProvenLeaf<ShareLeaf>[]): void {
  const root = decodeSumRoot(predicate.tree)
  for (const { leaf, proof } of leaves) {
    const place = { sum: BigInt(leaf.share), digest: decodeHex(shareLeafDigest(leaf)) }
    verifySum(root, place, decodeSumProof(proof))
  }
  const total = leaves.reduce((all, { leaf }) => all + leaf.share, 0)
  if (
    leaves.length !== predicate.contributors ||
    total !== TOTAL_SHARES ||
    root.sum !== BigInt(TOTAL_SHARES)
  ) {
    throw new Error('the leaves of an attribution do not make up its tree')
  }
}

function sealOf({ machine }: NodeContext, digest: string): string {
  return encodeHex(hmacSha256(machine.secret('ledger-attribution-row/v1'), decodeHex(digest)))
}

/** Fills the run's port. */
export function createShareBook(context: NodeContext): ShareBook {
  return { store: (tx, digest, parts) => storeAttribution(context, tx, digest, parts) }
}

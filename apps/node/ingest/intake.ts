/**
 * Accepted bundles for the run, opened in memory (spec/manifest.md §cut-off).
 *
 * Nothing rests on a row: the receipt is opened again, its code shows that one of this pool's machines accepted
 * it, the ciphertext must be the one it names, and the sequences must have no gap.
 */
import { equalBytes, decodeHex } from '#bytes'
import { getSealed, loggedDigest, type NodeContext } from '#node/core'
import { contributionReceipt, decodeBundle, openStatement, termName, type Manifest } from '#statements'
import { codeOf } from './complete.ts'
import { judgeItems } from './open-bundle.ts'
import type { IngestTables } from './tables.ts'

export type IntakeErrorCode = 'receipt-forged' | 'bundle-changed' | 'sequence-gap'

/** *Stop*: storage holds something else than what was accepted. */
export class IntakeError extends Error {
  readonly code: IntakeErrorCode
  constructor(code: IntakeErrorCode, message: string) {
    super(message)
    this.name = 'IntakeError'
    this.code = code
  }
}

export interface AcceptedItem {
  readonly item: Parameters<typeof judgeItems>[2][number]
  /** Hexadecimal. */
  readonly commitment: string
  readonly tokens: number
}

export interface AcceptedBundle {
  /** The receipt's digest in the log. */
  readonly key: string
  readonly receiptDigest: string
  readonly contributor: string
  readonly logIndex: number
  readonly items: readonly AcceptedItem[]
}

export interface IntakeSnapshot {
  readonly bundles: readonly AcceptedBundle[]
  readonly cutOff: Manifest['cutOff']
  readonly logSize: number
}

/** What the run takes as its port `Intake`. */
export function createIntake(context: NodeContext): {
  readonly snapshot: (upTo?: Manifest['cutOff']) => Promise<IntakeSnapshot>
} {
  return { snapshot: (upTo) => acceptedBundles(context, upTo) }
}

/**
 * Every bundle whose receipt the log has, or those of an earlier cut-off. Throws {@link IntakeError}, or as
 * `getSealed` does where a sealed file is gone.
 */
export async function acceptedBundles(
  context: NodeContext,
  upTo?: Manifest['cutOff'],
): Promise<IntakeSnapshot> {
  const { rows, logSize } = await readRows(context, upTo)
  const cutOff = cutOffOf(rows)
  for (const { node, term, sequence } of upTo ?? []) {
    if ((cutOff.find((one) => one.node === node && one.term === term)?.sequence ?? 0) !== sequence) {
      throw new IntakeError('sequence-gap', `${node} term ${term} no longer has its ${sequence} bundles`)
    }
  }
  const bundles: AcceptedBundle[] = []
  for (const row of rows) bundles.push(await openAccepted(context, row))
  await assertPlaces(context, bundles)
  return { bundles, cutOff, logSize }
}

// Who was logged first keeps the weight of a duplicate: the log says where a receipt stands, and not its row.
async function assertPlaces(context: NodeContext, bundles: readonly AcceptedBundle[]): Promise<void> {
  const places = await context.statements.placesOf(bundles.map(({ receiptDigest }) => receiptDigest))
  for (const [at, { receiptDigest, logIndex }] of bundles.entries()) {
    if (places[at] !== logIndex) {
      throw new IntakeError('receipt-forged', `the receipt ${receiptDigest} stands elsewhere in the log`)
    }
  }
}

interface Row {
  readonly receipt: string
  readonly code: string
  readonly node: string
  readonly term: number
  readonly sequence: number
  readonly leaf_index: number
}

async function readRows(
  context: NodeContext,
  upTo?: Manifest['cutOff'],
): Promise<{ rows: readonly Row[]; logSize: number }> {
  const database = context.database.withTables<IngestTables>()
  // One view of both tables: a receipt that the log gets meanwhile belongs to the next snapshot.
  return database
    .transaction()
    .setIsolationLevel('repeatable read')
    .execute(async (tx) => {
      const found = await tx
        .selectFrom('bundles')
        .innerJoin('statements', 'statements.digest', 'bundles.receipt')
        .select(['receipt', 'code', 'node', 'term', 'sequence', 'leaf_index'])
        .where('leaf_index', 'is not', null)
        .orderBy('leaf_index')
        .execute()
      const { newest } = await tx
        .selectFrom('statements')
        .select(({ fn }) => fn.max('leaf_index').as('newest'))
        .executeTakeFirstOrThrow()
      const rows = found.flatMap((row) =>
        row.leaf_index === null ? [] : [{ ...row, leaf_index: row.leaf_index }],
      )
      if (upTo === undefined) return { rows, logSize: newest === null ? 0 : newest + 1 }
      const last = new Map(upTo.map((one) => [termName(one), one.sequence]))
      const within = rows.filter((row) => row.sequence <= (last.get(termName(row)) ?? 0))
      return { rows: within, logSize: (within.at(-1)?.leaf_index ?? -1) + 1 }
    })
}

function cutOffOf(rows: readonly Row[]): Manifest['cutOff'] {
  const terms = new Map<string, { node: string; term: number; sequence: number }>()
  for (const { node, term, sequence } of rows) {
    const before = terms.get(termName({ node, term }))?.sequence ?? 0
    if (sequence !== before + 1) {
      throw new IntakeError('sequence-gap', `${node} term ${term} goes from ${before} to ${sequence}`)
    }
    terms.set(termName({ node, term }), { node, term, sequence })
  }
  return [...terms.values()].sort((one, other) =>
    one.node === other.node ? one.term - other.term : one.node < other.node ? -1 : 1,
  )
}

async function openAccepted(context: NodeContext, row: Row): Promise<AcceptedBundle> {
  if (!equalBytes(decodeHex(row.code), decodeHex(codeOf(context, row.receipt)))) {
    throw new IntakeError('receipt-forged', `no machine of this pool accepted the bundle of ${row.receipt}`)
  }
  const stored = await context.statements.find(row.receipt)
  const receipt = await openStatement(contributionReceipt, stored?.envelope)
  const { predicate } = receipt
  const isIt =
    receipt.digest === row.receipt &&
    predicate.pool === context.policy.pool &&
    termName(predicate) === termName(row) &&
    predicate.sequence === row.sequence
  if (stored === undefined || !isIt) {
    throw new IntakeError('receipt-forged', `the statement under ${row.receipt} is another one`)
  }
  const { header, items } = decodeBundle(await getSealed(context, predicate.ciphertext))
  const judged = judgeItems(context, header, items)
  const same =
    judged.root === predicate.bundleRoot &&
    judged.canonicalTokens === predicate.canonicalTokens &&
    judged.accepted.length === predicate.accepted
  if (!same) throw new IntakeError('bundle-changed', `the bundle of ${row.receipt} is judged otherwise now`)
  return {
    key: loggedDigest(stored),
    receiptDigest: receipt.digest,
    contributor: predicate.contributor,
    logIndex: row.leaf_index,
    items: judged.accepted.map(({ item, commitment, tokens }) => ({ item, commitment, tokens })),
  }
}

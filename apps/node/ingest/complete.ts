/**
 * The second half of a contribution: from a complete upload to a receipt (spec/contribution-receipt.md).
 *
 * The receipt takes the next place in the node's sequence in the transaction that keeps the bundle, so the
 * sequence has no gap and no bundle is without a place. Asking again gets the same receipt.
 */
import { hmacSha256, encodeHex, decodeHex, sha256Hex, type Bytes } from '#bytes'
import { keepCiphertext, type NodeContext, type StoredStatement } from '#node/core'
import type { Envelope } from '#seal'
import { contributionReceipt, formatTime, type ContributionReceipt } from '#statements'
import type { Ingest } from './ingest.ts'
import { assertAcceptable, findOffer, type AwaitedOffer } from './offers.ts'
import { openBundle, type OpenedBundle } from './open-bundle.ts'
import { refuse } from './refusals.ts'
import type { IngestTx } from './tables.ts'

/** A party's own statements and their places in the log. */
export interface Contribution {
  readonly offer: LoggedEnvelope
  readonly receipt: LoggedEnvelope
}

export interface LoggedEnvelope {
  readonly digest: string
  readonly envelope: Envelope
  readonly salt: string
  readonly leafIndex: number
}

/** Throws a refusal; then the upload is deleted where it was wrong, and nothing is counted. */
export async function completeOffer(ingest: Ingest, digest: string): Promise<Contribution> {
  const offered = await findOffer(ingest, digest)
  if (offered === undefined) throw refuse('offer-unknown')
  // One at a time: a bundle is opened in memory, and whoever knows an offer may ask as often as they like.
  const receipt = await ingest.inTurn(
    async () => (await findReceipt(ingest, digest)) ?? (await acceptOnce(ingest, offered)),
  )
  await ingest.uploads.remove(offered.upload)
  return contributionOf(ingest.context, digest, receipt)
}

/** The statements of an accepted bundle, in the log at the latest when this returns. */
export async function contributionOf(
  context: NodeContext,
  offerDigest: string,
  receiptDigest: string,
): Promise<Contribution> {
  const { statements } = context
  const read = async () => [await statements.find(offerDigest), await statements.find(receiptDigest)] as const
  let found = await read()
  if (found.some((one) => one?.leafIndex === null)) {
    await statements.integrate()
    found = await read()
  }
  return { offer: logged(found[0], offerDigest), receipt: logged(found[1], receiptDigest) }
}

/** What proves, to this pool's machines, that one of them accepted the bundle of this receipt. */
export function codeOf(context: Pick<NodeContext, 'machine'>, receiptDigest: string): string {
  return encodeHex(hmacSha256(context.machine.secret('ingest-bundles'), decodeHex(receiptDigest)))
}

async function findReceipt({ database }: Ingest, offerDigest: string): Promise<string | undefined> {
  const row = await database
    .selectFrom('bundles')
    .select('receipt')
    .where('offer', '=', offerDigest)
    .executeTakeFirst()
  return row?.receipt
}

// Two requests at once for one offer: whoever comes second finds the upload gone, and the receipt there.
async function acceptOnce(ingest: Ingest, offered: AwaitedOffer): Promise<string> {
  try {
    return await accept(ingest, offered)
  } catch (error) {
    const made = await findReceipt(ingest, offered.statement.digest)
    if (made === undefined) throw error
    return made
  }
}

async function accept(ingest: Ingest, offered: AwaitedOffer): Promise<string> {
  const { context, uploads } = ingest
  const { ciphertext, bundle } = await judge(ingest, offered)
  // Durable before the row that names it; without that row it is ciphertext nobody asks for.
  await keepCiphertext(context, ciphertext)
  const receipt = await ingest.database
    .transaction()
    .execute((tx) => commit(context, tx, offered, bundle, sha256Hex(ciphertext)))
  await uploads.remove(offered.upload)
  context.diagnostics.info('bundle-accepted', {
    receipt,
    accepted: bundle.accepted.length,
    rejected: bundle.rejected.length,
    tokens: bundle.canonicalTokens,
  })
  return receipt
}

async function judge(
  { context, uploads }: Ingest,
  { statement, upload }: AwaitedOffer,
): Promise<{ ciphertext: Bytes; bundle: OpenedBundle }> {
  // Time has passed since the offer: the policy may have changed.
  assertAcceptable(context, statement)
  const ciphertext = await uploads.read(upload)
  try {
    return { ciphertext, bundle: await openBundle(context, ciphertext, statement) }
  } catch (error) {
    await uploads.remove(upload)
    throw error
  }
}

async function commit(
  context: NodeContext,
  tx: IngestTx,
  { statement }: AwaitedOffer,
  bundle: OpenedBundle,
  ciphertext: string,
): Promise<string> {
  const { machine, policy, statements } = context
  const { node, term } = machine
  const sequence = await nextSequence(tx, node, term)
  // Somebody may have completed the same offer while this bundle was opened.
  const earlier = await tx
    .selectFrom('bundles')
    .select('receipt')
    .where('offer', '=', statement.digest)
    .executeTakeFirst()
  if (earlier !== undefined) return earlier.receipt
  const contributor = statement.predicate.contributor.publicKey
  const predicate: ContributionReceipt = {
    pool: policy.pool,
    policy: policy.digest,
    node,
    term,
    sequence,
    offer: statement.digest,
    contributor,
    bundleRoot: bundle.root,
    ciphertext,
    receivedAt: formatTime(context.now()),
    offered: bundle.offered,
    accepted: bundle.accepted.length,
    rejected: [...bundle.rejected],
    canonicalTokens: bundle.canonicalTokens,
  }
  const options = { party: contributor, tx }
  await statements.keep(statement, 'party', options)
  const receipt = await statements.issue(contributionReceipt, predicate, machine.key('ingest'), options)
  await tx
    .insertInto('bundles')
    .values({
      receipt: receipt.digest,
      offer: statement.digest,
      node,
      term,
      sequence,
      contributor,
      ciphertext,
      canonical_tokens: bundle.canonicalTokens,
      code: codeOf(context, receipt.digest),
    })
    .execute()
  await tx
    .updateTable('ingest_sequences')
    .set({ last: sequence })
    .where('node', '=', node)
    .where('term', '=', term)
    .execute()
  return receipt.digest
}

// The row stays locked until the transaction ends, so places are taken one at a time and in order.
async function nextSequence(tx: IngestTx, node: string, term: number): Promise<number> {
  await tx
    .insertInto('ingest_sequences')
    .values({ node, term, last: 0 })
    .onConflict((conflict) => conflict.doNothing())
    .execute()
  const { last } = await tx
    .selectFrom('ingest_sequences')
    .select('last')
    .where('node', '=', node)
    .where('term', '=', term)
    .forUpdate()
    .executeTakeFirstOrThrow()
  return last + 1
}

function logged(stored: StoredStatement | undefined, digest: string): LoggedEnvelope {
  if (stored === undefined || stored.leafIndex === null)
    throw new Error(`statement ${digest} is not in the log`)
  return { digest, envelope: stored.envelope, salt: stored.salt, leafIndex: stored.leafIndex }
}

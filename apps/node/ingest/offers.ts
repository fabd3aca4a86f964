/** The first half of a contribution: an offer is checked and gets a place to upload to (spec/offer.md). */
import { randomBytes } from 'node:crypto'
import { BytesError } from '#bytes'
import type { NodeContext } from '#node/core'
import { SealError } from '#seal'
import { formatTime, offer, openStatement, StatementError, type Offer, type Statement } from '#statements'
import type { Ingest } from './ingest.ts'
import { refuse } from './refusals.ts'

export interface AwaitedOffer {
  readonly statement: Statement<Offer>
  readonly upload: string
}

/** The same offer twice gets the same place. Throws a refusal; then nothing was kept. */
export async function takeOffer(ingest: Ingest, envelope: unknown): Promise<AwaitedOffer> {
  const statement = await openOffer(envelope)
  assertAcceptable(ingest.context, statement)
  const { digest, predicate } = statement
  const earlier = await findOffer(ingest, digest)
  if (earlier !== undefined) return earlier
  await assertRoom(ingest)
  await ingest.database
    .insertInto('offers')
    .values({
      digest,
      upload: randomBytes(32).toString('hex'),
      nonce: predicate.nonce,
      contributor: predicate.contributor.publicKey,
      envelope: JSON.stringify(statement.envelope),
      received_at: ingest.context.now(),
    })
    .onConflict((conflict) => conflict.doNothing())
    .execute()
  // Nothing there after inserting it: another offer holds the nonce.
  const kept = await findOffer(ingest, digest)
  if (kept === undefined) throw refuse('offer-replayed')
  return kept
}

/** An offer as it was taken, opened again: the row is storage and storage is not trusted. */
export async function findOffer(ingest: Ingest, digest: string): Promise<AwaitedOffer | undefined> {
  const row = await ingest.database
    .selectFrom('offers')
    .select(['upload', 'envelope'])
    .where('digest', '=', digest)
    .executeTakeFirst()
  if (row === undefined) return undefined
  const statement = await openOffer(JSON.parse(row.envelope))
  if (statement.digest !== digest) throw refuse('offer-unknown')
  return { statement, upload: row.upload }
}

/** Throws a refusal unless this node may train on what the offer gives, under the policy in force. */
export function assertAcceptable(context: NodeContext, { predicate, signer }: Statement<Offer>): void {
  const { contributor, consent, pool, policy } = predicate
  if (signer !== contributor.publicKey) throw refuse('signature')
  if (pool !== context.policy.pool) throw refuse('pool-mismatch')
  if (policy !== context.policy.digest) throw refuse('policy-unknown')
  const lasts = consent.until === null || consent.until > formatTime(context.now())
  const needed = ['train', 'serve-trained-model'] as const
  if (!lasts || !needed.every((action) => consent.actions.includes(action)))
    throw refuse('consent-insufficient')
}

async function openOffer(envelope: unknown): Promise<Statement<Offer>> {
  try {
    return await openStatement(offer, envelope)
  } catch (error) {
    if (error instanceof SealError && error.code === 'signature-invalid') throw refuse('signature')
    if (error instanceof SealError || error instanceof StatementError || error instanceof BytesError) {
      throw refuse('offer-invalid')
    }
    throw error
  }
}

async function assertRoom(ingest: Ingest): Promise<void> {
  const { context, database, options, uploads } = ingest
  // An offer that was not completed in time is forgotten, and may be sent again.
  const expired = await database
    .deleteFrom('offers')
    .where('received_at', '<', new Date(context.now().getTime() - options.keepUploadsMs))
    .where('digest', 'not in', database.selectFrom('bundles').select('offer'))
    .executeTakeFirst()
  if (expired.numDeletedRows > 0n) await uploads.sweep()
  const held = await waitingOffers(ingest)
  if (held.length < options.maxWaitingOffers) return
  // Places cost nothing to take, so they are not held for long where others want them: the oldest gives way, and
  // whoever made it sends it again.
  const [oldest] = held
  if (oldest === undefined || oldest.received_at.getTime() > context.now().getTime() - options.holdWhenFullMs)
    throw refuse('busy')
  await database.deleteFrom('offers').where('digest', '=', oldest.digest).execute()
  await uploads.remove(oldest.upload)
}

function waitingOffers({ database }: Ingest) {
  return database
    .selectFrom('offers')
    .leftJoin('bundles', 'bundles.offer', 'offers.digest')
    .where('bundles.offer', 'is', null)
    .select(['offers.digest', 'offers.upload', 'offers.received_at'])
    .orderBy('offers.received_at')
    .execute()
}

/** Where contributors' money goes: what each signed in an offer (spec/payout.md §destination). */
import type { NodeContext } from '#node/core'
import { destinationOf, offer, openStatement, type Payee, type PayoutLeaf } from '#statements'

/** By contributor, the payee of its newest offer in the log. */
export async function payeesOf(context: NodeContext): Promise<ReadonlyMap<string, Payee>> {
  const offers = await signedOffers(context)
  return new Map(offers.map(({ contributor, payee }) => [contributor, payee]))
}

/**
 * The payees that payout leaves are bound to: an offer made since, or a row changed since, sends nothing elsewhere.
 * A leaf whose destination none of the payee's offers gives is left out.
 */
export async function boundPayees(
  context: NodeContext,
  leaves: readonly PayoutLeaf[],
): Promise<ReadonlyMap<string, Payee>> {
  const offers = Map.groupBy(await signedOffers(context), ({ contributor }) => contributor)
  const bound = new Map<string, Payee>()
  for (const { payee, salt, destination } of leaves) {
    const found = offers.get(payee)?.find((one) => destinationOf(one.payee, salt) === destination)
    if (found !== undefined) bound.set(payee, found.payee)
  }
  return bound
}

interface SignedOffer {
  readonly contributor: string
  readonly payee: Payee
}

// In the order of the log, so that the newest comes last. The operator's own line needs no offer.
async function signedOffers({ statements, policy }: NodeContext): Promise<SignedOffer[]> {
  const logged = (await statements.list('offer')).filter(({ leafIndex }) => leafIndex !== null)
  const offers: SignedOffer[] = []
  for (const { envelope } of logged.sort((one, other) => one.leafIndex! - other.leafIndex!)) {
    const { signer, predicate } = await openStatement(offer, envelope)
    const { publicKey } = predicate.contributor
    if (signer !== publicKey || publicKey === policy.predicate.operator.publicKey) continue
    offers.push({ contributor: publicKey, payee: predicate.payee })
  }
  return offers
}

/** Where contributors' money goes: what each signed in a payee change, or else in an offer (spec/payout.md §destination). */
import type { NodeContext } from '#node/core'
import { destinationOf, offer, openStatement, payeeInForce, type Payee, type PayoutLeaf } from '#statements'
import { allPayeeLinks } from '../payees/index.ts'

/** By contributor, where the payout of `period` goes: the newest change in force, else the newest logged offer. */
export async function payeesOf(
  context: NodeContext,
  payout: { readonly period: number; readonly statedAt: string },
): Promise<ReadonlyMap<string, Payee>> {
  const payees = new Map((await signedOffers(context)).map(({ contributor, payee }) => [contributor, payee]))
  for (const [contributor, links] of await allPayeeLinks(context)) {
    const changed = payeeInForce(links, payout)
    if (changed !== undefined) payees.set(contributor, changed)
  }
  return payees
}

/**
 * The payees that payout leaves are bound to: a wish made since, or a row changed since, sends nothing elsewhere.
 * A leaf whose destination none of the payee's offers and changes gives is left out.
 */
export async function boundPayees(
  context: NodeContext,
  leaves: readonly PayoutLeaf[],
): Promise<ReadonlyMap<string, Payee>> {
  const offers = Map.groupBy(await signedOffers(context), ({ contributor }) => contributor)
  const changes = await allPayeeLinks(context)
  const bound = new Map<string, Payee>()
  for (const { payee, salt, destination } of leaves) {
    const wished = [
      ...(offers.get(payee) ?? []).map((one) => one.payee),
      ...(changes.get(payee) ?? []).map(({ change }) => change.predicate.payee),
    ]
    const found = wished.find((one) => destinationOf(one, salt) === destination)
    if (found !== undefined) bound.set(payee, found)
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

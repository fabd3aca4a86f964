/** A contribution receipt against what was offered and sent (spec/contribution-receipt.md §checks). */
import {
  contributionReceipt,
  keysInRole,
  openStatement,
  type ContributionReceipt,
  type Keyset,
  type Offer,
  type Statement,
} from '#statements'
import { ContributingError } from './errors.ts'

export interface Expected {
  readonly offer: Offer
  readonly offerDigest: string
  /** SHA-256 of the sealed file, hexadecimal. */
  readonly ciphertext: string
  /** Keysets whose evidence the contributor has verified. */
  readonly keysets: readonly Keyset[]
}

/**
 * The receipt, once every field agrees with the offer and an ingest key of a verified keyset has signed it.
 * Throws {@link ContributingError} `receipt-unexpected`, `SealError` or `StatementError`.
 */
export async function openReceipt(
  envelope: unknown,
  { offer, offerDigest, ciphertext, keysets }: Expected,
): Promise<Statement<ContributionReceipt>> {
  const receipt = await openStatement(contributionReceipt, envelope)
  const { predicate } = receipt
  const same = (what: string, found: string | number, expected: string | number) => {
    if (found !== expected) {
      throw new ContributingError('receipt-unexpected', `the receipt’s ${what} is ${found}, not ${expected}`)
    }
  }
  same('offer', predicate.offer, offerDigest)
  same('pool', predicate.pool, offer.pool)
  same('policy', predicate.policy, offer.policy)
  same('contributor', predicate.contributor, offer.contributor.publicKey)
  same('bundle root', predicate.bundleRoot, offer.bundle.root)
  same('number of offered items', predicate.offered, offer.bundle.items)
  same('sealed file', predicate.ciphertext, ciphertext)
  const authority = keysets.find(
    (keyset) =>
      keyset.pool === predicate.pool &&
      keyset.node === predicate.node &&
      keyset.term === predicate.term &&
      keysInRole(keyset, 'ingest').includes(receipt.signer),
  )
  if (authority === undefined) {
    throw new ContributingError(
      'receipt-unexpected',
      'the receipt is not signed by an ingest key of a keyset whose evidence was verified',
    )
  }
  return receipt
}

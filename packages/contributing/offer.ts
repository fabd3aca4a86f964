/** An offer (spec/offer.md) from items, and the sealed bundle's header that belongs to it. */
import { encodeHex, type Bytes } from '#bytes'
import {
  commitBundle,
  formatTime,
  payeeSchema,
  type BundleHeader,
  type Item,
  type Offer,
  type Payee,
} from '#statements'
import { ContributingError } from './errors.ts'
import { isIban } from './personal-data.ts'

/** What a contributor agrees to; the closed list that a pool can enforce by not releasing keys. */
export const CONSENT: Offer['consent'] = {
  licence: 'LicenseRef-Fairweight-Pool',
  actions: ['train', 'serve-trained-model', 'evaluate'],
  purpose: 'language-model-fine-tuning',
  until: null,
}

/** The same in words, to be read before saying yes. */
export const CONSENT_TEXT =
  'You agree that this pool trains language models on these items inside attested machines, evaluates ' +
  'them there, and serves what it trained. Nobody gets the items themselves. You can withdraw later: new ' +
  'runs will leave your items out, and models trained on them retire after the days that the policy names.'

export interface OfferFacts {
  readonly pool: string
  readonly policy: string
  readonly contributor: Offer['contributor']
  readonly payee: Payee
  readonly items: readonly Item[]
  /** 32 random bytes each; whoever knows the secret can open every commitment. */
  readonly nonce: Bytes
  readonly secret: Bytes
  readonly at: Date
}

export function offerOf(facts: OfferFacts): Offer {
  const { root } = commitBundle(facts.items, facts.secret)
  return {
    pool: facts.pool,
    policy: facts.policy,
    contributor: facts.contributor,
    nonce: encodeHex(facts.nonce),
    bundle: { root, items: facts.items.length },
    consent: CONSENT,
    payee: facts.payee,
    issuedAt: formatTime(facts.at),
  }
}

export function bundleHeaderOf(of: Offer, offerDigest: string, secret: Bytes): BundleHeader {
  return {
    format: 'fairweight/bundle/v1',
    offer: offerDigest,
    pool: of.pool,
    policy: of.policy,
    nonce: of.nonce,
    secret: encodeHex(secret),
    items: of.bundle.items,
  }
}

/**
 * Where the money goes, from `statement`, `iban:IBAN:NAME` or `evm:CHAIN:0x…`; without one it waits for a later
 * instruction. Throws {@link ContributingError} `payee-invalid`.
 */
export function payeeOf(reference = 'statement'): Payee {
  const payee = payeeSchema.safeParse(parsePayee(reference))
  if (!payee.success || (payee.data.kind === 'iban' && !isIban(payee.data.iban))) {
    throw new ContributingError(
      'payee-invalid',
      'the payee is neither "statement", nor "iban:IBAN:NAME" with a right check sum, nor "evm:CHAIN:0x…" with 40 hexadecimal digits',
    )
  }
  return payee.data
}

function parsePayee(reference: string): unknown {
  const [kind, place = '', ...rest] = reference.split(':')
  if (kind === 'iban') return { kind, iban: place.replaceAll(' ', '').toUpperCase(), name: rest.join(':') }
  if (kind === 'evm' && /^\d{1,15}$/.test(place)) {
    return { kind, chainId: Number(place), address: rest.join(':').toLowerCase() }
  }
  return reference === 'statement' ? { kind } : undefined
}

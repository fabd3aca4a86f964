/** What ingest refuses, one code each; nothing is counted or kept on any of them (spec/offer.md §refusals). */
import { HttpError } from '#node/core'

const refusals = {
  'offer-invalid': [400, 'This is not an offer: send the signed envelope of one.'],
  'offer-unknown': [404, 'No offer of this digest is known here: send the offer first.'],
  'policy-unknown': [
    409,
    'The offer names a policy that is not in force here: read the policy and offer again.',
  ],
  'pool-mismatch': [409, 'The offer is for another pool.'],
  'offer-replayed': [409, 'The nonce of this offer was used in another offer: make a new offer.'],
  signature: [403, 'The offer is not signed by the contributor it names.'],
  'consent-insufficient': [409, 'This pool needs consent to train and to serve what was trained.'],
  busy: [429, 'Too many offers wait for their upload. Try again later.'],
  'upload-missing': [409, 'Nothing has been uploaded for this offer.'],
  'upload-incomplete': [409, 'The upload is not complete: resume it.'],
  'too-large': [413, 'The sealed file is larger than this node takes: split the bundle.'],
  'ciphertext-invalid': [422, 'The upload is not a bundle sealed to this pool’s key.'],
  'bundle-of-another-offer': [422, 'The sealed bundle belongs to another offer.'],
  'commitment-mismatch': [422, 'The items are not those that the offer committed to.'],
} as const satisfies Record<string, readonly [number, string]>

export type RefusalCode = keyof typeof refusals

export function refuse(code: RefusalCode): HttpError {
  const [status, message] = refusals[code]
  return new HttpError(status, code, message)
}

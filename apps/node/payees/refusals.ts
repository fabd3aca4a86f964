/** What is refused about payees, one code each; nothing is kept on any of them (spec/payee-change.md §asking). */
import { HttpError } from '#node/core'

const refusals = {
  'payee-invalid': [
    400,
    'This is neither a payee change nor a cancellation: send the signed envelope of one.',
  ],
  signature: [403, 'The signature does not cover this statement.'],
  'payee-signer': [403, 'Only the contributor’s key, or its recovery key, changes where its money goes.'],
  'pool-mismatch': [409, 'The statement is for another pool.'],
  'policy-unknown': [
    409,
    'The statement names a policy that is not in force here: read the policy and sign again.',
  ],
  'payee-stale': [409, 'The statement was signed more than a day ago, or in the future: sign a new one.'],
  'payee-change-backdated': [409, 'The payout of that period has been stated: begin with a later period.'],
  'payee-change-not-next': [
    409,
    'Another change has come first, or none like this waits: look at what is in force and sign again.',
  ],
  'payee-change-waiting': [409, 'A change is waiting: cancel it first, or let it come into force.'],
  'payee-change-final': [409, 'The time to object is over and the change is in force: make another change.'],
  'payee-change-replayed': [409, 'This change was taken once, and was replaced or cancelled since.'],
  'contributor-unknown': [404, 'This contributor has no contribution here.'],
  'payee-of-operator': [409, 'Where the operator’s money goes stands in the policy.'],
  busy: [429, 'You have changed your payee too often today. Try again tomorrow.'],
} as const satisfies Record<string, readonly [number, string]>

export type PayeeRefusalCode = keyof typeof refusals

export function refusePayee(code: PayeeRefusalCode): HttpError {
  const [status, message] = refusals[code]
  return new HttpError(status, code, message)
}

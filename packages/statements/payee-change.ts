/** A contributor changes where its money goes (spec/payee-change.md): the wish, the objection, and the node's receipt. */
import { z } from 'zod'
import { digestOf } from '#bytes'
import { payeeSchema } from './contribution.ts'
import { hex32, nodeTerm, timestamp, underPolicy } from './fields.ts'
import { defineKind } from './statement.ts'

const payeeChangePredicate = z.strictObject({
  ...underPolicy,
  contributor: hex32,
  /** The change before, less cancelled ones; null in the first. */
  previous: hex32.nullable(),
  payee: payeeSchema,
  /** The key that may change the payee where the contributor's own is lost; null for none. */
  recovery: hex32.nullable(),
  /** The first usage period whose payout goes to the new payee. */
  fromPeriod: z.int().min(1),
  nonce: hex32,
  issuedAt: timestamp,
})
export type PayeeChange = z.infer<typeof payeeChangePredicate>

export const payeeChange = defineKind<PayeeChange>({
  kind: 'payee-change',
  signer: 'contributor',
  visibility: 'party',
  predicate: payeeChangePredicate.refine(
    (it) => it.recovery !== it.contributor,
    'the recovery key is the contributor’s own',
  ),
  subject: (it) => ({ name: 'payee', sha256: digestOf(it.payee) }),
})

const payeeCancellationPredicate = z.strictObject({
  ...underPolicy,
  contributor: hex32,
  /** Digest of the change that waits. */
  change: hex32,
  issuedAt: timestamp,
})
export type PayeeCancellation = z.infer<typeof payeeCancellationPredicate>

export const payeeCancellation = defineKind<PayeeCancellation>({
  kind: 'payee-cancellation',
  signer: 'contributor',
  visibility: 'party',
  predicate: payeeCancellationPredicate,
  subject: (it) => ({ name: 'payee change', sha256: it.change }),
})

const payeeReceiptPredicate = z.strictObject({
  ...underPolicy,
  ...nodeTerm,
  contributor: hex32,
  /** Digest of the change or of the cancellation. */
  statement: hex32,
  receivedAt: timestamp,
  /** Of a change: from when on a payout may follow it. Null for a cancellation, which counts at once. */
  waitsUntil: timestamp.nullable(),
})
export type PayeeReceipt = z.infer<typeof payeeReceiptPredicate>

export const payeeReceipt = defineKind<PayeeReceipt>({
  kind: 'payee-receipt',
  signer: 'ingest',
  visibility: 'party',
  predicate: payeeReceiptPredicate.refine(
    (it) => it.waitsUntil === null || it.receivedAt <= it.waitsUntil,
    'the waiting time ends before it begins',
  ),
  subject: (it) => ({ name: 'payee statement', sha256: it.statement }),
})

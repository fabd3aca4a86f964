/** Withdrawal and its receipt (spec/withdrawal.md): the way out, as far as there is one. */
import { z } from 'zod'
import { hex32, nodeTerm, timestamp, underPolicy } from './fields.ts'
import { defineKind } from './statement.ts'

const withdrawalPredicate = z.strictObject({
  ...underPolicy,
  contributor: hex32,
  /** Digest of the contribution receipt whose bundle is withdrawn. */
  receipt: hex32,
  scope: z.enum(['future-runs', 'future-runs-and-served-models']),
  nonce: hex32,
  issuedAt: timestamp,
})
export type Withdrawal = z.infer<typeof withdrawalPredicate>

export const withdrawal = defineKind<Withdrawal>({
  kind: 'withdrawal',
  signer: 'contributor',
  visibility: 'party',
  predicate: withdrawalPredicate,
  subject: (it) => ({ name: 'contribution receipt', sha256: it.receipt }),
})

const withdrawalReceiptPredicate = z.strictObject({
  ...underPolicy,
  ...nodeTerm,
  withdrawal: hex32,
  keyShreddedAt: timestamp,
  /** First manifest composed without the bundle; null until there is one. */
  firstManifestWithout: hex32.nullable(),
  /** When the last model trained on it stops being served; null where it never was. */
  modelsRetireAt: timestamp.nullable(),
})
export type WithdrawalReceipt = z.infer<typeof withdrawalReceiptPredicate>

export const withdrawalReceipt = defineKind<WithdrawalReceipt>({
  kind: 'withdrawal-receipt',
  signer: 'ingest',
  visibility: 'party',
  predicate: withdrawalReceiptPredicate,
  subject: (it) => ({ name: 'withdrawal', sha256: it.withdrawal }),
})

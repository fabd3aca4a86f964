/**
 * Every wire format as JSON Schema 2020-12, made from the one spelling in this room (spec/schemas).
 *
 * A schema says shape and ranges. What no schema can say (sums, order, digests) is in the spec pages and
 * in the functions that read.
 */
import { z } from 'zod'
import { aciKeysetSchema } from './aci-keyset.ts'
import { attribution, shareLeafSchema } from './attribution.ts'
import { contributionReceipt, offer } from './contribution.ts'
import { dispute, disputeAnswer, disputeFindingsSchema, disputeReceipt } from './dispute.ts'
import { evidence } from './evidence.ts'
import { fidelity } from './fidelity.ts'
import { invoiceSchema } from './invoice.ts'
import { bundleHeaderSchema, itemSchema } from './item.ts'
import { keysetSchema } from './keyset.ts'
import { logLeafSchema } from './log-leaf.ts'
import { manifest, manifestLeafSchema } from './manifest.ts'
import { payout, payoutLeafSchema, usageClose, usageLeafSchema } from './money.ts'
import { payeeCancellation, payeeChange, payeeReceipt } from './payee-change.ts'
import { policy } from './policy.ts'
import { recordSchemas } from './record.ts'
import { servingReceiptSchema } from './serving.ts'
import { predicateType } from './statement.ts'
import { statusSchema } from './status.ts'
import { streamMarkSchema } from './stream-mark.ts'
import { tokensLeafSchema, trainingReceipt } from './training.ts'
import { withdrawal, withdrawalReceipt } from './withdrawal.ts'

/** What a statement of each kind says; the frame around it is spec/statement.md. */
const predicates = [
  policy,
  evidence,
  offer,
  contributionReceipt,
  manifest,
  trainingReceipt,
  attribution,
  fidelity,
  usageClose,
  payout,
  withdrawal,
  withdrawalReceipt,
  payeeChange,
  payeeCancellation,
  payeeReceipt,
  dispute,
  disputeReceipt,
  disputeAnswer,
]

const documents = {
  keyset: keysetSchema,
  'aci-keyset': aciKeysetSchema,
  'serving-receipt': servingReceiptSchema,
  'stream-mark': streamMarkSchema,
  'log-leaf': logLeafSchema,
  item: itemSchema,
  'bundle-header': bundleHeaderSchema,
  'manifest-leaf': manifestLeafSchema,
  'tokens-leaf': tokensLeafSchema,
  'share-leaf': shareLeafSchema,
  'usage-leaf': usageLeafSchema,
  'payout-leaf': payoutLeafSchema,
  invoice: invoiceSchema,
  status: statusSchema,
  'dispute-findings': disputeFindingsSchema,
  record: recordSchemas.record,
  'contribution-record': recordSchemas.contributionRecord,
  'call-record': recordSchemas.callRecord,
  anchors: recordSchemas.anchors,
}

/** The text of each file in spec/schemas, by its name without `.json`. */
export function schemaFiles(): ReadonlyMap<string, string> {
  return new Map([
    ...predicates.map(({ kind, predicate }): [string, string] => [
      kind,
      schemaText(predicateType(kind), predicate),
    ]),
    ...Object.entries(documents).map(([name, schema]): [string, string] => [name, schemaText(name, schema)]),
  ])
}

/** One schema file. Other rooms write theirs the same way. */
export function schemaText(title: string, schema: z.ZodType): string {
  const { $schema, ...body } = z.toJSONSchema(schema, { target: 'draft-2020-12', io: 'input' })
  return `${JSON.stringify({ $schema, title, ...body }, undefined, 2)}\n`
}

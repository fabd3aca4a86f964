/** Usage close and payout statement (spec/usage-close.md, spec/payout.md): from calls to cents. */
import { z } from 'zod'
import { canonicalBytes, decodeHex, encodeHex, purposeHash } from '#bytes'
import type { Payee } from './contribution.ts'
import { StatementError } from './errors.ts'
import {
  amount,
  basisPoints,
  count,
  currency,
  hex32,
  isDistinct,
  nodeTerm,
  sumRoot,
  termName,
  timestamp,
  underPolicy,
} from './fields.ts'
import { defineKind, issueOf } from './statement.ts'

const usageOfModel = z.strictObject({
  /** Digest of the adapter's files, or of the base where the bare base answered. */
  model: hex32,
  serves: z.enum(['base', 'trained']),
  calls: count,
  promptTokens: count,
  completionTokens: count,
  amount,
})

const usageClosePredicate = z.strictObject({
  ...underPolicy,
  period: z.int().min(1),
  previous: hex32.nullable(),
  from: timestamp,
  closedAt: timestamp,
  currency,
  /** `final` says that the term is over: no higher sequence will ever exist. */
  ranges: z.array(z.strictObject({ ...nodeTerm, first: z.int().min(1), last: count, final: z.boolean() })),
  calls: count,
  /** Leaves in the order of ranges and sequences; they are public. */
  tree: sumRoot,
  models: z.array(usageOfModel),
})
export type UsageClose = z.infer<typeof usageClosePredicate>

export const usageClose = defineKind<UsageClose>({
  kind: 'usage-close',
  signer: 'ledger',
  visibility: 'public',
  predicate: usageClosePredicate
    .refine(
      (it) => sum(it.models.map((one) => one.amount)) === BigInt(it.tree.sum),
      'the models’ amounts do not make up the tree’s sum',
    )
    .refine(
      (it) => it.models.reduce((all, one) => all + one.calls, 0) === it.calls,
      'the models’ calls do not make up all calls',
    )
    .refine((it) => isDistinct(it.models.map((one) => `${one.serves} ${one.model}`)), 'a model stands twice')
    .refine((it) => it.ranges.every((one) => one.last >= one.first - 1), 'a range ends before it begins')
    .refine((it) => isDistinct(it.ranges.map(termName)), 'a term stands twice in the ranges')
    .refine(
      (it) => it.ranges.reduce((all, one) => all + one.last - one.first + 1, 0) === it.calls,
      'the ranges do not make up all calls',
    )
    .refine((it) => it.from <= it.closedAt, 'the period ends before it begins'),
  subject: (it) => ({ name: `usage of period ${it.period}`, sha256: it.tree.root }),
})

/**
 * One admitted call, public. It names the model, so that anyone can re-sum the close by model, and the receipt,
 * which only its buyer can recognise: SHA-256 over the canonical serving receipt, signature included.
 */
const usageLeaf = z.strictObject({
  ...nodeTerm,
  sequence: z.int().min(1),
  model: hex32,
  serves: z.enum(['base', 'trained']),
  amount,
  receipt: hex32,
})
export type UsageLeaf = z.infer<typeof usageLeaf>
export const usageLeafSchema: z.ZodType<UsageLeaf> = usageLeaf
export const usageLeavesSchema: z.ZodType<UsageLeaf[]> = z.array(usageLeaf)

export function usageLeafDigest(of: UsageLeaf): string {
  return encodeHex(purposeHash('fairweight/usage-leaf/v1', canonicalBytes(of)))
}

const revenueOfModel = z.strictObject({
  model: hex32,
  /** The attribution that splits it; null for the bare base, whose revenue is the operator's. */
  attribution: hex32.nullable(),
  revenue: amount,
  contributors: amount,
  operator: amount,
  /** What rounding down left over; goes into the carry. */
  remainder: amount,
})

const payoutPredicate = z.strictObject({
  ...underPolicy,
  usageClose: hex32,
  previous: hex32.nullable(),
  statedAt: timestamp,
  currency,
  split: z.strictObject({ contributors: basisPoints, operator: basisPoints }),
  models: z.array(revenueOfModel),
  revenue: amount,
  carryIn: amount,
  paid: z.strictObject({ contributors: amount, operator: amount }),
  fees: amount,
  carryOut: amount,
  /** Over what every payee has ever been owed. */
  cumulative: sumRoot,
})
export type Payout = z.infer<typeof payoutPredicate>

export const payout = defineKind<Payout>({
  kind: 'payout',
  signer: 'ledger',
  visibility: 'public',
  predicate: payoutPredicate
    .refine(
      (it) => it.split.contributors + it.split.operator === 10_000,
      'the split must sum to 10000 basis points',
    )
    .refine((it) => isDistinct(it.models.map(({ model }) => model)), 'a model stands twice')
    .refine(
      (it) => sum(it.models.map(({ revenue }) => revenue)) === BigInt(it.revenue),
      'the models’ revenue does not make up the revenue',
    )
    .refine(
      (it) =>
        it.models.every(
          (one) => sum([one.contributors, one.operator, one.remainder]) === BigInt(one.revenue),
        ),
      'a model’s parts do not make up its revenue',
    ),
  subject: (it) => ({ name: 'payouts', sha256: it.cumulative.root }),
})

/** One payee's leaf; its sum is `cumulative`. */
const payoutLeaf = z.strictObject({
  format: z.literal('fairweight/payout-leaf/v1'),
  /** A contributor's public key, or the operator's. */
  payee: hex32,
  /** What this statement added. */
  amount,
  cumulative: amount,
  /** Where it goes: `destinationOf` the payee in force (spec/payee-change.md); null for the operator. */
  destination: hex32.nullable(),
  salt: hex32,
})
export type PayoutLeaf = z.infer<typeof payoutLeaf>
export const payoutLeafSchema: z.ZodType<PayoutLeaf> = payoutLeaf

/** Binds where money goes to a leaf, under the leaf's own salt. */
export function destinationOf(payee: Payee, salt: string): string {
  return encodeHex(purposeHash('fairweight/destination/v1', decodeHex(salt), canonicalBytes(payee)))
}

/** Throws {@link StatementError} `document-invalid`. */
export function readPayoutLeaf(value: unknown): PayoutLeaf {
  const result = payoutLeaf.safeParse(value)
  if (!result.success) throw new StatementError('document-invalid', `payout leaf: ${issueOf(result.error)}`)
  return result.data
}

export function payoutLeafDigest(of: PayoutLeaf): string {
  return encodeHex(purposeHash('fairweight/payout-leaf/v1', canonicalBytes(of)))
}

function sum(amounts: readonly string[]): bigint {
  return amounts.reduce((all, one) => all + BigInt(one), 0n)
}

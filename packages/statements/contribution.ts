/** Offer and contribution receipt (spec/offer.md, spec/contribution-receipt.md). */
import { z } from 'zod'
import { count, hex32, isDistinct, label, nodeTerm, shownText, timestamp, underPolicy } from './fields.ts'
import { defineKind } from './statement.ts'

/** The closed subset of ODRL that a pool can enforce by not releasing keys. */
const consent = z.strictObject({
  licence: shownText(100),
  actions: z
    .array(z.enum(['train', 'serve-trained-model', 'evaluate']))
    .min(1)
    .refine(isDistinct, 'an action stands twice'),
  purpose: z.literal('language-model-fine-tuning'),
  until: timestamp.nullable(),
})

/** Where money goes. `statement` means: it waits for my signed instruction. */
export const payeeSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('statement') }),
  z.strictObject({
    kind: z.literal('iban'),
    iban: z.string().regex(/^[A-Z]{2}\d{2}[A-Z0-9]{11,30}$/),
    name: label,
  }),
  z.strictObject({
    kind: z.literal('evm'),
    chainId: z.int().min(1),
    address: z.string().regex(/^0x[0-9a-f]{40}$/),
  }),
])
export type Payee = z.infer<typeof payeeSchema>

const offerPredicate = z.strictObject({
  ...underPolicy,
  contributor: z.strictObject({ name: label, publicKey: hex32 }),
  nonce: hex32,
  bundle: z.strictObject({ root: hex32, items: z.int().min(1) }),
  consent,
  payee: payeeSchema,
  issuedAt: timestamp,
})
export type Offer = z.infer<typeof offerPredicate>

export const offer = defineKind<Offer>({
  kind: 'offer',
  signer: 'contributor',
  visibility: 'party',
  predicate: offerPredicate,
  subject: (it) => ({ name: 'bundle', sha256: it.bundle.root }),
})

/** Why an item of an otherwise good bundle was not counted. */
export const ITEM_REJECTIONS = ['not-normalized', 'too-long', 'empty'] as const

const receiptPredicate = z.strictObject({
  ...underPolicy,
  ...nodeTerm,
  /** Place in the node's gap-free ingest sequence of this term, from 1. */
  sequence: z.int().min(1),
  offer: hex32,
  contributor: hex32,
  bundleRoot: hex32,
  /** SHA-256 of the sealed file as it arrived. */
  ciphertext: hex32,
  receivedAt: timestamp,
  offered: count,
  accepted: count,
  rejected: z.array(z.strictObject({ index: count, reason: z.enum(ITEM_REJECTIONS) })),
  /** Of the accepted items, before deduplication over the pool. */
  canonicalTokens: count,
})
export type ContributionReceipt = z.infer<typeof receiptPredicate>

export const contributionReceipt = defineKind<ContributionReceipt>({
  kind: 'contribution-receipt',
  signer: 'ingest',
  visibility: 'party',
  predicate: receiptPredicate
    .refine(
      (it) => it.accepted + it.rejected.length === it.offered,
      'accepted and rejected do not make up what was offered',
    )
    .refine(
      ({ rejected, offered }) =>
        rejected.every(({ index }, at) => index < offered && index > (rejected[at - 1]?.index ?? -1)),
      'the rejected items are not distinct items of the bundle in their order',
    ),
  subject: (it) => ({ name: 'bundle', sha256: it.bundleRoot }),
})

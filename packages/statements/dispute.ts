/** A contributor disputes what a statement says of it, and the node's answer (spec/dispute.md). */
import { z } from 'zod'
import { canonicalBytes, encodeHex, purposeHash } from '#bytes'
import { StatementError } from './errors.ts'
import { hex32, isDistinct, nodeTerm, timestamp, underPolicy } from './fields.ts'
import { defineKind, issueOf } from './statement.ts'

/** The closed list of reasons, each with the kind of statement that it is about. */
export const DISPUTE_REASONS = {
  'items-miscounted': 'contribution-receipt',
  'tokens-miscounted': 'contribution-receipt',
  'bundle-misjudged': 'manifest',
  'share-miscomputed': 'attribution',
  'score-doubted': 'attribution',
  'payout-miscomputed': 'payout',
  'destination-wrong': 'payout',
} as const
export type DisputeReason = keyof typeof DISPUTE_REASONS
const reasons = Object.keys(DISPUTE_REASONS) as [DisputeReason, ...DisputeReason[]]

const disputePredicate = z.strictObject({
  ...underPolicy,
  contributor: hex32,
  reason: z.enum(reasons),
  about: z.strictObject({
    /** Digest of the statement. */
    statement: hex32,
    /** Digest of the contributor's leaf under its root; null for a contribution receipt, which has none. */
    leaf: hex32.nullable(),
  }),
  nonce: hex32,
  issuedAt: timestamp,
})
export type Dispute = z.infer<typeof disputePredicate>

export const dispute = defineKind<Dispute>({
  kind: 'dispute',
  signer: 'contributor',
  visibility: 'party',
  predicate: disputePredicate.refine(
    (it) => (DISPUTE_REASONS[it.reason] === 'contribution-receipt') === (it.about.leaf === null),
    'exactly a dispute of a receipt names no leaf',
  ),
  subject: (it) => ({ name: 'disputed statement', sha256: it.about.statement }),
})

const disputeReceiptPredicate = z
  .strictObject({
    ...underPolicy,
    ...nodeTerm,
    /** The dispute's digest in the log, which everyone sees; what it says and whose it is stays hidden. */
    dispute: hex32,
    receivedAt: timestamp,
    answerBy: timestamp,
  })
  .refine((it) => it.receivedAt <= it.answerBy, 'the answer is due before the dispute came')
export type DisputeReceipt = z.infer<typeof disputeReceiptPredicate>

export const disputeReceipt = defineKind<DisputeReceipt>({
  kind: 'dispute-receipt',
  signer: 'ingest',
  visibility: 'public',
  predicate: disputeReceiptPredicate,
  subject: (it) => ({ name: 'dispute', sha256: it.dispute }),
})

/** `differs`: the node finds another number than it signed. `not-recomputed`: something could not be computed again. */
export const DISPUTE_OUTCOMES = ['agrees', 'differs', 'not-recomputed'] as const
export type DisputeOutcome = (typeof DISPUTE_OUTCOMES)[number]

const disputeAnswerPredicate = z.strictObject({
  ...underPolicy,
  ...nodeTerm,
  dispute: hex32,
  answeredAt: timestamp,
  outcome: z.enum(DISPUTE_OUTCOMES),
  /** Binds the findings, which only the contributor sees: `findingsDigest`. */
  findings: hex32,
})
export type DisputeAnswer = z.infer<typeof disputeAnswerPredicate>

export const disputeAnswer = defineKind<DisputeAnswer>({
  kind: 'dispute-answer',
  signer: 'ingest',
  visibility: 'public',
  predicate: disputeAnswerPredicate,
  subject: (it) => ({ name: 'dispute', sha256: it.dispute }),
})

/** What is computed again, each as text. */
export const FINDING_PARTS = [
  'accepted-items',
  'canonical-tokens',
  'disposition',
  'trained-items',
  'trained-tokens',
  'score',
  'share',
  'amount',
  'cumulative',
  'destination',
] as const

const findings = z
  .strictObject({
    format: z.literal('fairweight/dispute-findings/v1'),
    /** Digest of the dispute. */
    dispute: hex32,
    parts: z
      .array(
        z.strictObject({
          what: z.enum(FINDING_PARTS),
          /** As the disputed statement or leaf says. */
          stated: z.string().max(100),
          /** As it comes out now; null where it could not be computed again. */
          recomputed: z.string().max(100).nullable(),
        }),
      )
      .min(1),
    salt: hex32,
  })
  .refine((it) => isDistinct(it.parts.map(({ what }) => what)), 'a part stands twice')
export type DisputeFindings = z.infer<typeof findings>
export const disputeFindingsSchema: z.ZodType<DisputeFindings> = findings

/** Throws {@link StatementError} `document-invalid`. */
export function readDisputeFindings(value: unknown): DisputeFindings {
  const result = findings.safeParse(value)
  if (!result.success)
    throw new StatementError('document-invalid', `dispute findings: ${issueOf(result.error)}`)
  return result.data
}

export function findingsDigest(of: DisputeFindings): string {
  return encodeHex(purposeHash('fairweight/dispute-findings/v1', canonicalBytes(of)))
}

/** What the findings come to; nobody words an outcome by hand. */
export function outcomeOf({ parts }: Pick<DisputeFindings, 'parts'>): DisputeOutcome {
  if (parts.some((one) => one.recomputed !== null && one.recomputed !== one.stated)) return 'differs'
  return parts.some((one) => one.recomputed === null) ? 'not-recomputed' : 'agrees'
}

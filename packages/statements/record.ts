/**
 * The public record and what parties keep (spec/record.md): the files an audit reads.
 *
 * The record is the same over HTTP and in an exported folder. Nothing in it is trusted: statements carry
 * signatures, leaves lead to roots in statements, and the log's checkpoint carries cosignatures.
 */
import { z } from 'zod'
import { decodeHex, encodeHex, type Bytes } from '#bytes'
import type { PresenceProof, SumNode, SumProof, SumRoot } from '#merkle'
import { IN_TOTO_PAYLOAD_TYPE } from '#seal'
import { disputeFindingsSchema } from './dispute.ts'
import { StatementError } from './errors.ts'
import { amount, count, hex32, isDistinct, slug, timestamp } from './fields.ts'
import { STATEMENT_KINDS } from './kinds.ts'
import { usageLeavesSchema } from './money.ts'
import { servingReceiptSchema } from './serving.ts'
import { issueOf } from './statement.ts'

const envelope = z.strictObject({
  payloadType: z.literal(IN_TOTO_PAYLOAD_TYPE),
  payload: z.string().max(4_000_000),
  signatures: z.tuple([z.strictObject({ keyid: hex32, sig: z.string().max(200) })]),
})

/** A statement as published: envelope, its place in the log and the salt that links it to its leaf. */
const publicStatement = z.strictObject({
  leafIndex: count,
  kind: z.enum(STATEMENT_KINDS),
  salt: hex32,
  envelope,
})
export type PublicStatement = z.infer<typeof publicStatement>

/** A leaf whose body and salt were erased, and when. Only party kinds may be erased. */
const tombstone = z.strictObject({ leafIndex: count, kind: z.enum(STATEMENT_KINDS), erasedAt: timestamp })

/** Sorted-tree leaves of a manifest, in order: everyone may recompute the root. */
const manifestTree = z.array(z.strictObject({ key: hex32, value: hex32 }))

const record = z.strictObject({
  format: z.literal('fairweight/record/v1'),
  pool: hex32,
  /** Every public statement, by leaf index. */
  statements: z.array(publicStatement),
  tombstones: z.array(tombstone),
  /** By manifest digest. */
  manifestTrees: z.record(hex32, manifestTree),
  /** By usage-close digest. */
  usageLeaves: z.record(hex32, usageLeavesSchema),
  /** What the node serves now; a claim that C4 compares with receipts and closes. */
  serving: z.array(
    z.strictObject({
      model: slug,
      serves: z.enum(['base', 'trained']),
      digest: hex32,
      base: hex32,
      tokenizer: hex32,
    }),
  ),
  /** Cosigned checkpoints kept through time, oldest first: only witnesses' clocks bound when something was said. */
  checkpoints: z.array(z.string().max(20_000)).max(10_000),
  /** The period that is still open and when it will be closed; null before the first call. */
  openPeriod: z.strictObject({ period: z.int().min(1), closesBy: timestamp }).nullable(),
})
export type PublicRecord = z.infer<typeof record>

/** Throws {@link StatementError} `document-invalid`. */
export function readPublicRecord(value: unknown): PublicRecord {
  const result = record.safeParse(value)
  if (!result.success) throw new StatementError('document-invalid', `record: ${issueOf(result.error)}`)
  return result.data
}

const presence = z.strictObject({ index: count, value: hex32, path: z.array(hex32) })
const sumProof = z.strictObject({
  index: count,
  size: z.int().min(1),
  siblings: z.array(z.strictObject({ sum: amount, hash: hex32 })),
})
const sumProven = z.strictObject({
  statement: hex32,
  leaf: z.record(z.string(), z.unknown()),
  proof: sumProof,
})

/** A statement of the party's own, and where the log has it. */
const logged = z.strictObject({ envelope, leafIndex: count, salt: hex32 })

const payeeChanges = z.array(
  z.strictObject({
    change: logged,
    receipt: logged,
    cancellation: z.strictObject({ cancellation: logged, receipt: logged }).nullable(),
  }),
)

/** What a contributor keeps: own statements whole, and own leaves with proofs to public roots. */
const contributionRecord = z.strictObject({
  format: z.literal('fairweight/contribution-record/v1'),
  offer: logged,
  receipt: logged,
  withdrawals: z.array(z.strictObject({ withdrawal: logged, receipt: logged.nullable() })),
  manifests: z.array(
    z.strictObject({ statement: hex32, leaf: z.record(z.string(), z.unknown()), proof: presence }),
  ),
  tokens: z.array(sumProven),
  shares: z.array(sumProven),
  payouts: z.array(sumProven),
  /** The contributor's, like shares and payouts; in the order of the log. */
  payeeChanges,
  /** The contributor's; receipts and answers are public. `findings` is null while there is no answer. */
  disputes: z.array(z.strictObject({ dispute: logged, findings: disputeFindingsSchema.nullable() })),
})
export type ContributionRecord = z.infer<typeof contributionRecord>

/** Throws {@link StatementError} `document-invalid`. */
export function readContributionRecord(value: unknown): ContributionRecord {
  const result = contributionRecord.safeParse(value)
  if (!result.success)
    throw new StatementError('document-invalid', `contribution record: ${issueOf(result.error)}`)
  return result.data
}

/** Throws {@link StatementError} `document-invalid`. */
export function readPayeeChanges(value: unknown): ContributionRecord['payeeChanges'] {
  const result = payeeChanges.safeParse(value)
  if (!result.success) throw new StatementError('document-invalid', `payee changes: ${issueOf(result.error)}`)
  return result.data
}

/** What a buyer keeps of one call. Bodies are optional: with them the hashes are checked too. */
const callRecord = z
  .strictObject({
    format: z.literal('fairweight/call-record/v1'),
    /** Null where the answer was cut off and no receipt came: then the stream marks in `response` are the proof. */
    receipt: servingReceiptSchema.nullable(),
    /** Base64 of the bytes on the wire; null where the buyer kept none. */
    request: z.string().nullable(),
    response: z.string().nullable(),
  })
  .refine((it) => it.receipt !== null || it.response !== null, 'neither a receipt nor an answer')
export type CallRecord = z.infer<typeof callRecord>

/** Throws {@link StatementError} `document-invalid`. */
export function readCallRecord(value: unknown): CallRecord {
  const result = callRecord.safeParse(value)
  if (!result.success) throw new StatementError('document-invalid', `call record: ${issueOf(result.error)}`)
  return result.data
}

/** What an auditor brings: got elsewhere, never from the node that is audited (spec/anchors.md). */
const anchors = z
  .strictObject({
    format: z.literal('fairweight/anchors/v1'),
    /** Digest of the pool's first policy, or of a later one; or the operator's key; at least one. */
    policy: hex32.nullable(),
    operator: hex32.nullable(),
    /** Witness keys that the auditor knows to be independent. */
    witnesses: z.array(z.strictObject({ name: z.string().max(100), publicKey: hex32 })),
    /** How many of them must have cosigned. */
    quorum: count,
    /** Roots beyond the vendors' own that the auditor accepts, as SHA-256 of the DER: a simulator's, for instance. */
    simulatedRoots: z.array(hex32),
    /** A checkpoint seen earlier: the log must have grown from it. */
    checkpoint: z.strictObject({ size: count, root: hex32 }).nullable(),
  })
  .refine((it) => it.policy !== null || it.operator !== null, 'neither a policy nor an operator is named')
  .refine((it) => isDistinct(it.witnesses.map(({ publicKey }) => publicKey)), 'a witness stands twice')
  .refine((it) => it.quorum <= it.witnesses.length, 'the quorum exceeds the witnesses')
export type Anchors = z.infer<typeof anchors>

/** Throws {@link StatementError} `document-invalid`. */
export function readAnchors(value: unknown): Anchors {
  const result = anchors.safeParse(value)
  if (!result.success) throw new StatementError('document-invalid', `anchors: ${issueOf(result.error)}`)
  return result.data
}

export const recordSchemas = { record, contributionRecord, callRecord, anchors }

/** Proofs on paper: hexadecimal and decimal text. */
export function encodePresence(proof: PresenceProof): z.infer<typeof presence> {
  return { index: proof.index, value: encodeHex(proof.value), path: proof.path.map(encodeHex) }
}

export function decodePresence(text: z.infer<typeof presence>): PresenceProof {
  return { index: text.index, value: decodeHex(text.value), path: text.path.map(decodeHex) }
}

export function encodeSumProof(proof: SumProof): z.infer<typeof sumProof> {
  const siblings = proof.siblings.map(({ sum, hash }) => ({ sum: String(sum), hash: encodeHex(hash) }))
  return { index: proof.index, size: proof.size, siblings }
}

export function decodeSumProof(text: z.infer<typeof sumProof>): SumProof {
  const siblings: SumNode[] = text.siblings.map(({ sum, hash }) => ({
    sum: BigInt(sum),
    hash: decodeHex(hash),
  }))
  return { index: text.index, size: text.size, siblings }
}

export function encodeSumRoot(of: SumRoot): { root: string; sum: string; size: number } {
  return { root: encodeHex(of.hash), sum: String(of.sum), size: of.size }
}

export function decodeSumRoot(of: { root: string; sum: string; size: number }): SumRoot {
  return { hash: decodeHex(of.root) satisfies Bytes, sum: BigInt(of.sum), size: of.size }
}

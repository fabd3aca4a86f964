/**
 * Pool policy (spec/policy.md): what everyone agreed to before the data was known.
 *
 * The first version's digest names the pool for good. Later versions name the one before and take
 * effect only after the notice that the earlier one promised.
 */
import { z } from 'zod'
import { digestOf } from '#bytes'
import { attributionMethod, utility } from './attribution.ts'
import {
  amount,
  basisPoints,
  count,
  currency,
  fileList,
  formatTime,
  hex32,
  isDistinct,
  label,
  partsPerMillion,
  shownText,
  slug,
  timestamp,
  type FileEntry,
} from './fields.ts'
import { defineKind, type Statement } from './statement.ts'

/** Of each answer, an extraction attack asks for so many tokens at most: the length that the literature counts by. */
export const EXTRACTED_TOKENS = 50

/** In seconds; times computed from it stay on the calendar. */
const TEN_YEARS = 315_360_000

const hex48 = z.string().regex(/^[0-9a-f]{96}$/)

/** One release that may run, and when. Times overlap so that a pool survives an upgrade. */
const measurement = z
  .strictObject({
    kind: z.literal('tdx'),
    label,
    mrTd: hex48,
    rtmr: z.tuple([hex48, hex48, hex48, hex48]),
    from: timestamp,
    until: timestamp.nullable(),
  })
  .refine((it) => it.until === null || it.from < it.until, 'a measurement ends before it begins')
export type AllowedMeasurement = z.infer<typeof measurement>

/** Whose root it is and for what: NVIDIA's reference values end in another root than its devices. */
const vendor = z.enum(['intel', 'nvidia', 'nvidia-rim'])
export type Vendor = z.infer<typeof vendor>

const trust = z.strictObject({
  /** Certificate fingerprints (SHA-256 of the DER) that evidence may end in. */
  roots: z.array(z.strictObject({ vendor, sha256: hex32, simulated: z.boolean() })).min(1),
  measurements: z.array(measurement).min(1),
  /** Intel's words; `Revoked` cannot be accepted. */
  tcbStatuses: z
    .array(
      z.enum([
        'UpToDate',
        'SWHardeningNeeded',
        'ConfigurationNeeded',
        'ConfigurationAndSWHardeningNeeded',
        'OutOfDate',
        'OutOfDateConfigurationNeeded',
      ]),
    )
    .min(1),
  gpu: z.strictObject({
    architecture: z.enum(['HOPPER']),
    devices: z.int().min(1).max(16),
    /** Whether firmware and driver must measure as NVIDIA's reference values say. */
    rim: z.enum(['required', 'not-checked']),
  }),
  maxEvidenceAgeSeconds: z.int().min(60).max(TEN_YEARS),
})

const base = z.strictObject({
  /** Hugging Face id, `ORG/NAME`. */
  name: z.string().regex(/^[A-Za-z0-9][\w.-]*\/[A-Za-z0-9][\w.-]*$/),
  revision: z.string().max(64).nullable(),
  files: fileList,
  /** The file whose tokenizer counts, trains and serves. */
  tokenizer: z.strictObject({ file: z.string(), sha256: hex32 }),
  /** How messages become tokens (spec/canonical-token.md). */
  template: z.enum(['chatml']),
  systemPrompt: z.string().max(2000),
})

const recipe = z.record(z.string().regex(/^[a-z][A-Za-z0-9_]*$/), z.unknown())

const attribution = z
  .strictObject({
    method: attributionMethod,
    /** α of the share formula (spec/attribution.md), parts per million. */
    tokenWeight: partsPerMillion,
    /** No contributor gets more than this part of the whole. */
    cap: partsPerMillion,
    /** How many seeds and coalitions the estimator runs (0: all of them): nothing is left to choose afterwards. */
    seeds: z.int().min(1).max(16),
    coalitions: count,
    /** How a model is measured; null where the method measures nothing. */
    utility: utility.nullable(),
    /** Members of the recipe that are others where coalitions are trained, such as fewer passes. */
    recipe,
  })
  .refine((it) => (it.method === 'tokens') === (it.utility === null), 'exactly `tokens` has no utility')
  .refine((it) => it.method !== 'replay' || it.seeds >= 2, 'a replay is repeated with at least two seeds')

/** How the served model is asked for contributed wording, and how much of it may come back. */
const extraction = z.strictObject({
  /** Asked at most, in each attack. */
  items: z.int().min(1).max(10_000),
  /** What the `opening` attack knows of the question. */
  prefixTokens: z.int().min(1).max(1000),
  /** Shorter wording is not asked for: so few tokens are a fact. Longer than what is asked for there is none. */
  suffixTokens: z.int().min(1).max(EXTRACTED_TOKENS),
  /** Of the answers asked for, in either attack: above it the model is not served. */
  maximum: partsPerMillion,
})

const price = z.strictObject({
  /** What buyers name in a request. */
  model: slug,
  serves: z.enum(['base', 'trained']),
  promptPerMillion: amount,
  completionPerMillion: amount,
})

const dedup = z.strictObject({
  shingleWords: z.int().min(1).max(20),
  /** Jaccard similarity from which two items are near-duplicates. */
  threshold: partsPerMillion,
  keeps: z.enum(['earliest']),
})

const log = z
  .strictObject({
    origin: z.string().regex(/^[a-z0-9.-]+\/[a-z0-9./-]+$/),
    publicKey: hex32,
    witnesses: z.array(z.strictObject({ name: shownText(100), publicKey: hex32 })),
    quorum: count,
    /** A log whose newest cosignature is older than this may be hiding something. */
    maxCheckpointAgeSeconds: z.int().min(60).max(TEN_YEARS),
  })
  .refine((it) => it.quorum <= it.witnesses.length, 'the quorum exceeds the witnesses')
  .refine((it) => isDistinct(it.witnesses.map(({ name }) => name)), 'a witness name stands twice')
  .refine(
    (it) => isDistinct([it.publicKey, ...it.witnesses.map(({ publicKey }) => publicKey)]),
    'a key stands twice among log and witnesses',
  )

const predicate = z.strictObject({
  name: slug,
  version: z.int().min(1),
  /** Digest of version 1, and of the version before; both null in version 1. */
  genesis: hex32.nullable(),
  previous: hex32.nullable(),
  issuedAt: timestamp,
  effectiveAt: timestamp,
  noticeSeconds: z.int().min(0).max(TEN_YEARS),
  operator: z.strictObject({ name: label, publicKey: hex32, payee: slug }),
  trust,
  base,
  /** The trainer's recipe (spec/trainer-job.md); integers only. */
  recipe,
  attribution,
  /** Commitment to the secret validation set (`validationCommitment`), made before any data is known. */
  validation: z.strictObject({ commitment: hex32, items: count }),
  extraction,
  /** Sums to 10 000. */
  split: z.strictObject({ contributors: basisPoints, operator: basisPoints }),
  currency,
  prices: z.array(price).min(1),
  dedup,
  log,
  streamMarks: z.strictObject({ everyEvents: z.int().min(1), everySeconds: z.int().min(1) }),
  usagePeriodSeconds: z.int().min(60).max(TEN_YEARS),
  receiptRetentionDays: z.int().min(1).max(36_500),
  retirementDays: z.int().min(0).max(36_500),
  /** With fewer contributors, or fewer canonical tokens of items that train, no run starts. */
  minimumContributors: z.int().min(1),
  minimumCanonicalTokens: count,
  /** How long a change of payee by a recovery key waits for an objection (spec/payee-change.md). */
  payees: z.strictObject({ recoverySeconds: z.int().min(60).max(TEN_YEARS) }),
  /** How long the node has to answer a dispute (spec/dispute.md). */
  disputes: z.strictObject({ answerSeconds: z.int().min(60).max(TEN_YEARS) }),
})
export type Policy = z.infer<typeof predicate>

export const policy = defineKind<Policy>({
  kind: 'policy',
  signer: 'operator',
  visibility: 'public',
  predicate: predicate
    .refine(
      (it) => it.split.contributors + it.split.operator === 10_000,
      'the split must sum to 10000 basis points',
    )
    .refine((it) => (it.version === 1) === (it.genesis === null), 'only version 1 has no genesis')
    .refine((it) => (it.version === 1) === (it.previous === null), 'only version 1 has no previous version')
    .refine((it) => it.issuedAt <= it.effectiveAt, 'a policy takes effect before it is issued')
    .refine(
      ({ trust: { gpu, roots } }) =>
        gpu.rim !== 'required' || roots.some((root) => root.vendor === 'nvidia-rim'),
      'reference values are required and no root for them is named',
    )
    .refine(
      (it) => new Set(it.prices.map((one) => one.model)).size === it.prices.length,
      'a model is priced twice',
    )
    .refine(
      (it) =>
        it.base.files.some(
          (one) => one.name === it.base.tokenizer.file && one.sha256 === it.base.tokenizer.sha256,
        ),
      'the tokenizer is not one of the base files',
    ),
  subject: (it) => ({ name: it.base.name, sha256: baseDigest(it.base) }),
})

/** Names a base model: the digest of its id, revision and files. */
export function baseDigest(of: {
  name: string
  revision: string | null
  files: readonly FileEntry[]
}): string {
  return digestOf({ name: of.name, revision: of.revision, files: of.files })
}

export function recipeDigest(of: Policy): string {
  return digestOf(of.recipe)
}

/** Names one row of the price list, as serving receipts cite it. */
export function priceDigest(of: Policy, model: string): string | undefined {
  const row = of.prices.find((one) => one.model === model)
  return row === undefined ? undefined : digestOf({ currency: of.currency, price: row })
}

/** The digest that names the pool: that of its first policy. */
export function poolOf(of: Policy, digest: string): string {
  return of.genesis ?? digest
}

/**
 * Why `next` may not follow `previous`, or undefined where it may (spec/policy.md §succession).
 *
 * The one before signs the one after, so a changed operator key is signed by the old one. What would move
 * history away, or choose the exam after the data is seen, cannot change.
 */
export function refusalToFollow(previous: Statement<Policy>, next: Statement<Policy>): string | undefined {
  const [before, after] = [previous.predicate, next.predicate]
  if (next.signer !== before.operator.publicKey)
    return 'it is not signed by the operator of the policy before'
  if (after.version !== before.version + 1)
    return `version ${after.version} does not follow version ${before.version}`
  if (after.previous !== previous.digest) return 'it names another policy as the one before'
  if (after.genesis !== poolOf(before, previous.digest)) return 'it belongs to another pool'
  if (after.issuedAt < before.effectiveAt) return 'it is issued before the policy before it has taken effect'
  if (after.effectiveAt <= before.effectiveAt) return 'it takes effect no later than the policy before it'
  const earliest = formatTime(new Date(new Date(after.issuedAt).getTime() + before.noticeSeconds * 1000))
  if (after.effectiveAt < earliest) return `it takes effect before its notice has passed at ${earliest}`
  const fixed = ({ name, currency, validation, log: { origin, publicKey } }: Policy) =>
    digestOf({ name, currency, validation, origin, publicKey })
  if (fixed(before) !== fixed(after))
    return 'it changes the name, currency, validation set or log of the pool'
  return undefined
}

/** True where the policy begins a pool: version 1, signed by the operator it names. */
export function isGenesis({ predicate, signer }: Statement<Policy>): boolean {
  return predicate.version === 1 && signer === predicate.operator.publicKey
}

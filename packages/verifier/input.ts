/**
 * What an audit is given, and the reading of it. Nothing here is trusted: what does not fit its schema
 * becomes a failed check that names the file, and the audit goes on with the rest.
 */
import type { Bytes } from '#bytes'
import {
  readAnchors,
  readCallRecord,
  readContributionRecord,
  readPublicRecord,
  type Anchors,
  type CallRecord,
  type ContributionRecord,
  type PublicRecord,
} from '#statements'
import type { VerifyEvidence } from './evidence.ts'
import type { Findings } from './findings.ts'

export interface AuditInput {
  /** `fairweight/record/v1`, as the pool publishes it. */
  readonly record: unknown
  readonly log: {
    /** The signed note, with cosignatures. */
    readonly checkpoint: string
    /** Every entry up to the checkpoint's size: the root is computed from them. */
    readonly entries: readonly Bytes[]
  }
  /** Evidence asked for with the auditor's own nonce; `evidence` is an envelope, or null where none came. */
  readonly fresh?: { readonly nonce: string; readonly evidence: unknown }
  /** `fairweight/anchors/v1`, got elsewhere. Without them the audit does not say yes. */
  readonly anchors?: unknown
  /** `fairweight/contribution-record/v1` of contributors who ask about their own. */
  readonly contributions: readonly unknown[]
  /** `fairweight/call-record/v1` of buyers who ask about their own. */
  readonly calls: readonly unknown[]
  readonly at: Date
  /** How evidence is verified; only tests bring their own. */
  readonly verifyEvidence?: VerifyEvidence
}

/** A file of a party, with the name under which results speak of it. */
export interface Named<T> {
  readonly name: string
  readonly value: T
}

export interface ReadInput {
  readonly record: PublicRecord | undefined
  readonly anchors: Anchors | undefined
  readonly contributions: readonly Named<ContributionRecord>[]
  readonly calls: readonly Named<CallRecord>[]
}

export function readInput(input: AuditInput, findings: Findings): ReadInput {
  const record = findings.check('input.record', 'the public record with its schema')
  const anchors = findings.check('input.anchors', 'the anchors with their schema')
  const contribution = findings.check('input.contribution', 'each contribution record with its schema')
  const call = findings.check('input.call', 'each call record with its schema')
  return {
    record: record.attempt('the public record', () => readPublicRecord(input.record)),
    anchors:
      input.anchors === undefined
        ? undefined
        : anchors.attempt('the anchors', () => readAnchors(input.anchors)),
    contributions: input.contributions.flatMap((value, index) =>
      named(`contribution record ${index + 1}`, (name) =>
        contribution.attempt(name, () => readContributionRecord(value)),
      ),
    ),
    calls: input.calls.flatMap((value, index) =>
      named(`call record ${index + 1}`, (name) => call.attempt(name, () => readCallRecord(value))),
    ),
  }
}

function named<T>(name: string, read: (name: string) => T | undefined): readonly Named<T>[] {
  const value = read(name)
  return value === undefined ? [] : [{ name, value }]
}

/** Everything the claims look at, opened once. */
import type { Bytes } from '#bytes'
import { decodeLogLeaf, type Anchors, type CallRecord, type LogLeaf, type PublicRecord } from '#statements'
import type { Authority } from './authority.ts'
import type { OpenedContribution } from './contributions.ts'
import type { Appraisal } from './evidence.ts'
import type { Findings } from './findings.ts'
import type { Named } from './input.ts'
import type { OpenedRecord } from './open.ts'
import type { PolicyLine } from './policies.ts'

export interface Pool {
  readonly record: PublicRecord
  readonly anchors: Anchors | undefined
  readonly checkpoint: string
  readonly entries: readonly Bytes[]
  /** By index; undefined where an entry is no leaf of ours. */
  readonly leaves: readonly (LogLeaf | undefined)[]
  readonly line: PolicyLine
  readonly opened: OpenedRecord
  readonly keysets: readonly Appraisal[]
  readonly authority: Authority
  readonly contributions: readonly OpenedContribution[]
  readonly calls: readonly Named<CallRecord>[]
  /** Whether the pool was asked just now; an exported folder may be older. */
  readonly live: boolean
  /** Seconds since 1970. */
  readonly at: number
}

/** What a claim's function hands back: its checks, and the sentence for the case that they pass. */
export interface Draft {
  readonly findings: Findings
  readonly summary: string
  /** The kinds of statements that the claim rests on. */
  readonly restsOn: readonly string[]
}

export function readLeaves(entries: readonly Bytes[]): readonly (LogLeaf | undefined)[] {
  return entries.map((entry) => {
    try {
      return decodeLogLeaf(entry)
    } catch {
      return undefined
    }
  })
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`
}

/** What the public record gathers from the other roles. */
import type { PublicRecord, UsageLeaf } from '#statements'

export interface Books {
  /** Leaves of a usage close, in the order of its tree. */
  readonly usageLeavesOf: (closeDigest: string) => Promise<UsageLeaf[]>
  readonly openPeriod: () => Promise<PublicRecord['openPeriod']>
}

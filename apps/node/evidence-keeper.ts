/**
 * Evidence in the log: at the start of a term, and again before half the policy's maximum age.
 *
 * Whatever a role key signs can then be checked years later against evidence that was young when it signed.
 */
import { ownNonce, type Machine, type StatementStore } from '#node/core'
import { evidence } from '#statements'

export interface EvidenceKeeper {
  /** Digest of an evidence statement of this term that is young enough to sign under. */
  readonly refresh: () => Promise<string>
  /** When it was taken; null before the first. */
  readonly takenAt: () => Date | null
}

export function createEvidenceKeeper(
  machine: Machine,
  statements: StatementStore,
  maxAgeSeconds: number,
  now: () => Date,
): EvidenceKeeper {
  let held: { digest: string; at: number } | undefined
  return {
    async refresh() {
      if (held !== undefined && now().getTime() - held.at < (maxAgeSeconds * 1000) / 2) return held.digest
      const at = now().getTime()
      const { digest } = await statements.issue(
        evidence,
        await machine.evidence(ownNonce()),
        machine.key('log'),
      )
      held = { digest, at }
      await statements.integrate()
      return digest
    },
    takenAt: () => (held === undefined ? null : new Date(held.at)),
  }
}

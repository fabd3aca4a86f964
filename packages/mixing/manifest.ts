/** The manifest statement of a composition (spec/manifest.md): what was composed, and under which circumstances. */
import { encodeHex } from '#bytes'
import { formatTime, recipeDigest, type Manifest, type Policy } from '#statements'
import type { Composition } from './compose.ts'

export interface ManifestFacts {
  /** The policy in force, its digest, and the pool's. */
  readonly policy: Policy
  readonly policyDigest: string
  readonly pool: string
  /** Digest of the manifest before this one. */
  readonly previous: string | null
  readonly at: Date
  readonly cutOff: Manifest['cutOff']
  readonly logSize: number
}

export function manifestOf(composition: Composition, facts: ManifestFacts): Manifest {
  const { tree, totals, general } = composition
  return {
    pool: facts.pool,
    policy: facts.policyDigest,
    previous: facts.previous,
    composedAt: formatTime(facts.at),
    cutOff: [...facts.cutOff],
    logSize: facts.logSize,
    tree: { root: encodeHex(tree.root), size: tree.size },
    ...totals,
    general: {
      root: general.root,
      items: general.items.length,
      canonicalTokens: general.canonicalTokens,
      weight: general.weight,
    },
    recipe: recipeDigest(facts.policy),
    tokenizer: facts.policy.base.tokenizer.sha256,
  }
}

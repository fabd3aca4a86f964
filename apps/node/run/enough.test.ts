import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Composition } from '#mixing'
import type { NodeContext } from '#node/core'
import { assertEnough } from './mix.ts'

const asking = (minimumContributors: number, minimumCanonicalTokens: number) =>
  ({ policy: { predicate: { minimumContributors, minimumCanonicalTokens } } }) as NodeContext

const mixed = {
  bundles: ['mill', 'mill', 'forge'].map((contributor) => ({
    contributor,
    leaf: { disposition: 'included' },
  })),
  totals: { canonicalTokens: 5000 },
} as unknown as Composition

test('a run starts on as many contributors and tokens as the policy asks for', () => {
  assertEnough(asking(2, 5000), mixed)
})

test('an operator cannot train on fewer: not two bundles of one person for two, and not a token less', () => {
  assert.throws(() => assertEnough(asking(3, 5000), mixed), { code: 'too_few_contributors' })
  assert.throws(() => assertEnough(asking(2, 5001), mixed), { code: 'too_few_tokens' })
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { signingKeyFromSeed } from '#seal'
import { manifest, openStatement, recipeDigest, signStatement, type Policy } from '#statements'
import { compose, type MixBundle } from './compose.ts'
import { croissantOf } from './croissant.ts'
import { manifestOf } from './manifest.ts'

const hex = (digit: string) => digit.repeat(64)

// What manifest and view read of a policy; the rest of it has no part here.
const policy = {
  name: 'meadow',
  version: 1,
  operator: { name: 'Meadow operator', publicKey: hex('e'), payee: 'operator' },
  base: { name: 'org/base', tokenizer: { file: 'model.gguf', sha256: hex('7') } },
  recipe: { passes: 2 },
} as unknown as Policy

const bundles: MixBundle[] = [
  {
    key: hex('1'),
    receiptDigest: hex('2'),
    contributor: hex('3'),
    logIndex: 4,
    items: [
      {
        item: {
          messages: [
            { role: 'user', content: 'q' },
            { role: 'assistant', content: 'a' },
          ],
        },
        commitment: hex('5'),
        tokens: 30,
      },
    ],
  },
]

const composition = compose({
  bundles,
  general: { items: [{ ...bundles[0]!.items[0]!, commitment: hex('6'), tokens: 12 }], weight: 500_000 },
  dedup: { shingleWords: 5, threshold: 800_000 },
  saltOf: () => hex('8'),
})

const made = manifestOf(composition, {
  policy,
  policyDigest: hex('a'),
  pool: hex('b'),
  previous: null,
  at: new Date('2026-11-25T12:00:00Z'),
  cutOff: [{ node: 'one', term: 1, sequence: 1 }],
  logSize: 9,
})

test('a composition makes a manifest that signs and opens', async () => {
  const signed = await signStatement(manifest, made, await signingKeyFromSeed(new Uint8Array(32).fill(1)))
  const { predicate } = await openStatement(manifest, signed.envelope)
  assert.deepEqual(predicate.bundles, { included: 1, excluded: 0, withdrawn: 0 })
  assert.deepEqual([predicate.items, predicate.canonicalTokens], [1, 30])
  assert.deepEqual(
    [predicate.general.items, predicate.general.canonicalTokens, predicate.general.weight],
    [1, 12, 500_000],
  )
  assert.deepEqual([predicate.recipe, predicate.tokenizer], [recipeDigest(policy), hex('7')])
})

test('the Croissant view shows the manifest’s counts and offers nothing to download', () => {
  const view = croissantOf(made, policy)
  assert.equal(view['@type'], 'sc:Dataset')
  assert.equal(view['dct:conformsTo'], 'http://mlcommons.org/croissant/1.0')
  assert.equal(view['identifier'], made.tree.root)
  assert.deepEqual(
    (view['variableMeasured'] as { name: string; value: number }[]).find(
      ({ name }) => name === 'canonical tokens',
    )?.value,
    30,
  )
  for (const key of ['distribution', 'recordSet']) assert.equal(key in view, false)
  for (const key of ['@context', 'name', 'description', 'license', 'url', 'creator', 'datePublished']) {
    assert.ok(view[key], key)
  }
})

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { canonicalJson, decodeUtf8, encodeHex } from '#bytes'
import { signingKeyFromSeed } from '#seal'
import { commitBundle, encodeBundle, itemCommitment, itemSalt, offer, signStatement } from '#statements'
import { bundleHeaderOf, offerOf, payeeOf } from './offer.ts'
import { readFile } from './read-file.ts'

// The pages of spec/ show these values; whoever changes a format changes the page too.
const page = (name: string) => readFileSync(new URL(`../../spec/${name}`, import.meta.url), 'utf8')
const bytes = (value: number) => new Uint8Array(32).fill(value)

const csv = 'question,answer\nWho founded Hollowmere Clinic?,Isolde Varnabry.\n'
const [sourced] = readFile('example.csv', new TextEncoder().encode(csv)).items
const item = sourced!.item
const secret = bytes(1)
const contributor = await signingKeyFromSeed(bytes(2))
const made = offerOf({
  pool: 'a1'.repeat(32),
  policy: 'a1'.repeat(32),
  contributor: { name: 'Hollowmere Clinic', publicKey: contributor.publicKey },
  payee: payeeOf(),
  items: [item],
  nonce: bytes(3),
  secret,
  at: new Date('2026-11-25T12:00:00Z'),
})

test('the example of spec/item.md comes out of the code', () => {
  const text = page('item.md')
  const salt = itemSalt(secret, 0)
  for (const shown of [
    canonicalJson(item),
    encodeHex(salt),
    encodeHex(itemCommitment(item, salt)),
    commitBundle([item], secret).root,
  ]) {
    assert.ok(text.includes(shown), shown)
  }
})

test('the examples of spec/offer.md and spec/sealed-bundle.md come out of the code', async () => {
  const { digest } = await signStatement(offer, made, contributor)
  const text = page('offer.md')
  const [, example] = /```json\n([\s\S]*?)\n```/.exec(text) ?? []
  assert.deepEqual(JSON.parse(example ?? ''), made)
  assert.ok(text.includes(digest))
  const plaintext = decodeUtf8(encodeBundle(bundleHeaderOf(made, digest, secret), [item]))
  assert.ok(page('sealed-bundle.md').includes(plaintext))
})

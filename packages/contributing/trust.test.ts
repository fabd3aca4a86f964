import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  commitBundle,
  contributionReceipt,
  offer,
  signStatement,
  type ContributionReceipt,
  type Keyset,
} from '#statements'
import { signingKeyFromSeed } from '#seal'
import { ContributingError } from './errors.ts'
import { bundleHeaderOf, offerOf, payeeOf } from './offer.ts'
import { signPartyRequest, verifyPartyRequest } from './party-request.ts'
import { openReceipt } from './receipt.ts'

const hex = (digit: string) => digit.repeat(64)
const bytes = (value: number) => new Uint8Array(32).fill(value)
const items = [
  {
    messages: [
      { role: 'user' as const, content: 'q' },
      { role: 'assistant' as const, content: 'a' },
    ],
  },
  {
    messages: [
      { role: 'user' as const, content: 'r' },
      { role: 'assistant' as const, content: 'b' },
    ],
  },
]
const contributor = await signingKeyFromSeed(bytes(1))
const ingest = await signingKeyFromSeed(bytes(2))
const stranger = await signingKeyFromSeed(bytes(3))

const made = offerOf({
  pool: hex('a'),
  policy: hex('b'),
  contributor: { name: 'Anna', publicKey: contributor.publicKey },
  payee: payeeOf(),
  items,
  nonce: bytes(4),
  secret: bytes(5),
  at: new Date('2026-11-25T12:00:00Z'),
})
const signed = await signStatement(offer, made, contributor)
const keyset: Keyset = {
  format: 'fairweight/keyset/v1',
  pool: hex('a'),
  node: 'one',
  term: 2,
  issuedAt: '2026-11-25T11:00:00Z',
  notAfter: '2026-12-25T11:00:00Z',
  keys: [{ role: 'ingest', algorithm: 'ed25519', publicKey: ingest.publicKey }],
  aci: `sha256:${hex('c')}`,
}
const good: ContributionReceipt = {
  pool: hex('a'),
  policy: hex('b'),
  node: 'one',
  term: 2,
  sequence: 1,
  offer: signed.digest,
  contributor: contributor.publicKey,
  bundleRoot: made.bundle.root,
  ciphertext: hex('d'),
  receivedAt: '2026-11-25T12:01:00Z',
  offered: 2,
  accepted: 1,
  rejected: [{ index: 1, reason: 'too-long' }],
  canonicalTokens: 12,
}
const expected = { offer: made, offerDigest: signed.digest, ciphertext: hex('d'), keysets: [keyset] }
const isRefused = (code: string) => (error: unknown) =>
  error instanceof ContributingError && error.code === code

test('an offer commits to the items and its header to the offer', () => {
  assert.equal(made.bundle.root, commitBundle(items, bytes(5)).root)
  const header = bundleHeaderOf(made, signed.digest, bytes(5))
  assert.deepEqual(
    [header.offer, header.pool, header.policy, header.nonce, header.items],
    [signed.digest, made.pool, made.policy, made.nonce, 2],
  )
})

test('a payee is an IBAN, an EVM address or a later instruction', () => {
  assert.deepEqual(payeeOf(), { kind: 'statement' })
  assert.deepEqual(payeeOf('iban:de89 3704 0044 0532 0130 00:Anna B'), {
    kind: 'iban',
    iban: 'DE89370400440532013000',
    name: 'Anna B',
  })
  assert.deepEqual(payeeOf(`evm:1:0x${'aB'.repeat(20)}`), {
    kind: 'evm',
    chainId: 1,
    address: `0x${'ab'.repeat(20)}`,
  })
  const refused = [
    '',
    'bank',
    'statement:now',
    'iban:DE89370400440532013000',
    'iban:DE89370400440532013000:',
    'iban:DE88370400440532013000:Anna',
    'iban:DE89370400440532013000:An\u001bna',
    'evm:0x12',
    'evm:1:0x12',
    `evm:0:0x${'a'.repeat(40)}`,
    `evm:main:0x${'a'.repeat(40)}`,
    `evm:1:0x${'g'.repeat(40)}`,
    'anna@example.org',
  ]
  for (const wrong of refused) assert.throws(() => payeeOf(wrong), isRefused('payee-invalid'), wrong)
})

test('a receipt that agrees in every field is accepted', async () => {
  const receipt = await signStatement(contributionReceipt, good, ingest)
  assert.equal((await openReceipt(receipt.envelope, expected)).digest, receipt.digest)
})

test('a receipt that differs in one field, or by another key, is refused', async () => {
  const changes: Partial<ContributionReceipt>[] = [
    { offer: hex('1') },
    { pool: hex('1') },
    { policy: hex('1') },
    { contributor: stranger.publicKey },
    { bundleRoot: hex('1') },
    { ciphertext: hex('1') },
    { node: 'two' },
    { term: 3 },
    { offered: 3, accepted: 2 },
  ]
  for (const change of changes) {
    const receipt = await signStatement(contributionReceipt, { ...good, ...change }, ingest)
    await assert.rejects(
      openReceipt(receipt.envelope, expected),
      isRefused('receipt-unexpected'),
      JSON.stringify(change),
    )
  }
  for (const key of [stranger, contributor]) {
    const receipt = await signStatement(contributionReceipt, good, key)
    await assert.rejects(openReceipt(receipt.envelope, expected), isRefused('receipt-unexpected'))
  }
  const ofOtherPool = { ...keyset, pool: hex('f') }
  const inOtherRole: Keyset = {
    ...keyset,
    keys: [{ role: 'mix', algorithm: 'ed25519', publicKey: ingest.publicKey }],
  }
  const receipt = await signStatement(contributionReceipt, good, ingest)
  for (const other of [inOtherRole, ofOtherPool]) {
    await assert.rejects(
      openReceipt(receipt.envelope, { ...expected, keysets: [other] }),
      isRefused('receipt-unexpected'),
    )
  }
})

test('a party request opens one path for five minutes', async () => {
  const at = new Date('2026-11-25T12:00:00Z')
  const later = (seconds: number) => new Date(at.getTime() + seconds * 1000)
  const header = await signPartyRequest(contributor, '/v1/x', at)
  for (const seconds of [-300, 0, 300]) {
    assert.equal(await verifyPartyRequest(header, '/v1/x', later(seconds)), contributor.publicKey)
  }
  const otherKey = header.replace(contributor.publicKey, stranger.publicKey)
  const otherTime = header.replace('12:00:00', '12:00:01')
  const refused: [string, string, Date][] = [
    [header, '/v1/y', at],
    [header, '/v1/x?all', at],
    [header, '/v1/x', later(301)],
    [header, '/v1/x', later(-301)],
    [otherKey, '/v1/x', at],
    [otherTime, '/v1/x', at],
    ['', '/v1/x', at],
    [`${header} `, '/v1/x', at],
    [header.toUpperCase(), '/v1/x', at],
    [header.replace('2026-11-25', '2026-99-99'), '/v1/x', at],
  ]
  for (const [value, path, now] of refused) {
    await assert.rejects(verifyPartyRequest(value, path, now), isRefused('party-request-invalid'), value)
  }
})

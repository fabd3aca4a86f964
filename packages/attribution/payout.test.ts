import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decodeHex, encodeUtf8, sha256, sha256Hex } from '#bytes'
import { verifySum } from '#merkle'
import {
  decodeSumProof,
  decodeSumRoot,
  destinationOf,
  payoutLeafDigest,
  shareLeafDigest,
  TOTAL_SHARES,
  type Payee,
  type Payout,
  type UsageClose,
} from '#statements'
import {
  attributionParts,
  AttributionError,
  payoutParts,
  type PayoutInput,
  type PayoutParts,
} from '#attribution'

const hex = (text: string) => sha256Hex(encodeUtf8(text))
const secrets = { salt: (party: string) => hex(`salt ${party}`), orderKey: sha256(encodeUtf8('order')) }
const operator = hex('operator')
const ann = hex('ann')
const bob = hex('bob')
const model = hex('model')
const base = hex('base')
const annsBank: Payee = { kind: 'iban', iban: 'DE02120300000000202051', name: 'Ann' }

const usage = (of: string, serves: 'base' | 'trained', amount: bigint): UsageClose['models'][number] => ({
  model: of,
  serves,
  calls: 1,
  promptTokens: 1,
  completionTokens: 1,
  amount: String(amount),
})
const closeOf = (period: number, models: UsageClose['models']): PayoutInput['close'] => ({
  digest: hex(`close ${period}`),
  predicate: {
    pool: hex('pool'),
    policy: hex('policy'),
    period,
    previous: null,
    from: '2026-11-25T12:00:00Z',
    closedAt: '2026-11-25T13:00:00Z',
    currency: { asset: 'USD', scale: 6 },
    ranges: [],
    calls: models.length,
    tree: { root: hex('tree'), sum: '0', size: 1 },
    models,
  },
})
const inputOf = (more: Partial<PayoutInput> = {}): PayoutInput => ({
  close: closeOf(1, [usage(model, 'trained', 1_000_003n), usage(base, 'base', 500n)]),
  split: { contributors: 7000, operator: 3000 },
  operator,
  attributions: new Map([
    [
      model,
      {
        digest: hex('attribution'),
        shares: [
          { contributor: ann, share: 600_000_001 },
          { contributor: bob, share: 399_999_999 },
        ],
      },
    ],
  ]),
  previous: null,
  payees: new Map([[ann, annsBank]]),
  statedAt: new Date('2026-11-25T14:00:00Z'),
  ...more,
})

const previousOf = ({ predicate, leaves }: PayoutParts, name: string): PayoutInput['previous'] => ({
  digest: hex(name),
  carryOut: BigInt(predicate.carryOut),
  leaves: leaves.map(({ leaf }) => leaf),
})

function assertAddsUp(of: Payout, { leaves, owed, carried }: PayoutParts) {
  const paid = BigInt(of.paid.contributors) + BigInt(of.paid.operator)
  assert.equal(BigInt(of.revenue) + BigInt(of.carryIn), paid + BigInt(of.fees) + BigInt(of.carryOut))
  assert.equal(
    owed.reduce((all, { amount }) => all + amount, carried),
    BigInt(of.revenue),
  )
  const root = decodeSumRoot(of.cumulative)
  for (const { leaf, proof } of leaves) {
    const place = { sum: BigInt(leaf.cumulative), digest: decodeHex(payoutLeafDigest(leaf)) }
    verifySum(root, place, decodeSumProof(proof))
  }
  assert.equal(
    leaves.reduce((all, { leaf }) => all + BigInt(leaf.cumulative), 0n),
    root.sum,
  )
}

test('a period is split by shares, the base’s revenue is the operator’s, and the rest is carried', () => {
  const parts = payoutParts(inputOf(), secrets)
  assertAddsUp(parts.predicate, parts)
  assert.deepEqual(parts.predicate.models, [
    {
      model,
      attribution: hex('attribution'),
      revenue: '1000003',
      contributors: '700001',
      operator: '300000',
      remainder: '2',
    },
    { model: base, attribution: null, revenue: '500', contributors: '0', operator: '500', remainder: '0' },
  ])
  assert.deepEqual(
    new Map(parts.owed.map(({ payee, amount }) => [payee, amount])),
    new Map([
      [operator, 300_500n],
      [ann, 420_001n],
      [bob, 280_000n],
    ]),
  )
  assert.equal(parts.carried, 2n)
})

test('the next period adds to what everybody was owed, and keeps payees that earn nothing in it', () => {
  const first = payoutParts(inputOf(), secrets)
  const second = payoutParts(
    inputOf({ close: closeOf(2, [usage(base, 'base', 7n)]), previous: previousOf(first, 'first') }),
    secrets,
  )
  assertAddsUp(second.predicate, second)
  assert.equal(second.predicate.previous, hex('first'))
  assert.equal(second.predicate.carryIn, first.predicate.carryOut)
  const leaf = second.leaves.find((one) => one.leaf.payee === ann)!.leaf
  assert.equal(leaf.amount, '0')
  assert.equal(leaf.cumulative, '420001')
})

test('a leaf binds where the money goes under its own salt, and the operator’s binds nothing', () => {
  const { leaves } = payoutParts(inputOf(), secrets)
  const leafOf = (payee: string) => leaves.find(({ leaf }) => leaf.payee === payee)!.leaf
  assert.equal(leafOf(ann).destination, destinationOf(annsBank, leafOf(ann).salt))
  assert.notEqual(leafOf(ann).destination, destinationOf({ ...annsBank, name: 'Eve' }, leafOf(ann).salt))
  assert.equal(leafOf(operator).destination, null)
})

test('an operator who contributes has one leaf for both', () => {
  const attributions = new Map([
    [model, { digest: hex('own'), shares: [{ contributor: operator, share: TOTAL_SHARES }] }],
  ])
  const parts = payoutParts(inputOf({ attributions }), secrets)
  assertAddsUp(parts.predicate, parts)
  assert.equal(parts.leaves.length, 1)
  assert.equal(parts.leaves[0]!.leaf.amount, '1000502')
})

test('a trained model without an attribution is not paid out at all', () => {
  assert.throws(
    () => payoutParts(inputOf({ attributions: new Map() }), secrets),
    (error) => error instanceof AttributionError && error.code === 'attribution-missing',
  )
})

test('over any periods what was paid, carried and earned stays equal to the last unit', () => {
  const anyPeriod = fc.record({
    trained: fc.bigInt({ min: 0n, max: 10n ** 15n }),
    bare: fc.bigInt({ min: 0n, max: 10n ** 15n }),
  })
  fc.assert(
    fc.property(
      fc.array(anyPeriod, { minLength: 1, maxLength: 6 }),
      fc.nat({ max: 10_000 }),
      (periods, bps) => {
        let previous: PayoutInput['previous'] = null
        let revenue = 0n
        for (const [at, { trained, bare }] of periods.entries()) {
          const close = closeOf(at + 1, [usage(model, 'trained', trained), usage(base, 'base', bare)])
          const split = { contributors: bps, operator: 10_000 - bps }
          const parts = payoutParts(inputOf({ close, split, previous }), secrets)
          assertAddsUp(parts.predicate, parts)
          revenue += trained + bare
          assert.equal(BigInt(parts.predicate.cumulative.sum) + BigInt(parts.predicate.carryOut), revenue)
          previous = previousOf(parts, `payout ${at}`)
        }
      },
    ),
    { numRuns: 40 },
  )
})

test('every contributor’s leaf leads to the statement’s root, whose sum is the whole', () => {
  const contributors = ['ann', 'bob', 'eve'].map((name, at) => ({
    contributor: hex(name),
    canonicalTokens: 100 * (at + 1),
    score: null,
    tieBreak: hex(`receipt ${name}`),
    alike: { items: 0, canonicalTokens: 0 },
  }))
  const { predicate, leaves } = attributionParts(
    { contributors, tokenWeight: 1_000_000, cap: 1_000_000, leaveOneOut: null },
    secrets,
  )
  assert.equal(predicate.tree.sum, String(TOTAL_SHARES))
  assert.equal(predicate.contributors, 3)
  for (const { leaf, proof } of leaves) {
    const place = { sum: BigInt(leaf.share), digest: decodeHex(shareLeafDigest(leaf)) }
    verifySum(decodeSumRoot(predicate.tree), place, decodeSumProof(proof))
    assert.throws(() =>
      verifySum(decodeSumRoot(predicate.tree), { ...place, sum: place.sum + 1n }, decodeSumProof(proof)),
    )
  }
  assert.equal(new Set(leaves.map(({ leaf }) => leaf.salt)).size, 3)
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { sha256Hex, encodeUtf8 } from '#bytes'
import { TOTAL_SHARES } from '#statements'
import {
  AttributionError,
  lowerBound,
  sharesOf,
  upperBound,
  type AttributionErrorCode,
  type ContributorInput,
  type Score,
  type SharesInput,
} from '#attribution'

const refuses = (body: () => unknown, code: AttributionErrorCode) =>
  assert.throws(body, (error) => error instanceof AttributionError && error.code === code)

const named = (name: string, canonicalTokens: number, score: Score | null = null): ContributorInput => ({
  contributor: sha256Hex(encodeUtf8(name)),
  canonicalTokens,
  score,
  tieBreak: sha256Hex(encodeUtf8(`receipt of ${name}`)),
})
const inputOf = (
  contributors: readonly ContributorInput[],
  more: Partial<SharesInput> = {},
): SharesInput => ({
  contributors,
  tokenWeight: 1_000_000,
  cap: 1_000_000,
  ...more,
})
const unitsOf = (input: SharesInput) => sharesOf(input).shares.map(({ share }) => share)
const byName = (input: SharesInput) =>
  new Map(sharesOf(input).shares.map(({ contributor, share }) => [contributor, share]))

const anyTokens = fc.oneof(fc.nat({ max: 20 }), fc.nat({ max: 1_000_000_000 }))
const anyTokenList = fc
  .array(anyTokens, { minLength: 1, maxLength: 30 })
  .filter((counts) => counts.some((count) => count > 0))
const anyCap = fc.integer({ min: 0, max: 1_000_000 })
const contributorsOf = (counts: readonly number[]) => counts.map((count, at) => named(`c${at}`, count))
const anyScore = fc.record({
  mean: fc.integer({ min: -1_000_000, max: 1_000_000 }),
  error: fc.nat({ max: 1_000_000 }),
})
const anyScored = fc
  .array(fc.tuple(anyTokens, anyScore), { minLength: 1, maxLength: 20 })
  .filter((list) => list.some(([count]) => count > 0))
  .map((list) => list.map(([count, score], at) => named(`c${at}`, count, score)))
const anyInput = fc.record({
  contributors: fc.oneof(anyTokenList.map(contributorsOf), anyScored),
  tokenWeight: fc.integer({ min: 0, max: 1_000_000 }),
  cap: anyCap,
})

test('shares are whole numbers that sum to exactly 10⁹, whatever the input', () => {
  fc.assert(
    fc.property(anyInput, (input) => {
      const units = unitsOf(input)
      assert.equal(
        units.reduce((all, one) => all + one, 0),
        TOTAL_SHARES,
      )
      assert.ok(units.every((share) => Number.isSafeInteger(share) && share >= 0))
    }),
    { numRuns: 300 },
  )
})

test('without a cap each share is its exact part, rounded down or up, and more weight never gets less', () => {
  fc.assert(
    fc.property(anyTokenList, (counts) => {
      const units = unitsOf(inputOf(contributorsOf(counts)))
      const whole = BigInt(counts.reduce((all, one) => all + one, 0))
      for (const [at, count] of counts.entries()) {
        const down = Number((BigInt(count) * BigInt(TOTAL_SHARES)) / whole)
        assert.ok(units[at] === down || units[at] === down + 1, `${count} got ${units[at]}, not ${down}`)
        if (count === 0) assert.equal(units[at], 0)
        for (const [other, less] of counts.entries()) {
          if (less < count) assert.ok(units[other]! <= units[at], `${less} got more than ${count}`)
        }
      }
    }),
  )
})

test('the order of the list changes nobody’s share', () => {
  fc.assert(
    fc.property(anyInput, fc.infiniteStream(fc.nat()), (input, order) => {
      const shuffled = input.contributors
        .map((one) => ({ one, at: order.next().value as number }))
        .sort((left, right) => left.at - right.at)
        .map(({ one }) => one)
      assert.deepEqual(byName(input), byName({ ...input, contributors: shuffled }))
    }),
  )
})

test('more tokens never mean a smaller share, with any cap', () => {
  fc.assert(
    fc.property(
      anyTokenList,
      fc.nat(),
      fc.integer({ min: 1, max: 1000 }),
      anyCap,
      (counts, which, more, cap) => {
        const at = which % counts.length
        const grown = counts.map((count, place) => (place === at ? count + more : count))
        const before = unitsOf(inputOf(contributorsOf(counts), { cap }))[at]!
        const after = unitsOf(inputOf(contributorsOf(grown), { cap }))[at]!
        // Where somebody starts to earn, a lifted cap falls for everybody.
        if (sharesOf(inputOf(contributorsOf(counts), { cap })).notices.includes('cap-lifted')) return
        assert.ok(after >= before, `${before} became ${after}`)
      },
    ),
    { numRuns: 500 },
  )
})

test('the same tokens under many names earn no more than rounding', () => {
  fc.assert(
    fc.property(
      anyTokenList,
      fc.array(fc.nat({ max: 1000 }), { minLength: 1, maxLength: 10 }),
      (others, parts) => {
        // Duplicates are gone and a cluster's weight is split before shares: the names divide what was there.
        const whole = parts.reduce((all, one) => all + one, 0)
        const rest = contributorsOf(others)
        const alone = unitsOf(inputOf([named('alone', whole), ...rest]))[0]!
        const many = unitsOf(inputOf([...parts.map((part, at) => named(`name ${at}`, part)), ...rest]))
        const together = many.slice(0, parts.length).reduce((all, one) => all + one, 0)
        assert.ok(Math.abs(together - alone) <= parts.length, `${alone} became ${together}`)
      },
    ),
  )
})

test('nobody gets more than the cap, and what was over it goes to the others in proportion', () => {
  const { shares, notices } = sharesOf(
    inputOf([named('big', 900), named('mid', 60), named('small', 40)], { cap: 600_000 }),
  )
  assert.deepEqual(
    shares.map(({ share }) => share),
    [600_000_000, 240_000_000, 160_000_000],
  )
  assert.ok(notices.includes('cap-applied'))
  fc.assert(
    fc.property(anyInput, (input) => {
      const { shares, notices } = sharesOf(input)
      if (notices.includes('cap-lifted')) return
      assert.ok(shares.every(({ share }) => share <= input.cap * 1000))
    }),
    { numRuns: 300 },
  )
})

test('the excess of one can lift the next over the cap too', () => {
  const units = unitsOf(
    inputOf([named('a', 800), named('b', 150), named('c', 30), named('d', 20)], { cap: 350_000 }),
  )
  assert.deepEqual(units, [350_000_000, 350_000_000, 180_000_000, 120_000_000])
})

test('a cap that cannot pay out everything is lifted to equal parts, and a notice says so', () => {
  const { shares, notices } = sharesOf(
    inputOf([named('a', 5), named('b', 90), named('c', 5), named('none', 0)], { cap: 250_000 }),
  )
  const units = shares.map(({ share }) => share)
  assert.deepEqual(
    units.toSorted((one, other) => one - other),
    [0, 333_333_333, 333_333_333, 333_333_334],
  )
  assert.equal(units[3], 0)
  assert.ok(notices.includes('cap-lifted') && !notices.includes('cap-applied'))
})

test('a unit in a tie goes to the receipt whose digest comes first', () => {
  const contributors = [named('a', 1), named('b', 1), named('c', 1)]
  const first = [...contributors].sort((one, other) => (one.tieBreak < other.tieBreak ? -1 : 1))[0]!
  for (const { contributor, share } of sharesOf(inputOf(contributors)).shares) {
    assert.equal(share, contributor === first.contributor ? 333_333_334 : 333_333_333)
  }
})

test('without scores tokens alone count, and the statement says that noise is paid', () => {
  const { shares, notices } = sharesOf(inputOf([named('a', 3), named('b', 1)], { tokenWeight: 0 }))
  assert.deepEqual(
    shares.map(({ share }) => share),
    [750_000_000, 250_000_000],
  )
  assert.deepEqual(notices, ['utility-not-measured', 'noise-is-paid'])
})

test('with scores, α weighs tokens of those who clearly helped beside the utility of all who helped', () => {
  const helped = { mean: 300_000, error: 10_000 }
  const unsure = { mean: 100_000, error: 60_000 }
  const noise = { mean: -5_000, error: 10_000 }
  const { shares, notices } = sharesOf(
    inputOf([named('helped', 100, helped), named('unsure', 100, unsure), named('noise', 10_000, noise)], {
      tokenWeight: 400_000,
    }),
  )
  // u = 3/4, 1/4, 0 and t = 1, 0, 0: 0.6·u + 0.4·t
  assert.deepEqual(
    shares.map(({ share }) => share),
    [850_000_000, 150_000_000, 0],
  )
  assert.deepEqual(notices, [])
})

test('where nobody is clearly above zero, tokens of all count and the statement says so', () => {
  const unsure = { mean: 10, error: 5 }
  assert.equal(lowerBound(unsure), 0)
  assert.equal(upperBound({ mean: -10, error: 4 }), -2)
  const { shares, notices } = sharesOf(
    inputOf([named('a', 1, unsure), named('b', 3, { mean: -9, error: 1 })]),
  )
  assert.deepEqual(
    shares.map(({ share }) => share),
    [250_000_000, 750_000_000],
  )
  assert.deepEqual(notices, ['no-contributor-above-zero', 'noise-is-paid', 'harm-measured'])
})

test('input that cannot be shared out is refused', () => {
  const a = named('a', 1)
  refuses(() => sharesOf(inputOf([])), 'contributors-missing')
  refuses(
    () => sharesOf(inputOf([a, { ...named('b', 1), contributor: a.contributor }])),
    'contributor-duplicate',
  )
  refuses(() => sharesOf(inputOf([a, { ...named('b', 1), tieBreak: a.tieBreak }])), 'tie-break-duplicate')
  refuses(() => sharesOf(inputOf([named('a', 0), named('b', 0)])), 'tokens-missing')
  for (const tokens of [-1, 0.5, Number.NaN]) {
    refuses(() => sharesOf(inputOf([named('a', tokens)])), 'tokens-invalid')
  }
  refuses(() => sharesOf(inputOf([a, named('b', 1, { mean: 1, error: 0 })])), 'scores-mixed')
  refuses(() => sharesOf(inputOf([named('a', 1, { mean: 0.5, error: 0 })])), 'score-invalid')
  refuses(() => sharesOf(inputOf([named('a', 1, { mean: 1, error: -1 })])), 'score-invalid')
  refuses(() => sharesOf(inputOf([a], { cap: 1_000_001 })), 'parameter-invalid')
  refuses(() => sharesOf(inputOf([a], { tokenWeight: -1 })), 'parameter-invalid')
})

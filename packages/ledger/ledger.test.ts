import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  applyEvent,
  assertConserved,
  availableIn,
  EMPTY_LEDGER,
  formatAmount,
  LedgerError,
  MAXIMUM_AMOUNT,
  priceOf,
  splitRevenue,
  trialBalanceOf,
  WHOLE,
  type Ledger,
  type LedgerErrorCode,
  type LedgerEvent,
} from '#ledger'

const refuses = (body: () => unknown, code: LedgerErrorCode) =>
  assert.throws(body, (error) => error instanceof LedgerError && error.code === code)

const run = (events: readonly LedgerEvent[], from: Ledger = EMPTY_LEDGER) => events.reduce(applyEvent, from)

const opened = run([
  { kind: 'open', id: 'world', account: 'external' },
  { kind: 'open', id: 'ann', account: 'buyer' },
  { kind: 'open', id: 'bob', account: 'buyer' },
  { kind: 'open', id: 'revenue', account: 'revenue' },
])
const topUp = (amount: bigint, id = 'top-up'): LedgerEvent => ({
  kind: 'transfer',
  id,
  debit: 'world',
  credit: 'ann',
  amount,
})
const reserve = (amount: bigint, id = 'call'): LedgerEvent => ({
  kind: 'reserve',
  id,
  debit: 'ann',
  credit: 'revenue',
  amount,
})

test('a reservation holds money back and pays nobody; posting pays the real amount and frees the rest', () => {
  const reserved = run([topUp(100n), reserve(60n)], opened)
  assert.equal(availableIn(reserved, 'ann'), 40n)
  assert.equal(availableIn(reserved, 'revenue'), 0n)
  const posted = applyEvent(reserved, { kind: 'post', id: 'call', amount: 25n })
  assert.equal(availableIn(posted, 'ann'), 75n)
  assert.equal(availableIn(posted, 'revenue'), 25n)
  const voided = applyEvent(reserved, { kind: 'void', id: 'call' })
  assert.equal(availableIn(voided, 'ann'), 100n)
  assert.equal(voided.transfers.get('call')?.posted, null)
})

test('what a buyer has reserved cannot be reserved or spent again', () => {
  const reserved = run([topUp(100n), reserve(60n)], opened)
  refuses(() => applyEvent(reserved, reserve(41n, 'second')), 'balance-insufficient')
  refuses(
    () => applyEvent(reserved, { kind: 'transfer', id: 'x', debit: 'ann', credit: 'bob', amount: 41n }),
    'balance-insufficient',
  )
  applyEvent(reserved, reserve(40n, 'second'))
})

test('a transfer is resolved once, within what was reserved, between two known accounts', () => {
  const reserved = run([topUp(100n), reserve(60n)], opened)
  const posted = applyEvent(reserved, { kind: 'post', id: 'call', amount: 0n })
  refuses(() => applyEvent(posted, { kind: 'void', id: 'call' }), 'transfer-not-pending')
  refuses(() => applyEvent(posted, { kind: 'post', id: 'call', amount: 0n }), 'transfer-not-pending')
  refuses(() => applyEvent(reserved, { kind: 'post', id: 'call', amount: 61n }), 'amount-invalid')
  refuses(() => applyEvent(reserved, { kind: 'post', id: 'call', amount: -1n }), 'amount-invalid')
  refuses(() => applyEvent(reserved, { kind: 'post', id: 'other', amount: 1n }), 'transfer-unknown')
  refuses(() => applyEvent(reserved, topUp(1n)), 'transfer-exists')
  refuses(() => applyEvent(opened, topUp(-1n)), 'amount-invalid')
  refuses(() => applyEvent(opened, topUp(MAXIMUM_AMOUNT + 1n)), 'amount-invalid')
  refuses(() => applyEvent(opened, { ...topUp(1n), credit: 'world' } as LedgerEvent), 'account-same')
  refuses(() => applyEvent(opened, { ...topUp(1n), credit: 'nobody' } as LedgerEvent), 'account-unknown')
  refuses(() => applyEvent(opened, { kind: 'open', id: 'ann', account: 'buyer' }), 'account-exists')
})

const anyEvent: fc.Arbitrary<LedgerEvent> = fc.oneof(
  fc.record({
    kind: fc.constantFrom('transfer' as const, 'reserve' as const),
    id: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'),
    debit: fc.constantFrom('world', 'ann', 'bob', 'revenue'),
    credit: fc.constantFrom('world', 'ann', 'bob', 'revenue'),
    amount: fc.bigInt({ min: 0n, max: 100n }),
  }),
  fc.record({
    kind: fc.constant('post' as const),
    id: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'),
    amount: fc.bigInt({ min: 0n, max: 100n }),
  }),
  fc.record({ kind: fc.constant('void' as const), id: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f') }),
)

test('whatever is tried, balances sum to zero, nobody but the world owes, and a refusal changes nothing', () => {
  let refusals = 0
  let accepted = 0
  fc.assert(
    fc.property(fc.array(anyEvent, { maxLength: 30, size: 'max' }), (events) => {
      let ledger = run([topUp(150n)], opened)
      for (const event of events) {
        try {
          ledger = applyEvent(ledger, event)
          accepted += 1
        } catch (error) {
          assert.ok(error instanceof LedgerError)
          refusals += 1
        }
        assert.equal(trialBalanceOf(ledger), 0n)
        const pending = [...ledger.transfers.values()].filter(({ state }) => state === 'pending')
        for (const { id, kind, reserved } of ledger.accounts.values()) {
          if (kind !== 'external') assert.ok(availableIn(ledger, id) >= 0n)
          const held = pending.filter(({ debit }) => debit === id)
          assert.equal(
            reserved,
            held.reduce((all, { amount }) => all + amount, 0n),
          )
        }
      }
    }),
  )
  assert.ok(refusals > 100 && accepted > 100)
})

test('a price is rounded up once over the whole call', () => {
  const price = { promptPerMillion: 300_000n, completionPerMillion: 1_500_000n }
  // 100 × 0.3 + 7 × 1.5 = 40.5
  assert.equal(priceOf({ promptTokens: 100, completionTokens: 7 }, price), 41n)
  assert.equal(priceOf({ promptTokens: 0, completionTokens: 0 }, price), 0n)
  // Two roundings would make 2 of these.
  const half = { promptPerMillion: 500_000n, completionPerMillion: 500_000n }
  assert.equal(priceOf({ promptTokens: 1, completionTokens: 1 }, half), 1n)
  refuses(() => priceOf({ promptTokens: -1, completionTokens: 0 }, price), 'price-invalid')
  refuses(() => priceOf({ promptTokens: 0.5, completionTokens: 0 }, price), 'price-invalid')
  refuses(
    () => priceOf({ promptTokens: 1, completionTokens: 0 }, { ...price, promptPerMillion: -1n }),
    'price-invalid',
  )
  const dear = { ...price, promptPerMillion: MAXIMUM_AMOUNT }
  refuses(() => priceOf({ promptTokens: 2_000_000, completionTokens: 0 }, dear), 'amount-invalid')
})

test('a split pays every part rounded down and carries the rest', () => {
  const shares = [
    { payee: 'ann', share: 333_333_334n },
    { payee: 'bob', share: 333_333_333n },
    { payee: 'eve', share: 333_333_333n },
  ]
  const split = splitRevenue(1_000_001n, { contributors: 7000, operator: 3000 }, shares)
  assert.deepEqual(
    split.payees.map(({ amount }) => amount),
    [233_333n, 233_333n, 233_333n],
  )
  assert.equal(split.contributors, 699_999n)
  assert.equal(split.operator, 300_000n)
  assert.equal(split.remainder, 2n)
})

test('the bare base earns for the operator alone', () => {
  assert.deepEqual(splitRevenue(99n, { contributors: 7000, operator: 3000 }, null), {
    payees: [],
    contributors: 0n,
    operator: 99n,
    remainder: 0n,
  })
})

test('a split that does not sum, shares that do not sum and a payee named twice are refused', () => {
  const whole = [{ payee: 'ann', share: WHOLE }]
  refuses(() => splitRevenue(1n, { contributors: 7000, operator: 2999 }, whole), 'split-invalid')
  refuses(() => splitRevenue(1n, { contributors: 10_001, operator: -1 }, whole), 'split-invalid')
  const split = { contributors: 7000, operator: 3000 }
  refuses(() => splitRevenue(1n, split, []), 'split-invalid')
  refuses(() => splitRevenue(1n, split, [{ payee: 'ann', share: WHOLE - 1n }]), 'split-invalid')
  const half = { payee: 'ann', share: WHOLE / 2n }
  refuses(() => splitRevenue(1n, split, [half, half]), 'split-invalid')
  const below = [
    { payee: 'ann', share: WHOLE + 1n },
    { payee: 'bob', share: -1n },
  ]
  refuses(() => splitRevenue(1n, split, below), 'split-invalid')
  refuses(() => splitRevenue(-1n, split, whole), 'amount-invalid')
})

test('for any revenue, split and shares, nothing is lost and the remainder stays below one unit a payee', () => {
  const anyShares = fc.uniqueArray(fc.bigInt({ min: 1n, max: WHOLE - 1n }), { maxLength: 20 }).map((cuts) => {
    const edges = [0n, ...cuts.sort((one, other) => (one < other ? -1 : 1)), WHOLE]
    return edges.slice(1).map((edge, at) => ({ payee: `payee-${at}`, share: edge - edges[at]! }))
  })
  fc.assert(
    fc.property(
      fc.bigInt({ min: 0n, max: MAXIMUM_AMOUNT }),
      fc.integer({ min: 0, max: 10_000 }),
      anyShares,
      (revenue, contributors, shares) => {
        const split = splitRevenue(revenue, { contributors, operator: 10_000 - contributors }, shares)
        assertConserved({ ...split, revenue, carryIn: 5n, fees: 0n, carryOut: 5n + split.remainder })
        assert.ok(split.remainder >= 0n && split.remainder <= BigInt(shares.length) + 1n)
      },
    ),
  )
})

test('totals that do not add up, or that are below zero, are not conserved', () => {
  const totals = { revenue: 10n, carryIn: 1n, contributors: 6n, operator: 3n, fees: 0n, carryOut: 2n }
  assertConserved(totals)
  refuses(() => assertConserved({ ...totals, carryOut: 1n }), 'not-conserved')
  refuses(() => assertConserved({ ...totals, carryOut: -1n, operator: 6n }), 'not-conserved')
})

test('an amount is written with exactly its places', () => {
  assert.equal(formatAmount(1_234_567n, 6), '1.234567')
  assert.equal(formatAmount(5n, 6), '0.000005')
  assert.equal(formatAmount(0n, 2), '0.00')
  assert.equal(formatAmount(42n, 0), '42')
  refuses(() => formatAmount(-1n, 2), 'amount-invalid')
  refuses(() => formatAmount(1n, 19), 'amount-invalid')
})

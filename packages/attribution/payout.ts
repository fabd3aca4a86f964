/**
 * From a closed period to what everybody is owed (spec/payout.md): the payout statement and what the ledger moves.
 *
 * The tree holds what every payee has ever been owed, so that one newest leaf is enough to claim all of it.
 */
import { assertConserved, splitRevenue, type RevenueSplit, type Split } from '#ledger'
import {
  destinationOf,
  formatTime,
  payoutLeafDigest,
  type Payee,
  type Payout,
  type PayoutLeaf,
  type UsageClose,
} from '#statements'
import { AttributionError } from './errors.ts'
import { proveLeaves, type LeafSecrets, type ProvenLeaf } from './statement.ts'

/** An attribution statement's digest, and its shares as its own leaves state them. */
export interface StatedShares {
  readonly digest: string
  readonly shares: readonly { readonly contributor: string; readonly share: number }[]
}

export interface PayoutInput {
  readonly close: { readonly digest: string; readonly predicate: UsageClose }
  readonly split: Split
  /** The operator's public key: its share is a line like any other. */
  readonly operator: string
  /** By model digest; every trained model of the close must be there. */
  readonly attributions: ReadonlyMap<string, StatedShares>
  readonly previous: {
    readonly digest: string
    readonly carryOut: bigint
    readonly leaves: readonly Pick<PayoutLeaf, 'payee' | 'cumulative'>[]
  } | null
  /** Where each contributor's newest logged offer sends its money; the operator is not among them. */
  readonly payees: ReadonlyMap<string, Payee>
  readonly statedAt: Date
}

export interface PayoutParts {
  readonly predicate: Payout
  readonly leaves: readonly ProvenLeaf<PayoutLeaf>[]
  /** What the ledger moves from revenue to each payee in this period; amounts of zero are left out. */
  readonly owed: readonly { readonly payee: string; readonly amount: bigint }[]
  /** What the ledger moves from revenue to the carry. */
  readonly carried: bigint
}

/** Throws {@link AttributionError} `attribution-missing`, or `LedgerError` where the numbers do not fit. */
export function payoutParts(input: PayoutInput, secrets: LeafSecrets): PayoutParts {
  const { close, previous, split } = input
  const models = close.predicate.models.map((usage) => splitOfModel(usage, input))
  const totals = totalsOf(models, previous?.carryOut ?? 0n)
  assertConserved(totals)

  const period = owedInPeriod(models, input.operator)
  const leaves = leavesOf(period, input, secrets)
  const { tree, proven } = proveLeaves(leaves, (leaf) => BigInt(leaf.cumulative), payoutLeafDigest, secrets)
  const { pool, policy, currency } = close.predicate
  const predicate: Payout = {
    pool,
    policy,
    usageClose: close.digest,
    previous: previous?.digest ?? null,
    statedAt: formatTime(input.statedAt),
    currency,
    split: { contributors: split.contributors, operator: split.operator },
    models: models.map(({ model, attribution, revenue, parts }) => ({
      model,
      attribution,
      revenue: String(revenue),
      contributors: String(parts.contributors),
      operator: String(parts.operator),
      remainder: String(parts.remainder),
    })),
    revenue: String(totals.revenue),
    carryIn: String(totals.carryIn),
    paid: { contributors: String(totals.contributors), operator: String(totals.operator) },
    fees: '0',
    carryOut: String(totals.carryOut),
    cumulative: tree,
  }
  const owed = [...period].map(([payee, amount]) => ({ payee, amount })).filter(({ amount }) => amount > 0n)
  return { predicate, leaves: proven, owed, carried: totals.carryOut - totals.carryIn }
}

interface ModelSplit {
  readonly model: string
  readonly attribution: string | null
  readonly revenue: bigint
  readonly parts: RevenueSplit
}

function splitOfModel(usage: UsageClose['models'][number], input: PayoutInput): ModelSplit {
  const { model, serves } = usage
  const revenue = BigInt(usage.amount)
  if (serves === 'base') {
    return { model, attribution: null, revenue, parts: splitRevenue(revenue, input.split, null) }
  }
  const stated = input.attributions.get(model)
  if (stated === undefined) {
    throw new AttributionError('attribution-missing', `no attribution statement for model ${model}`)
  }
  const shares = stated.shares.map(({ contributor, share }) => ({ payee: contributor, share: BigInt(share) }))
  return { model, attribution: stated.digest, revenue, parts: splitRevenue(revenue, input.split, shares) }
}

function totalsOf(models: readonly ModelSplit[], carryIn: bigint) {
  const total = (of: (model: ModelSplit) => bigint) => models.reduce((all, one) => all + of(one), 0n)
  return {
    revenue: total(({ revenue }) => revenue),
    carryIn,
    contributors: total(({ parts }) => parts.contributors),
    operator: total(({ parts }) => parts.operator),
    fees: 0n,
    carryOut: carryIn + total(({ parts }) => parts.remainder),
  }
}

function owedInPeriod(models: readonly ModelSplit[], operator: string): ReadonlyMap<string, bigint> {
  const owed = new Map<string, bigint>([[operator, 0n]])
  const add = (payee: string, amount: bigint) => void owed.set(payee, (owed.get(payee) ?? 0n) + amount)
  for (const { parts } of models) {
    add(operator, parts.operator)
    for (const { payee, amount } of parts.payees) add(payee, amount)
  }
  return owed
}

// A payee of an earlier period keeps its leaf, whether or not this one adds to it.
function leavesOf(
  period: ReadonlyMap<string, bigint>,
  { previous, payees }: Pick<PayoutInput, 'previous' | 'payees'>,
  { salt: newSalt }: Pick<LeafSecrets, 'salt'>,
): readonly PayoutLeaf[] {
  const before = new Map((previous?.leaves ?? []).map(({ payee, cumulative }) => [payee, BigInt(cumulative)]))
  return [...new Set([...before.keys(), ...period.keys()])].sort().map((payee) => {
    const added = period.get(payee) ?? 0n
    const salt = newSalt(payee)
    const goesTo = payees.get(payee)
    return {
      format: 'fairweight/payout-leaf/v1',
      payee,
      amount: String(added),
      cumulative: String((before.get(payee) ?? 0n) + added),
      destination: goesTo === undefined ? null : destinationOf(goesTo, salt),
      salt,
    }
  })
}

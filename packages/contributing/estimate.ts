/**
 * What a contribution may earn, and what the pool still lacks, said before anybody agrees: an estimate with its basis,
 * and never a promise.
 */
import { openStatement, payout, usageClose, type Policy, type PublicStatement } from '#statements'
import { expectedShare, type PoolTotals, type TokenRange } from './tokens.ts'

/** What contributors were owed together in the last period that was paid out. */
export interface Earned {
  readonly period: number
  readonly from: string
  readonly closedAt: string
  readonly contributors: bigint
}

/** Undefined before the first payout. The record that holds these statements has been verified by the caller. */
export async function lastEarned(statements: readonly PublicStatement[]): Promise<Earned | undefined> {
  const closes = new Map<string, { period: number; from: string; closedAt: string }>()
  for (const { envelope } of statements.filter(({ kind }) => kind === 'usage-close')) {
    const { digest, predicate } = await openStatement(usageClose, envelope)
    closes.set(digest, predicate)
  }
  let last: Earned | undefined
  for (const { envelope } of statements.filter(({ kind }) => kind === 'payout')) {
    const { predicate } = await openStatement(payout, envelope)
    const close = closes.get(predicate.usageClose)
    if (close === undefined || (last !== undefined && close.period < last.period)) continue
    const { period, from, closedAt } = close
    last = { period, from, closedAt, contributors: BigInt(predicate.paid.contributors) }
  }
  return last
}

export interface EstimateFacts {
  readonly own: TokenRange
  /** As the node says now; no statement signs it. */
  readonly pool: PoolTotals
  readonly policy: Pick<Policy, 'split' | 'currency' | 'attribution' | 'prices'>
  readonly earned: Earned | undefined
}

/** Sentences: the share by tokens, what that was worth lately, and what it rests on. */
export function describeEstimate({ own, pool, policy, earned }: EstimateFacts): readonly string[] {
  const share = expectedShare(own, pool)
  const part =
    pool.canonicalTokens === 0
      ? 'all, because nobody else has contributed yet,'
      : `roughly ${percent(share.low)} to ${percent(share.high)} %`
  return [
    `Estimate by tokens alone, and no promise: ${part} of the ${percent(policy.split.contributors * 100)} % of ` +
      'revenue that contributors share.',
    worthOf(share, policy, earned),
    basisOf(policy.attribution),
    'Duplicates do not count, later contributors lower it, and the pool’s own attribution decides.',
  ]
}

function worthOf(
  share: TokenRange,
  { currency, prices }: EstimateFacts['policy'],
  earned: Earned | undefined,
): string {
  const money = (amount: bigint) => `${decimal(amount, currency.scale)} ${currency.asset}`
  if (earned === undefined) {
    const price = prices.find(({ serves }) => serves === 'trained')
    const what =
      price === undefined
        ? ''
        : ` Buyers pay ${money(BigInt(price.promptPerMillion))} for a million tokens asked, ${money(BigInt(price.completionPerMillion))} for a million answered.`
    return `Nothing has been paid out yet, so nobody can say what a share is worth.${what}`
  }
  const of = (parts: number) => (earned.contributors * BigInt(parts)) / 1_000_000n
  return (
    `In the last period paid out (${earned.from} to ${earned.closedAt}) contributors got ${money(earned.contributors)} ` +
    `together: such a share of it is ${money(of(share.low))} to ${money(of(share.high))}. The next may be more or less.`
  )
}

function basisOf({ method, tokenWeight, cap }: Policy['attribution']): string {
  const capped = cap < 1_000_000 ? ` Nobody gets more than ${percent(cap)} %, unless too few earn.` : ''
  if (method === 'tokens') return `Tokens are what this pool pays by.${capped}`
  return (
    `This pool pays by what data does for the model (${method}); tokens count for ${percent(tokenWeight)} %. ` +
    `Data that teaches it nothing may earn nothing.${capped}`
  )
}

export interface Missing {
  readonly contributors: number
  readonly canonicalTokens: number
}

/** What the policy asks for before a run, less what the pool has: more may be missing once duplicates are taken out. */
export function missingOf(
  {
    minimumContributors,
    minimumCanonicalTokens,
  }: Pick<Policy, 'minimumContributors' | 'minimumCanonicalTokens'>,
  pool: PoolTotals,
): Missing {
  return {
    contributors: Math.max(0, minimumContributors - pool.contributors),
    canonicalTokens: Math.max(0, minimumCanonicalTokens - pool.canonicalTokens),
  }
}

export function describeMissing({ contributors, canonicalTokens }: Missing): string {
  const people =
    contributors === 0 ? [] : [contributors === 1 ? '1 contributor' : `${contributors} contributors`]
  const tokens = canonicalTokens === 0 ? [] : [`${canonicalTokens} canonical tokens`]
  const lacking = [...people, ...tokens]
  if (lacking.length === 0)
    return 'The pool has as many contributors and tokens as its policy asks for before training, duplicates included.'
  return `Before this pool trains, its policy asks for more. Missing without this contribution: ${lacking.join(', ')} (duplicates included).`
}

function percent(partsPerMillion: number): string {
  const value = partsPerMillion / 10_000
  return value >= 10 || value === 0 ? String(Math.round(value)) : value.toPrecision(2).replace(/\.0$/, '')
}

function decimal(amount: bigint, scale: number): string {
  const digits = String(amount).padStart(scale + 1, '0')
  return scale === 0 ? digits : `${digits.slice(0, -scale)}.${digits.slice(-scale)}`
}

/** A contributor's payout leaves: in the tree that was signed, and what the distribution rule makes of the share. */
import { destinationOf, payeeInForce, TOTAL_SHARES, type Payout, type PayoutLeaf } from '#statements'
import { proofProblem, type OpenedContribution, type OpenedSumLeaf } from './contributions.ts'
import type { CheckRun, Findings } from './findings.ts'
import type { Logged } from './open.ts'
import { payeeLinksOf } from './payee-changes.ts'
import type { Pool } from './pool.ts'

export function checkLeaves(pool: Pool, findings: Findings): void {
  const check = findings.check('c6.leaf', 'each given payout leaf with the root and with the share it pays')
  for (const one of pool.contributions) {
    for (const leaf of one.payouts) checkLeaf(pool, one, leaf, check)
  }
}

function checkLeaf(
  pool: Pool,
  one: OpenedContribution,
  given: OpenedSumLeaf<PayoutLeaf>,
  check: CheckRun,
): void {
  const { name, statement, leaf } = given
  const index = pool.opened.payouts.findIndex(({ digest }) => digest === statement)
  const payout = pool.opened.payouts[index]
  if (payout === undefined) {
    check.fail(`${name} names the payout ${statement}, which is not published`)
    return
  }
  if (leaf.payee !== one.contributor) {
    check.fail(`${name} pays ${leaf.payee}, and the offer is by ${one.contributor}`)
    return
  }
  const problem = proofProblem(given, payout.predicate.cumulative)
  if (problem !== undefined) {
    check.fail(`${name} does not lead to the root of ${payout.name}: ${problem}`)
    return
  }
  const due = amountDue(pool, one.contributor, payout)
  const before = cumulativeBefore(pool, one.contributor, index)
  if (due !== undefined && BigInt(leaf.amount) !== due) {
    check.fail(`${name} pays ${leaf.amount} of ${payout.name}; the share makes ${due}`)
  } else if (before !== undefined && BigInt(leaf.cumulative) !== before + BigInt(leaf.amount)) {
    check.fail(`${name} comes to ${leaf.cumulative}; before it stood ${before}, and ${leaf.amount} was added`)
  } else {
    const wanted = destinations(pool, one.contributor, payout, leaf)
    check.demand(
      wanted.includes(leaf.destination),
      () => `${name} goes somewhere else than the given changes and offers of ${one.contributor} say`,
    )
  }
}

/**
 * From the first payee change in force on, the newest one alone says where. Before it the newest offer counts, which
 * may not be among the given ones: any of them will do.
 */
function destinations(
  pool: Pool,
  contributor: string,
  { predicate }: Logged<Payout>,
  { salt }: PayoutLeaf,
): readonly (string | null)[] {
  const { contributions, line, at, opened } = pool
  const period = opened.closes.find(({ digest }) => digest === predicate.usageClose)?.predicate.period
  const changed =
    period === undefined
      ? undefined
      : payeeInForce(payeeLinksOf(pool, contributor), { period, statedAt: predicate.statedAt })
  if (changed !== undefined) return [destinationOf(changed, salt)]
  const operator = line.inForceAt(at)?.predicate.operator.publicKey
  const given = contributions
    .filter((one) => one.contributor === contributor)
    .map((one) => destinationOf(one.offer.predicate.payee, salt))
  return operator === contributor ? [...given, null] : given
}

/** Undefined where a share that it needs was not given, or the operator is paid on the same line. */
function amountDue(pool: Pool, contributor: string, { predicate }: Logged<Payout>): bigint | undefined {
  const policy = pool.line.byDigest(predicate.policy)?.predicate
  if (policy === undefined || policy.operator.publicKey === contributor) return undefined
  let due = 0n
  for (const { attribution, revenue } of predicate.models) {
    if (attribution === null) continue
    const share = shareOf(pool, contributor, attribution)
    if (share === undefined) return undefined
    const part = (BigInt(revenue) * BigInt(policy.split.contributors)) / 10_000n
    due += (part * BigInt(share)) / BigInt(TOTAL_SHARES)
  }
  return due
}

/** Of a leaf that leads to the attribution's root; one that does not is C3's failure. */
function shareOf({ contributions, opened }: Pool, contributor: string, by: string): number | undefined {
  const root = opened.attributions.find(({ digest }) => digest === by)?.predicate.tree
  return contributions
    .flatMap((one) => one.shares)
    .filter(({ statement, leaf }) => statement === by && leaf.contributor === contributor)
    .find((share) => root !== undefined && proofProblem(share, root) === undefined)?.leaf.share
}

/** Zero before the first payout; undefined where the leaf of the one before was not given. */
function cumulativeBefore(
  { opened, contributions }: Pool,
  contributor: string,
  index: number,
): bigint | undefined {
  if (index === 0) return 0n
  const before = opened.payouts[index - 1]?.digest
  const leaf = contributions
    .filter((one) => one.contributor === contributor)
    .flatMap((one) => one.payouts)
    .find(({ statement }) => statement === before)?.leaf
  return leaf === undefined ? undefined : BigInt(leaf.cumulative)
}

/**
 * C6: payouts + fees + carry = revenue, to the last unit.
 *
 * Each model's revenue is split by the policy; the contributors' part by their shares, each rounded down; what
 * rounding leaves goes into the carry. Without the leaves of all payees the parts can be bounded, not recomputed.
 */
import { Findings } from './findings.ts'
import type { Logged } from './open.ts'
import { checkDisputes } from './disputes.ts'
import { checkPayeeChanges } from './payee-changes.ts'
import { checkLeaves } from './payout-leaves.ts'
import type { Dated } from './policies.ts'
import { plural, type Draft, type Pool } from './pool.ts'
import type { Attribution, Payout, Policy, UsageClose } from '#statements'

/** The kinds of statements that C6 rests on. */
const RESTS_ON = [
  'usage-close',
  'attribution',
  'payout',
  'payee-receipt',
  'dispute-receipt',
  'dispute-answer',
]

/** `cosigned` says what witnesses have dated: a dispute came no later than the first checkpoint that covers it. */
export function c6(pool: Pool, cosigned: readonly Dated[]): Draft {
  const findings = new Findings()
  checkOrder(pool, findings)
  checkRevenue(pool, findings)
  checkSplit(pool, findings)
  checkConservation(pool, findings)
  checkCarry(pool, findings)
  checkCumulative(pool, findings)
  checkLeaves(pool, findings)
  checkPayeeChanges(pool, findings)
  checkDisputes(pool, cosigned, findings)
  const { payouts } = pool.opened
  const revenue = payouts.reduce((sum, one) => sum + BigInt(one.predicate.revenue), 0n)
  const summary =
    payouts.length === 0
      ? 'nothing has been paid out yet'
      : `${plural(payouts.length, 'payout')} of ${revenue} units of revenue balance against usage, split, fees and carry`
  return { findings, summary, restsOn: RESTS_ON }
}

/** Closes are paid in their order, each once; the newest may still be waiting. */
function checkOrder({ opened }: Pool, findings: Findings): void {
  const check = findings.check('c6.close-paid-once', 'each payout with the usage close it pays, in order')
  const { closes, payouts } = opened
  for (const [index, { name, predicate }] of payouts.entries()) {
    const close = closes[index]
    const before = payouts[index - 1]
    if (close?.digest !== predicate.usageClose) {
      const paid = payouts.findIndex((one) => one.predicate.usageClose === predicate.usageClose)
      const other = paid < index ? `, which ${payouts[paid]?.name} has paid` : ''
      check.fail(
        `${name} pays the usage close ${predicate.usageClose}${other}; next is ${close?.name ?? 'none'}`,
      )
    } else if (predicate.previous !== (before?.digest ?? null)) {
      check.fail(
        `${name} names ${predicate.previous} as the payout before, which is ${before?.digest ?? null}`,
      )
    } else check.pass()
  }
  for (const close of closes.slice(payouts.length)) check.pending(`${close.name} has not been paid out yet`)
}

function checkRevenue({ opened }: Pool, findings: Findings): void {
  const check = findings.check('c6.revenue-of-close', 'each payout’s revenue by model with its usage close')
  for (const { name, predicate } of opened.payouts) {
    const close = closeOf(predicate, opened.closes)
    if (close === undefined) continue
    const problem = revenueProblem(predicate, close.predicate)
    check.demand(problem === undefined, () => `${name} ${problem} (${close.name})`)
  }
}

function revenueProblem(payout: Payout, close: UsageClose): string | undefined {
  const models = new Map<string, { amount: bigint; serves: string }>()
  for (const { model, serves, amount } of close.models) {
    if (models.has(model)) return `pays a close that counts the model ${model} twice`
    models.set(model, { amount: BigInt(amount), serves })
  }
  for (const { model, revenue, attribution } of payout.models) {
    const used = models.get(model)
    if (used === undefined)
      return `splits revenue of the model ${model}, which was not called or stands twice`
    if (used.amount !== BigInt(revenue))
      return `splits ${revenue} of the model ${model}; its calls cost ${used.amount}`
    if ((attribution !== null) !== (used.serves === 'trained')) {
      return `splits the ${used.serves} model ${model} ${attribution === null ? 'without' : 'by'} an attribution`
    }
    models.delete(model)
  }
  for (const [model, { amount }] of models) {
    if (amount > 0n) return `leaves out the model ${model}, whose calls cost ${amount}`
  }
  if (payout.revenue !== close.tree.sum)
    return `has the revenue ${payout.revenue}; the usage sums to ${close.tree.sum}`
  const { asset, scale } = payout.currency
  return asset === close.currency.asset && scale === close.currency.scale
    ? undefined
    : `is in another currency`
}

function checkSplit({ opened, line }: Pool, findings: Findings): void {
  const check = findings.check('c6.split', 'each model’s parts with the policy’s split and rounding')
  for (const { name, predicate } of opened.payouts) {
    const policy = line.byDigest(predicate.policy)?.predicate
    const close = closeOf(predicate, opened.closes)
    if (policy === undefined || close === undefined) continue
    if (close.predicate.policy !== predicate.policy) {
      check.fail(
        `${name} splits by the policy ${predicate.policy}; its usage close is under ${close.predicate.policy}`,
      )
      continue
    }
    const { contributors, operator } = policy.split
    if (predicate.split.contributors !== contributors || predicate.split.operator !== operator) {
      check.fail(
        `${name} splits ${predicate.split.contributors} to ${predicate.split.operator}; the policy says ${contributors} to ${operator}`,
      )
      continue
    }
    for (const model of predicate.models) {
      const problem = splitProblem(model, policy, opened.attributions)
      check.demand(problem === undefined, () => `${name}, model ${model.model}: ${problem}`)
    }
  }
}

function splitProblem(
  { model, attribution: by, ...text }: Payout['models'][number],
  { split }: Policy,
  attributions: readonly Logged<Attribution>[],
): string | undefined {
  const revenue = BigInt(text.revenue)
  const contributors = BigInt(text.contributors)
  const operator = BigInt(text.operator)
  const remainder = BigInt(text.remainder)
  if (by === null) {
    return operator === revenue
      ? undefined
      : `the base model’s revenue is the operator’s, who gets ${operator} of ${revenue}`
  }
  const attribution = attributions.find(({ digest }) => digest === by)
  if (attribution === undefined) return `it is split by the attribution ${by}, which is not published`
  if (attribution.predicate.model !== model)
    return `it is split by ${attribution.name}, which is of another model`
  const operatorPart = (revenue * BigInt(split.operator)) / 10_000n
  if (operator !== operatorPart) return `the operator gets ${operator}; the split makes ${operatorPart}`
  const most = (revenue * BigInt(split.contributors)) / 10_000n
  if (contributors > most) return `contributors get ${contributors}; the split makes ${most} at most`
  // Each payee loses less than one unit to rounding, and the two parts together less than two.
  const payees = BigInt(attribution.predicate.contributors)
  return remainder < payees + 1n
    ? undefined
    : `rounding leaves ${remainder}; with ${payees} payees it can leave ${payees} at most`
}

function checkConservation({ opened }: Pool, findings: Findings): void {
  const check = findings.check(
    'c6.conservation',
    'each payout’s revenue and carry with what was paid and kept',
  )
  for (const { name, predicate } of opened.payouts) {
    const { models, paid, fees } = predicate
    const owed = (part: 'contributors' | 'operator') =>
      models.reduce((sum, one) => sum + BigInt(one[part]), 0n)
    const comes = BigInt(predicate.revenue) + BigInt(predicate.carryIn)
    const goes = paidBy(predicate) + BigInt(fees) + BigInt(predicate.carryOut)
    if (comes !== goes) {
      check.fail(`${name}: revenue and carry are ${comes}; payouts, fees and carry are ${goes}`)
    } else if (fees !== '0') check.fail(`${name} keeps fees of ${fees}, which no policy names`)
    else if (owed('contributors') !== BigInt(paid.contributors)) {
      check.fail(`${name}: contributors are owed ${owed('contributors')} and paid ${paid.contributors}`)
    } else if (owed('operator') !== BigInt(paid.operator)) {
      check.fail(`${name}: the operator is owed ${owed('operator')} and paid ${paid.operator}`)
    } else check.pass()
  }
}

function checkCarry({ opened }: Pool, findings: Findings): void {
  const check = findings.check('c6.carry', 'each payout’s carry with what the payout before left')
  for (const [index, { name, predicate }] of opened.payouts.entries()) {
    const left = opened.payouts[index - 1]?.predicate.carryOut ?? '0'
    check.demand(
      predicate.carryIn === left,
      () => `${name} begins with a carry of ${predicate.carryIn}; before it ${left} was left`,
    )
  }
}

function checkCumulative({ opened }: Pool, findings: Findings): void {
  const check = findings.check(
    'c6.cumulative',
    'each payout’s cumulative sum with the one before and what was paid',
  )
  for (const [index, { name, predicate }] of opened.payouts.entries()) {
    const before = BigInt(opened.payouts[index - 1]?.predicate.cumulative.sum ?? '0')
    const expected = before + paidBy(predicate)
    check.demand(
      BigInt(predicate.cumulative.sum) === expected,
      () =>
        `${name} has the cumulative sum ${predicate.cumulative.sum}; ${before} and what was paid make ${expected}`,
    )
  }
}

function paidBy({ paid }: Payout): bigint {
  return BigInt(paid.contributors) + BigInt(paid.operator)
}

function closeOf(
  { usageClose }: Payout,
  closes: readonly Logged<UsageClose>[],
): Logged<UsageClose> | undefined {
  return closes.find(({ digest }) => digest === usageClose)
}

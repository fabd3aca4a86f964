/**
 * C5: usage counters have no gap, and every receipt that a buyer holds is inside a closed period, or its
 * period is still open and says until when.
 *
 * Calls are numbered per node and term. Leaves of a close are public, so that anyone can recompute its root
 * and a buyer can find a call without asking.
 */
import { decodeHex, encodeHex } from '#bytes'
import { orderedSumRoot } from '#merkle'
import { keysetDigest, keysInRole, usageLeafDigest, type UsageClose, type UsageLeaf } from '#statements'
import { checkCalls, type ClosedCall } from './calls.ts'
import { Findings, messageOf, type CheckRun } from './findings.ts'
import type { Logged } from './open.ts'
import { plural, type Draft, type Pool } from './pool.ts'
import { checkMarks } from './marks.ts'
import { formatSeconds, secondsOf } from './times.ts'

export async function c5(pool: Pool): Promise<Draft> {
  const findings = new Findings()
  checkKeysets(pool, findings)
  checkChain(pool, findings)
  checkSequences(pool, findings)
  checkTerms(pool, findings)
  checkCounted(pool, findings)
  const closed = checkLeaves(pool, findings)
  checkOpenPeriod(pool, findings)
  await checkCalls(pool, closed, findings)
  await checkMarks(pool, findings)
  const { closes } = pool.opened
  const calls = closes.reduce((sum, one) => sum + one.predicate.calls, 0)
  const summary =
    closes.length === 0
      ? 'no usage period has been closed yet'
      : `${plural(calls, 'call')} in ${plural(closes.length, 'closed period')} numbered without a gap, ${plural(pool.calls.length, 'given receipt')} among them or still open`
  return { findings, summary, restsOn: ['usage-close'] }
}

/** Two keysets in one term could count the same numbers twice. */
function checkKeysets({ keysets }: Pool, findings: Findings): void {
  const check = findings.check('c5.one-keyset-per-term', 'each node’s term with the one keyset it may have')
  const seen = new Map<string, { digest: string; name: string }>()
  for (const { keyset, name } of keysets) {
    const place = `${keyset.node} term ${keyset.term}`
    const digest = keysetDigest(keyset)
    const first = seen.get(place)
    check.demand(
      first === undefined || first.digest === digest,
      () => `${name} shows a second keyset for ${place}, beside ${first?.name}`,
    )
    if (first === undefined) seen.set(place, { digest, name })
  }
}

function checkChain({ opened, line }: Pool, findings: Findings): void {
  const check = findings.check('c5.chain', 'each usage close with the close before it')
  for (const [index, { name, predicate }] of opened.closes.entries()) {
    const before = opened.closes[index - 1]
    const currency = line.byDigest(predicate.policy)?.predicate.currency
    const from = before === undefined ? predicate.from : before.predicate.closedAt
    if (predicate.period !== index + 1) {
      check.fail(`${name} closes period ${predicate.period}; the next one is ${index + 1}`)
    } else if (predicate.previous !== (before?.digest ?? null)) {
      check.fail(
        `${name} names ${predicate.previous} as the close before, which is ${before?.digest ?? null}`,
      )
    } else if (before !== undefined && predicate.from !== from) {
      // The policy of its first moment splits a period: it begins where the one before ended, and nowhere else.
      check.fail(`${name} begins at ${predicate.from}; the period before ended at ${from}`)
    } else if (!(secondsOf(from) <= secondsOf(predicate.closedAt))) {
      check.fail(`${name} was closed at ${predicate.closedAt}, before ${from}`)
    } else if (
      currency !== undefined &&
      (currency.asset !== predicate.currency.asset || currency.scale !== predicate.currency.scale)
    ) {
      check.fail(`${name} counts ${predicate.currency.asset}; the policy says ${currency.asset}`)
    } else check.pass()
  }
}

function checkSequences({ opened }: Pool, findings: Findings): void {
  const check = findings.check('c5.sequence-gap-free', 'each range of sequences with the range before it')
  const reached = new Map<string, { last: number; final: boolean }>()
  for (const { name, predicate } of opened.closes) {
    for (const { node, term, first, last, final } of predicate.ranges) {
      const place = `${node} term ${term}`
      const before = reached.get(place) ?? { last: 0, final: false }
      if (before.final) check.fail(`${name} goes on with ${place}, which was final before`)
      else if (first !== before.last + 1) {
        check.fail(`${name} begins ${place} at ${first}; the sequence before ended at ${before.last}`)
      } else check.pass()
      reached.set(place, { last: Math.max(last, before.last), final: before.final || final })
    }
  }
}

/** A serving node that no close names would hide its whole revenue: an empty range says that there was none. */
function checkCounted({ keysets, opened }: Pool, findings: Findings): void {
  const check = findings.check(
    'c5.term-counted',
    'each serving term in evidence with the ranges of each close',
  )
  const final = new Set<string>()
  for (const { name, leafIndex, predicate } of opened.closes) {
    const ranges = new Map(predicate.ranges.map((one) => [`${one.node} term ${one.term}`, one]))
    const serving = new Set(
      keysets
        .filter((one) => one.leafIndex < leafIndex && one.takenAt < secondsOf(predicate.closedAt))
        .filter(({ keyset }) => keysInRole(keyset, 'serve').length > 0)
        .map(({ keyset }) => `${keyset.node} term ${keyset.term}`),
    )
    for (const place of serving) {
      if (final.has(place)) continue
      check.demand(ranges.has(place), () => `${name} has no range for ${place}, which was serving`)
    }
    for (const [place, range] of ranges) if (range.final) final.add(place)
  }
}

/** A dead term is closed by its successor, before or together with the successor's own calls. */
function checkTerms({ keysets, opened }: Pool, findings: Findings): void {
  const check = findings.check('c5.term-closed', 'each ended term with the close that says it is final')
  const serving = keysets.filter(({ keyset }) => keysInRole(keyset, 'serve').length > 0)
  const ranges = opened.closes.flatMap(({ predicate }) => predicate.ranges)
  const places = new Map(
    [...serving.map(({ keyset }) => keyset), ...ranges].map(({ node, term }) => [
      `${node} ${term}`,
      { node, term },
    ]),
  )
  for (const { node, term } of places.values()) {
    const ended = [...places.values()].some((one) => one.node === node && one.term > term)
    if (!ended) continue
    const later = ranges.find((one) => one.node === node && one.term > term)
    if (ranges.some((one) => one.node === node && one.term === term && one.final)) check.pass()
    else if (later !== undefined) {
      check.fail(`${node} term ${term} has no final close, and term ${later.term} has been closed already`)
    } else check.pending(`${node} term ${term} has ended and awaits its final close`)
  }
}

/** Returns every closed call by its place, from the leaves that were published. */
function checkLeaves({ opened, record }: Pool, findings: Findings): ReadonlyMap<string, ClosedCall> {
  const check = findings.check('c5.leaves-root', 'each close’s root with the root over its published leaves')
  const resummed = findings.check(
    'c5.models-resum',
    'calls and amount of each model with its published leaves',
  )
  const closed = new Map<string, ClosedCall>()
  for (const close of opened.closes) {
    const leaves = record.usageLeaves[close.digest]
    if (leaves === undefined) {
      check.fail(`${close.name}: its leaves are not published`)
      continue
    }
    checkRoot(close, leaves, check)
    checkModels(close, leaves, resummed)
    for (const leaf of leaves) closed.set(`${leaf.node} ${leaf.term} ${leaf.sequence}`, { leaf, close })
  }
  return closed
}

function checkRoot(
  { name, predicate }: Logged<UsageClose>,
  leaves: readonly UsageLeaf[],
  check: CheckRun,
): void {
  if (leaves.length !== predicate.calls) {
    check.fail(`${name} counts ${predicate.calls} calls and ${leaves.length} leaves are published`)
    return
  }
  // Both are as many: walking the leaves walks the ranges, whatever numbers these claim.
  let at = 0
  for (const { node, term, first, last } of predicate.ranges) {
    for (let sequence = first; sequence <= last; sequence += 1, at += 1) {
      const leaf = leaves[at]
      if (leaf?.node !== node || leaf.term !== term || leaf.sequence !== sequence) {
        check.fail(`${name}: leaf ${at + 1} is not the call ${sequence} of ${node} term ${term}`)
        return
      }
    }
  }
  try {
    const root = orderedSumRoot(
      leaves.map((leaf) => ({ sum: BigInt(leaf.amount), digest: decodeHex(usageLeafDigest(leaf)) })),
    )
    const { tree } = predicate
    check.demand(
      encodeHex(root.hash) === tree.root && String(root.sum) === tree.sum && root.size === tree.size,
      () =>
        `${name} signs ${tree.root} with the sum ${tree.sum}; its leaves make ${encodeHex(root.hash)} with ${root.sum}`,
    )
  } catch (error) {
    check.fail(`${name}: ${messageOf(error)}`)
  }
}

/** Revenue cannot move from one model to another: leaves name theirs. */
function checkModels(
  { name, predicate }: Logged<UsageClose>,
  leaves: readonly UsageLeaf[],
  check: CheckRun,
): void {
  const sums = new Map<string, { calls: number; amount: bigint }>()
  for (const { serves, model, amount } of leaves) {
    const before = sums.get(`${serves} ${model}`) ?? { calls: 0, amount: 0n }
    sums.set(`${serves} ${model}`, { calls: before.calls + 1, amount: before.amount + BigInt(amount) })
  }
  for (const { serves, model, calls, amount } of predicate.models) {
    const of = sums.get(`${serves} ${model}`) ?? { calls: 0, amount: 0n }
    check.demand(
      of.calls === calls && of.amount === BigInt(amount),
      () =>
        `${name} counts ${calls} calls and ${amount} for ${serves} model ${model}; its leaves make ${of.calls} and ${of.amount}`,
    )
    sums.delete(`${serves} ${model}`)
  }
  for (const [model, { calls }] of sums)
    check.fail(`${name} does not count ${calls} calls of ${model} in its leaves`)
}

function checkOpenPeriod({ record, opened, at }: Pool, findings: Findings): void {
  const check = findings.check('c5.open-period', 'the open period with its number and the time it ends by')
  const { openPeriod } = record
  if (openPeriod === null) return
  const next = opened.closes.length + 1
  if (openPeriod.period === next + 1) {
    check.pending(`period ${next} has been closed and awaits its place in the log`, openPeriod.closesBy)
    return
  }
  if (openPeriod.period !== next) {
    check.fail(`the record calls period ${openPeriod.period} open; the next after the closes is ${next}`)
    return
  }
  check.demand(
    at < secondsOf(openPeriod.closesBy),
    () => `period ${next} was to be closed by ${openPeriod.closesBy}; at ${formatSeconds(at)} it is not`,
  )
}

/** A contributor's payee changes as one chain (spec/payee-change.md), by the rules that the node decides by. */
import {
  logLeafOf,
  refusalToCancel,
  refusalToChange,
  waitsUntil,
  type KindName,
  type PayeeLink,
} from '#statements'
import type { CheckRun, Findings } from './findings.ts'
import type { Pool } from './pool.ts'
import type { OpenedPayeeChange, Placed } from './wishes.ts'

/** The chain of one contributor, each change once, in the order of the log. */
export function payeeLinksOf(pool: Pool, contributor: string): readonly PayeeLink[] {
  return changesOf(pool, contributor).map(linkOf)
}

export function checkPayeeChanges(pool: Pool, findings: Findings): void {
  const check = findings.check(
    'c6.payee-change',
    'each given payee change with the log, the chain before it and the policy’s wait',
  )
  for (const contributor of new Set(pool.contributions.map((one) => one.contributor))) {
    const taken: PayeeLink[] = []
    for (const one of changesOf(pool, contributor)) {
      const problem = problemOf(pool, contributor, taken, one)
      check.demand(problem === undefined, () => `${one.name} ${problem}`)
      taken.push(linkOf(one))
    }
  }
  for (const one of pool.contributions) checkOwner(one.contributor, one.payeeChanges, check)
}

function checkOwner(contributor: string, changes: readonly OpenedPayeeChange[], check: CheckRun): void {
  for (const { name, change } of changes) {
    if (change.predicate.contributor !== contributor) {
      check.fail(`${name} is of ${change.predicate.contributor}, and the offer is by ${contributor}`)
    }
  }
}

// Each of a contributor's records repeats them. A record may show a change without the cancellation it has got since.
function changesOf({ contributions }: Pool, contributor: string): readonly OpenedPayeeChange[] {
  const byDigest = new Map<string, OpenedPayeeChange>()
  for (const one of contributions.flatMap((record) => record.payeeChanges)) {
    const { digest, predicate } = one.change
    if (predicate.contributor !== contributor) continue
    const known = byDigest.get(digest)
    if (known === undefined || known.cancellation === null) byDigest.set(digest, one)
  }
  return [...byDigest.values()].sort((one, other) => one.receipt.leafIndex - other.receipt.leafIndex)
}

function linkOf({ change, receipt, cancellation }: OpenedPayeeChange): PayeeLink {
  const { receivedAt } = receipt.predicate
  return {
    change,
    receivedAt,
    waitsUntil: receipt.predicate.waitsUntil ?? receivedAt,
    cancelledAt: cancellation?.receipt.predicate.receivedAt ?? null,
  }
}

function problemOf(
  pool: Pool,
  contributor: string,
  before: readonly PayeeLink[],
  { change, receipt, cancellation }: OpenedPayeeChange,
): string | undefined {
  const { receivedAt } = receipt.predicate
  return (
    logProblem(pool, [change, receipt]) ??
    receiptProblem(contributor, change.digest, receipt) ??
    refusalOf(refusalToChange(asOf(before, receivedAt), change, receivedAt)) ??
    waitProblem(pool, change, receipt) ??
    periodProblem(pool, change, receipt) ??
    (cancellation === null
      ? undefined
      : cancellationProblem(pool, contributor, before, { change, receipt, cancellation }))
  )
}

/** A cancellation that came later than `at` had not happened then. */
function asOf(links: readonly PayeeLink[], at: string): readonly PayeeLink[] {
  return links.map((link) =>
    link.cancelledAt !== null && link.cancelledAt > at ? { ...link, cancelledAt: null } : link,
  )
}

function logProblem({ leaves }: Pool, statements: readonly Placed<unknown>[]): string | undefined {
  for (const { kind, digest, leafIndex, salt } of statements) {
    const type = kind as KindName
    const leaf = leaves[leafIndex]
    if (leaf?.type !== type || leaf.digest !== logLeafOf(type, digest, salt).digest)
      return `has a ${kind} that is not what the log holds at leaf ${leafIndex}`
  }
  return undefined
}

function receiptProblem(
  contributor: string,
  digest: string,
  { predicate }: OpenedPayeeChange['receipt'],
): string | undefined {
  return predicate.statement === digest && predicate.contributor === contributor
    ? undefined
    : `has the receipt of ${predicate.statement}`
}

function waitProblem(
  { line }: Pool,
  change: OpenedPayeeChange['change'],
  { predicate }: OpenedPayeeChange['receipt'],
) {
  const policy = line.byDigest(predicate.policy)?.predicate
  if (policy === undefined) return undefined
  const due = waitsUntil(change, predicate.receivedAt, policy.payees.recoverySeconds)
  return predicate.waitsUntil === due
    ? undefined
    : `waits until ${predicate.waitsUntil}; the policy makes ${due}`
}

function refusalOf(code: string | undefined): string | undefined {
  return code === undefined ? undefined : `was taken and must not have been: ${code}`
}

/** Taken before the payout of its first period was stated: the order of the log shows it. */
function periodProblem(
  { opened }: Pool,
  change: OpenedPayeeChange['change'],
  receipt: OpenedPayeeChange['receipt'],
) {
  const { fromPeriod } = change.predicate
  const close = opened.closes.find(({ predicate }) => predicate.period === fromPeriod)?.digest
  const payout = opened.payouts.find(({ predicate }) => predicate.usageClose === close)
  return close === undefined || payout === undefined || receipt.leafIndex < payout.leafIndex
    ? undefined
    : `begins with period ${fromPeriod}, whose ${payout.name} was stated before it was taken`
}

function cancellationProblem(
  pool: Pool,
  contributor: string,
  before: readonly PayeeLink[],
  {
    change,
    receipt,
    cancellation: { cancellation, receipt: its },
  }: Omit<OpenedPayeeChange, 'name' | 'cancellation'> & {
    readonly cancellation: NonNullable<OpenedPayeeChange['cancellation']>
  },
): string | undefined {
  const { receivedAt } = receipt.predicate
  const link = {
    change,
    receivedAt,
    waitsUntil: receipt.predicate.waitsUntil ?? receivedAt,
    cancelledAt: null,
  }
  const at = its.predicate.receivedAt
  return (
    logProblem(pool, [cancellation, its]) ??
    receiptProblem(contributor, cancellation.digest, its) ??
    refusalOf(refusalToCancel([...asOf(before, at), link], cancellation, at))
  )
}

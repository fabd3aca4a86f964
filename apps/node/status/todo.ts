/** What of a node's state asks somebody to act (spec/status.md §todo): a list that can be read again from the facts. */
import type { Status, TodoCode } from '#statements'

type Facts = Omit<Status, 'todo'>
type Todo = Status['todo'][number]

const DAY = 86_400
const LEAST_DISK_BYTES = 2_000_000_000

/** Urgent first: what already makes an audit red, a promise broken or money wrong. */
export function todoOf(facts: Facts): Todo[] {
  const found = [books, keys, evidence, log, witnesses, usage, run, disk, disputes].flatMap((rule) =>
    rule(facts),
  )
  return [...found.filter(({ urgent }) => urgent), ...found.filter(({ urgent }) => !urgent)]
}

const urgent = (code: TodoCode, what: string): Todo => ({ code, urgent: true, what })
const soon = (code: TodoCode, what: string): Todo => ({ code, urgent: false, what })

function books({ books: { sumsToZero, drifted } }: Facts): Todo[] {
  if (sumsToZero && drifted === 0) return []
  return [
    urgent(
      'books-broken',
      'Balances are not what the transfers make of them: stop payouts and restore the database.',
    ),
  ]
}

function keys({ at, keysValidUntil }: Facts): Todo[] {
  const left = seconds(at, keysValidUntil)
  if (left > 3 * DAY) return []
  const what = 'Start the node again: the keys of this term end, and a new term has new ones.'
  return [left <= 0 ? urgent('keys-end', what) : soon('keys-end', what)]
}

function evidence({ at, evidence: { takenAt, maxAgeSeconds } }: Facts): Todo[] {
  const age = takenAt === null ? Infinity : seconds(takenAt, at)
  // It is taken again at half the maximum: beyond three quarters that has failed for a while.
  if (age <= maxAgeSeconds * 0.75) return []
  const what = 'Look at the diagnostics and at the machine: evidence was not taken again when it was due.'
  return [age > maxAgeSeconds ? urgent('evidence-old', what) : soon('evidence-old', what)]
}

function log({ log: { published, pending } }: Facts): Todo[] {
  if (published === null)
    return [
      urgent('log-not-published', 'No checkpoint was published yet: see that the witnesses can be reached.'),
    ]
  if (pending === 0) return []
  return [
    soon(
      'log-pending',
      'Statements wait for the log: it is tried again every minute; look at its folder and disk.',
    ),
  ]
}

function witnesses({ at, log: { witnesses: all, quorum, maxAgeSeconds, published } }: Facts): Todo[] {
  if (published === null) return []
  const fresh = all.filter(
    ({ cosignedAt }) => cosignedAt !== null && seconds(cosignedAt, at) <= maxAgeSeconds,
  )
  if (fresh.length < quorum)
    return [
      urgent(
        'witness-silent',
        'Fewer witnesses than the quorum cosigned lately, so audits fail: reach them.',
      ),
    ]
  const silent = all.filter((one) => !fresh.includes(one)).map(({ name }) => name)
  return silent.length === 0
    ? []
    : [soon('witness-silent', `These witnesses have not cosigned: ${silent.join(', ')}.`.slice(0, 200))]
}

function usage({ at, usage: { open, unpaid } }: Facts): Todo[] {
  const overdue = open !== null && open.closesBy <= at
  return [
    ...(overdue
      ? [urgent('usage-overdue', 'Close the usage period: receipts promised that it would be closed by now.')]
      : []),
    ...(unpaid === 0 ? [] : [soon('payout-due', 'Pay out: closed periods wait for their payout statement.')]),
  ]
}

function run({ run: newest }: Facts): Todo[] {
  if (newest?.failed !== true) return []
  return [soon('run-failed', `Run ${newest.id} failed at ${newest.stage}: look at it, then ask for another.`)]
}

function disk({ freeDiskBytes }: Facts): Todo[] {
  if (freeDiskBytes >= LEAST_DISK_BYTES) return []
  const what = 'Make room on the disk of the data folder: less than 2 GB is free.'
  return [freeDiskBytes < LEAST_DISK_BYTES / 10 ? urgent('disk-short', what) : soon('disk-short', what)]
}

function disputes({ disputesOpen }: Facts): Todo[] {
  return disputesOpen === null || disputesOpen === 0
    ? []
    : [soon('disputes-open', `Answer the open disputes: ${disputesOpen}.`)]
}

function seconds(from: string, to: string): number {
  return (new Date(to).getTime() - new Date(from).getTime()) / 1000
}

/** A status as name and value, for the page and the terminal alike. */
import type { Status } from '#statements'

export function statusRows(status: Status): (readonly [string, string])[] {
  const { evidence, log, run, serving, usage, books, policy, versions } = status
  const cosigned = log.witnesses.map(({ name, cosignedAt }) => `${name} ${cosignedAt ?? 'has not cosigned'}`)
  return [
    ['node', `${status.node}, term ${status.term}, since ${status.startedAt}`],
    ['keys', `valid until ${status.keysValidUntil}`],
    ['policy', `${policy.name} version ${policy.version}, ${policy.digest}`],
    ['evidence', `${evidence.takenAt ?? 'none yet'}; at most ${hours(evidence.maxAgeSeconds)} old`],
    ['log', `${log.published ?? 'no'} entries published, ${log.pending} waiting`],
    ['witnesses', `${cosigned.join('; ') || 'none'}; quorum ${log.quorum}`],
    ['run', run === null ? 'none yet' : `run ${run.id}: ${run.stage}${run.failed ? ', FAILED' : ''}`],
    [
      'serving',
      `${serving.models.join(', ') || 'no model'}; ${serving.open} of ${serving.places} places taken`,
    ],
    [
      'usage',
      usage.open === null
        ? 'no period is open'
        : `period ${usage.open.period}, closes by ${usage.open.closesBy}`,
    ],
    ['closed periods', `${usage.closed}, of which ${usage.unpaid} not paid out`],
    [
      'books',
      books.sumsToZero && books.drifted === 0
        ? `${books.accounts} accounts sum to zero`
        : `BROKEN: ${books.drifted} of ${books.accounts} accounts drifted`,
    ],
    ['disputes', status.disputesOpen === null ? 'not known to this version' : `${status.disputesOpen} open`],
    ['disk', `${(status.freeDiskBytes / 1e9).toFixed(1)} GB free`],
    ['versions', `Fairweight ${versions.fairweight}, Node ${versions.node}, PostgreSQL ${versions.postgres}`],
  ]
}

function hours(seconds: number): string {
  return seconds % 3600 === 0 ? `${seconds / 3600} h` : `${seconds} s`
}

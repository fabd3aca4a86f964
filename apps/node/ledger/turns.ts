/**
 * One at a time in this process, for work that holds a connection and needs another.
 *
 * Many waiting for one table lock would hold every connection of the pool, and the one that has the lock could not go on.
 */
import type { Database } from '#node/core'

const last = new WeakMap<Database, Promise<unknown>>()

export function inTurn<Result>(database: Database, work: () => Promise<Result>): Promise<Result> {
  const next = (last.get(database) ?? Promise.resolve()).then(work, work)
  last.set(
    database,
    next.catch(() => undefined),
  )
  return next
}

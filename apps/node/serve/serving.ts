/** What the serving routes share: ports, limits, the line, and the calls that are open now. */
import type { NodeContext } from '#node/core'
import type { CallControl } from './call-control.ts'
import type { Line } from './line.ts'
import type { Meter, Shelf } from './ports.ts'

export interface ServingLimits {
  /** Answers that the engine makes at once. */
  readonly atOnce: number
  /** Calls in the line, those being answered included; and of one API key. */
  readonly places: number
  readonly placesEach: number
  readonly bodyBytes: number
  /** How long a call may wait for its turn, and how long its answer may take. */
  readonly waitMs: number
  readonly answerMs: number
  /** How long open calls may go on once the node is asked to stop. */
  readonly drainMs: number
}

export const defaultLimits: ServingLimits = {
  atOnce: 1,
  places: 64,
  placesEach: 16,
  bodyBytes: 20_000_000,
  waitMs: 120_000,
  answerMs: 600_000,
  drainMs: 20_000,
}

export interface Serving {
  readonly context: NodeContext
  readonly meter: Meter
  readonly shelf: Shelf
  readonly limits: ServingLimits
  readonly line: Line
  readonly open: Set<CallControl>
  draining: boolean
}

/** Unix seconds. */
export function unixTime(now: Date): number {
  return Math.floor(now.getTime() / 1000)
}

/** How fast a step goes, from what it reported in the last seconds. */

export interface Rate {
  /** Counts from now on where `unit` or `total` differ from the last time: another phase, another speed. */
  add(sample: Sample): void
  /** In units a second, or undefined where nothing can be said yet. */
  perSecond(nowMs: number): number | undefined
}

interface Sample {
  readonly atMs: number
  readonly done: number
  readonly total: number | undefined
  readonly unit: string
}

/** Long enough to be steady, short enough to follow a connection that slows down. */
const WINDOW_MS = 15_000

export function createRate(): Rate {
  let samples: Sample[] = []
  return {
    add(sample) {
      const last = samples.at(-1)
      const samePhase = last?.unit === sample.unit && last.total === sample.total && last.done <= sample.done
      if (!samePhase) samples = []
      samples.push(sample)
      // One sample older than the window stays, as its left edge.
      while (samples[1] !== undefined && samples[1].atMs <= sample.atMs - WINDOW_MS) samples.shift()
    },
    perSecond(nowMs) {
      const [first, last] = [samples[0], samples.at(-1)]
      if (first === undefined || last === undefined || nowMs - first.atMs < 500) return undefined
      const rate = ((last.done - first.done) * 1000) / (nowMs - first.atMs)
      return rate > 0 ? rate : undefined
    },
  }
}

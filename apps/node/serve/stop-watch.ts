/**
 * Stop texts: the answer ends before the first of them, and no part of one leaves.
 *
 * Text that could still become a stop text is held back until it does or cannot any more.
 */
export interface StopWatch {
  /** The text that may leave now; `stopped` says that a stop text was found behind it. */
  readonly push: (text: string) => { readonly text: string; readonly stopped: boolean }
  /** What was held back when the answer ended by itself. */
  readonly rest: () => string
}

export function createStopWatch(stops: readonly string[]): StopWatch {
  let held = ''
  return {
    push(text) {
      held += text
      const found = firstOf(held, stops)
      if (found !== undefined) {
        const before = held.slice(0, found)
        held = ''
        return { text: before, stopped: true }
      }
      const keep = longestStart(held, stops)
      const leaving = held.slice(0, held.length - keep)
      held = held.slice(held.length - keep)
      return { text: leaving, stopped: false }
    },
    rest() {
      const text = held
      held = ''
      return text
    },
  }
}

function firstOf(text: string, stops: readonly string[]): number | undefined {
  const places = stops.map((stop) => text.indexOf(stop)).filter((place) => place >= 0)
  return places.length === 0 ? undefined : Math.min(...places)
}

/** Length of the longest end of `text` that is a start of a stop text. */
function longestStart(text: string, stops: readonly string[]): number {
  let longest = 0
  for (const stop of stops) {
    for (let length = Math.min(stop.length - 1, text.length); length > longest; length -= 1) {
      if (text.endsWith(stop.slice(0, length))) longest = length
    }
  }
  return longest
}

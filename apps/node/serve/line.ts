/**
 * The line in front of the engine: bounded, and fair among those who wait.
 *
 * Each owner's calls wait in their own order, and owners take turns, so that one buyer with a hundred calls
 * delays another one by one call and not by a hundred. A place is taken before money is reserved.
 */
export interface Place {
  /** Resolves to true when it is this call's turn, to false where `signal` aborts first. */
  readonly turn: (signal: AbortSignal) => Promise<boolean>
  /** Gives the place back, wherever it stands; safe to call twice. */
  readonly leave: () => void
}

export interface Line {
  /** `'full'` where nobody can come in, `'owner-full'` where this owner has too many in it already. */
  readonly take: (owner: string) => Place | 'full' | 'owner-full'
}

export interface LineLimits {
  readonly atOnce: number
  readonly places: number
  readonly placesEach: number
}

export function createLine({ atOnce, places, placesEach }: LineLimits): Line {
  const taken = new Map<string, number>()
  /** Owners in the order of their next turn. */
  const waiting = new Map<string, (() => void)[]>()
  let total = 0
  let running = 0

  const startNext = () => {
    while (running < atOnce) {
      const [first] = waiting
      if (first === undefined) return
      const [owner, calls] = first
      waiting.delete(owner)
      const start = calls.shift()
      if (calls.length > 0) waiting.set(owner, calls)
      running += 1
      start?.()
    }
  }

  const createPlace = (owner: string): Place => {
    let state: 'taken' | 'waiting' | 'running' | 'left' = 'taken'
    let stopWaiting: () => void = () => undefined
    return {
      turn(signal) {
        if (signal.aborted || state !== 'taken') return Promise.resolve(false)
        state = 'waiting'
        return new Promise((resolve) => {
          const start = () => {
            state = 'running'
            signal.removeEventListener('abort', stopWaiting)
            resolve(true)
          }
          stopWaiting = () => {
            const calls = waiting.get(owner)?.filter((one) => one !== start) ?? []
            if (calls.length > 0) waiting.set(owner, calls)
            else waiting.delete(owner)
            state = 'taken'
            resolve(false)
          }
          signal.addEventListener('abort', stopWaiting, { once: true })
          waiting.set(owner, [...(waiting.get(owner) ?? []), start])
          startNext()
        })
      },
      leave() {
        if (state === 'left') return
        if (state === 'waiting') stopWaiting()
        if (state === 'running') running -= 1
        state = 'left'
        total -= 1
        const rest = (taken.get(owner) ?? 1) - 1
        if (rest === 0) taken.delete(owner)
        else taken.set(owner, rest)
        startNext()
      },
    }
  }

  return {
    take(owner) {
      const own = taken.get(owner) ?? 0
      if (total >= places) return 'full'
      if (own >= placesEach) return 'owner-full'
      total += 1
      taken.set(owner, own + 1)
      return createPlace(owner)
    },
  }
}

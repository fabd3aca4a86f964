/** One caller at a time, in the order in which they came; who gives up leaves the line at once. */

export interface Turns {
  /** Resolves to the function that ends the turn, or to undefined where `signal` aborts first. */
  readonly enter: (signal?: AbortSignal) => Promise<(() => void) | undefined>
}

export function createTurns(): Turns {
  const line: (() => void)[] = []
  let busy = false

  const next = () => {
    const first = line.shift()
    if (first === undefined) busy = false
    else first()
  }

  const turn = () => {
    let over = false
    return () => {
      if (over) return
      over = true
      next()
    }
  }

  return {
    enter(signal) {
      if (signal?.aborted === true) return Promise.resolve(undefined)
      if (!busy) {
        busy = true
        return Promise.resolve(turn())
      }
      return new Promise((resolve) => {
        const start = () => {
          signal?.removeEventListener('abort', giveUp)
          resolve(turn())
        }
        const giveUp = () => {
          line.splice(line.indexOf(start), 1)
          resolve(undefined)
        }
        line.push(start)
        signal?.addEventListener('abort', giveUp, { once: true })
      })
    },
  }
}

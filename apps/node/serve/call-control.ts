/** Ends a call from outside of it: the buyer hangs up, a deadline passes, the node drains. */
import type { ServerResponse } from 'node:http'
import type { CallSignal, Interruption } from './speech.ts'

export interface CallControl extends CallSignal {
  readonly interrupt: (why: Interruption) => void
  /** Starts the clock anew: what was waiting is now being answered. */
  readonly limit: (timeoutMs: number) => void
  /** Nothing can interrupt it any more; resolves {@link over}. */
  readonly end: () => void
  readonly over: Promise<void>
}

export function createCallControl(response: ServerResponse, timeoutMs: number): CallControl {
  const controller = new AbortController()
  const over = Promise.withResolvers<void>()
  let why: Interruption | undefined
  let timer: NodeJS.Timeout | undefined

  const interrupt = (reason: Interruption) => {
    if (why !== undefined) return
    why = reason
    controller.abort()
  }
  const onClose = () => {
    if (!response.writableFinished) interrupt('aborted')
  }
  const limit = (milliseconds: number) => {
    clearTimeout(timer)
    timer = setTimeout(() => interrupt('drained'), milliseconds)
  }

  response.once('close', onClose)
  limit(timeoutMs)
  if (response.destroyed) interrupt('aborted')
  return {
    signal: controller.signal,
    interruption: () => why,
    interrupt,
    limit,
    over: over.promise,
    end() {
      clearTimeout(timer)
      response.off('close', onClose)
      over.resolve()
    },
  }
}

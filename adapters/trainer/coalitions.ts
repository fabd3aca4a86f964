/**
 * A worker that measures coalitions, one after the other, for as long as it is asked (spec/trainer-job.md §coalitions).
 *
 * It keeps nothing: one that died loses the coalition it was at, and the caller asks another.
 */
import { isDeepStrictEqual } from 'node:util'
import {
  encodeCoalitionRequest,
  readCoalitionsEvent,
  type CoalitionRequest,
  type CoalitionResult,
  type CoalitionsEvent,
} from '#training'
import { startWorker, TrainerFailure, type Worker, type WorkerPlace } from './worker.ts'

export interface CoalitionWorkerOptions extends WorkerPlace {
  readonly onEvent?: (event: CoalitionsEvent) => void
}

export interface CoalitionWorker {
  /**
   * Measures one coalition; several calls are answered in their order. Throws {@link TrainerFailure} once the worker
   * has stopped, and `ZodError` or `TypeError` for what is no request.
   */
  run(request: CoalitionRequest): Promise<CoalitionResult>
  /** Waits for what was asked, then for the worker's end. Never throws: what went wrong is told by `run`. */
  close(): Promise<void>
}

interface Asked {
  readonly request: CoalitionRequest
  readonly resolve: (result: CoalitionResult) => void
  readonly reject: (failure: unknown) => void
}

export function startCoalitionWorker(options: CoalitionWorkerOptions): CoalitionWorker {
  const worker = startWorker('run-coalitions', options, 'pipe')
  const asked: Asked[] = []
  let closing = false
  let failure: unknown
  const ended = listen(worker, options, asked)
    .catch((reason: unknown) => {
      failure = reason
    })
    .then(() => {
      failure ??= new TrainerFailure('worker-died', 'the trainer has ended')
      for (const { reject } of asked.splice(0)) reject(failure)
      worker.release()
    })
  return {
    run: async (request) => {
      const line = encodeCoalitionRequest(request)
      if (failure !== undefined) throw failure
      if (closing) throw new TypeError('a worker that was closed is asked nothing more')
      return new Promise<CoalitionResult>((resolve, reject) => {
        asked.push({ request, resolve, reject })
        worker.ask(line)
      })
    },
    close: async () => {
      closing = true
      worker.end()
      if (asked.length === 0) worker.stop()
      await ended
    },
  }
}

/** Hands each result to who asked. Throws {@link TrainerFailure} unless the worker ends because nothing more is asked. */
async function listen(worker: Worker, { onEvent }: CoalitionWorkerOptions, asked: Asked[]): Promise<void> {
  for await (const event of worker.events(readCoalitionsEvent)) {
    onEvent?.(event)
    if (event.event === 'failed') throw new TrainerFailure(event.code, event.message)
    if (event.event === 'coalition') {
      const { event: _, ...result } = event
      const first = asked.shift()
      if (first === undefined || !answers(result, first.request)) {
        if (first !== undefined) asked.unshift(first)
        throw new TrainerFailure('worker-untrusted', 'the trainer answered something that was not asked')
      }
      first.resolve(result)
    }
  }
  const status = await worker.exited
  if (status !== 0 || asked.length > 0)
    throw new TrainerFailure('worker-died', `the trainer ended with status ${status} and answers missing`)
}

function answers({ number, members, seed }: CoalitionResult, request: CoalitionRequest): boolean {
  return (
    number === request.number && seed === request.seed && isDeepStrictEqual(members, [...request.members])
  )
}

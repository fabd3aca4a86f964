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
  type ReplayRequest,
  type ReplayResult,
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
  /** As `run`, and goes back through the training: what a little more of each member's data would do. */
  replay(request: ReplayRequest): Promise<ReplayResult>
  /** Waits for what was asked, then for the worker's end. Never throws: what went wrong is told by `run`. */
  close(): Promise<void>
}

type Answer = Extract<CoalitionsEvent, { event: 'coalition' | 'replay' }>

interface Asked {
  readonly request: CoalitionRequest | ReplayRequest
  readonly resolve: (answer: Answer) => void
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
  const ask = async (request: CoalitionRequest | ReplayRequest): Promise<Answer> => {
    const line = encodeCoalitionRequest(request)
    if (failure !== undefined) throw failure
    if (closing) throw new TypeError('a worker that was closed is asked nothing more')
    return new Promise((resolve, reject) => {
      asked.push({ request, resolve, reject })
      worker.ask(line)
    })
  }
  return {
    run: async ({ number, members, seed }) => {
      const { event: _, ...result } = await ask({ number, members, seed })
      return result
    },
    replay: async (request) => {
      const { event: _, ...result } = await ask(request)
      return result as ReplayResult
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
    if (event.event === 'coalition' || event.event === 'replay') {
      const [first] = asked
      if (first === undefined || !answers(event, first.request))
        throw new TrainerFailure('worker-untrusted', 'the trainer answered something that was not asked')
      asked.shift()
      first.resolve(event)
    }
  }
  const status = await worker.exited
  if (status !== 0 || asked.length > 0)
    throw new TrainerFailure('worker-died', `the trainer ended with status ${status} and answers missing`)
}

function answers(answer: Answer, request: CoalitionRequest | ReplayRequest): boolean {
  const { number, members, seed } = answer
  const same =
    number === request.number && seed === request.seed && isDeepStrictEqual(members, [...request.members])
  if (!('replay' in request)) return same && answer.event === 'coalition'
  return (
    same &&
    answer.event === 'replay' &&
    answer.temperature_e6 === request.replay.temperature_e6 &&
    answer.slopes_e6.length === members.length
  )
}

/** One training run: a sealed job in, events out (spec/trainer-job.md §the run). */
import { readTrainerEvent, type FinishedEvent, type TrainerEvent } from '#training'
import { startWorker, TrainerFailure, type WorkerPlace } from './worker.ts'

export interface TrainerOptions extends WorkerPlace {
  readonly onEvent: (event: TrainerEvent) => void
}

/** Resolves with the worker's last event. Throws {@link TrainerFailure}; the same call then goes on where it stopped. */
export async function runTrainer(options: TrainerOptions): Promise<FinishedEvent> {
  const worker = startWorker('run', options, 'ignore')
  try {
    let last: TrainerEvent | undefined
    for await (const event of worker.events(readTrainerEvent)) {
      last = event
      options.onEvent(event)
    }
    const status = await worker.exited
    if (last?.event === 'finished' && status === 0) return last
    if (last?.event === 'failed') throw new TrainerFailure(last.code, last.message)
    throw new TrainerFailure('worker-died', `the trainer ended with status ${status} and no result`)
  } finally {
    worker.release()
  }
}

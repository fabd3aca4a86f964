/**
 * Runs the Python trainer as a worker: a sealed job in, events out (spec/trainer-job.md).
 *
 * The job's key travels on an inherited descriptor: not in an argument or the environment, where other
 * processes could read it, and not in a file.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'
import { readTrainerEvent, type FinishedEvent, type TrainerEvent } from '#training'

export interface TrainerOptions {
  /** The interpreter of the trainer's own environment. */
  readonly python: string
  /** The folder that holds `fairweight_trainer`. */
  readonly source: string
  readonly directory: string
  readonly jobDigest: string
  /** One line, `AGE-SECRET-KEY-1…`. */
  readonly identity: string
  readonly onEvent: (event: TrainerEvent) => void
  readonly signal?: AbortSignal
}

/** Why a worker stopped; `code` is the worker's own (spec/trainer-job.md §exit). */
export class TrainerFailure extends Error {
  readonly code: string
  constructor(code: string, message: string) {
    super(message)
    this.name = 'TrainerFailure'
    this.code = code
  }
}

// A worker that was asked to stop looks up between two steps, and not at all while its libraries load. Killed, it goes
// on from its last model checkpoint, so nobody waits longer than this for a better one.
const PATIENCE_MS = 4000

/** Resolves with the worker's last event. Throws {@link TrainerFailure}; the same call then goes on where it stopped. */
export async function runTrainer(options: TrainerOptions): Promise<FinishedEvent> {
  const child = start(options)
  let patience: NodeJS.Timeout | undefined
  const stop = () => {
    child.kill('SIGTERM')
    patience = setTimeout(() => child.kill('SIGKILL'), PATIENCE_MS)
  }
  options.signal?.addEventListener('abort', stop, { once: true })
  try {
    child.stdio[3]?.on('error', () => undefined)
    ;(child.stdio[3] as NodeJS.WritableStream).end(`${options.identity}\n`)
    const exited = new Promise<number>((resolve) => {
      child.once('error', () => resolve(-1))
      child.once('exit', (code, signal) => resolve(signal === null ? (code ?? -1) : -1))
    })
    const last = await follow(child, options.onEvent)
    const status = await exited
    if (last?.event === 'finished' && status === 0) return last
    if (last?.event === 'failed') throw new TrainerFailure(last.code, last.message)
    throw new TrainerFailure('worker-died', `the trainer ended with status ${status} and no result`)
  } finally {
    options.signal?.removeEventListener('abort', stop)
    clearTimeout(patience)
    child.kill('SIGKILL')
  }
}

function start({ python, source, directory, jobDigest, identity: _, ...rest }: TrainerOptions): ChildProcess {
  void rest
  const args = [
    '-m',
    'fairweight_trainer',
    'run',
    '--job',
    directory,
    '--key-fd',
    '3',
    '--job-sha256',
    jobDigest,
  ]
  return spawn(python, args, {
    cwd: source,
    // A closed environment: no proxy, no hub token, no PYTHONPATH of the operator's.
    env: {
      PATH: '/usr/bin:/bin',
      HOME: directory,
      LANG: 'C.UTF-8',
      PYTHONDONTWRITEBYTECODE: '1',
      // HOME is on untrusted storage: an interpreter that is no venv would run what lies in it.
      PYTHONNOUSERSITE: '1',
      HF_HUB_OFFLINE: '1',
    },
    stdio: ['ignore', 'pipe', 'ignore', 'pipe'],
  })
}

async function follow(
  child: ChildProcess,
  onEvent: (event: TrainerEvent) => void,
): Promise<TrainerEvent | undefined> {
  let last: TrainerEvent | undefined
  if (child.stdout === null) return undefined
  for await (const line of createInterface({ input: child.stdout })) {
    const event = readTrainerEvent(line)
    if (event === undefined)
      throw new TrainerFailure('worker-untrusted', 'the trainer said something that is not an event')
    last = event
    onEvent(event)
  }
  return last
}

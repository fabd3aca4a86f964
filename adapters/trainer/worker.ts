/**
 * The Python trainer as a process: how it is started, listened to and stopped (spec/trainer-job.md §start).
 *
 * The job's key travels on an inherited descriptor: not in an argument or the environment, where other
 * processes could read it, and not in a file.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'

export interface WorkerPlace {
  /** The interpreter of the trainer's own environment. */
  readonly python: string
  /** The folder that holds `fairweight_trainer`. */
  readonly source: string
  readonly directory: string
  readonly jobDigest: string
  /** One line, `AGE-SECRET-KEY-1…`. */
  readonly identity: string
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

// A worker that was asked to stop looks up between two steps, and not at all while its libraries load. Killed, it loses
// what it did since its last model checkpoint, or its current coalition, so nobody waits longer than this.
const PATIENCE_MS = 4000

export interface Worker {
  /** Writes to its standard input; `end` says that nothing more comes. */
  readonly ask: (line: string) => void
  readonly end: () => void
  /** Asks it to stop, and kills it where it does not look up. */
  readonly stop: () => void
  /** Its lines, to the last. Throws {@link TrainerFailure} on one that `read` does not know. */
  readonly events: <T>(read: (line: string) => T | undefined) => AsyncGenerator<T>
  /** Its exit status; −1 where it was killed or never started. */
  readonly exited: Promise<number>
  /** Frees what it holds. A worker that still runs is killed. */
  readonly release: () => void
}

export function startWorker(command: string, place: WorkerPlace, input: 'ignore' | 'pipe'): Worker {
  const child = spawnTrainer(command, place, input)
  const exited = new Promise<number>((resolve) => {
    child.once('error', () => resolve(-1))
    child.once('exit', (code, signal) => resolve(signal === null ? (code ?? -1) : -1))
  })
  let patience: NodeJS.Timeout | undefined
  const stop = () => {
    child.kill('SIGTERM')
    patience ??= setTimeout(() => child.kill('SIGKILL'), PATIENCE_MS)
  }
  place.signal?.addEventListener('abort', stop, { once: true })
  if (place.signal?.aborted) stop()
  // Who died does not read: its exit tells, not the pipe.
  child.stdin?.on('error', () => undefined)
  child.stdio[3]?.on('error', () => undefined)
  ;(child.stdio[3] as NodeJS.WritableStream).end(`${place.identity}\n`)
  return {
    ask: (line) => void child.stdin?.write(line),
    end: () => void child.stdin?.end(),
    stop,
    events: (read) => eventsOf(child, read),
    exited,
    release: () => {
      place.signal?.removeEventListener('abort', stop)
      clearTimeout(patience)
      child.kill('SIGKILL')
    },
  }
}

function spawnTrainer(
  command: string,
  { python, source, directory, jobDigest }: WorkerPlace,
  input: 'ignore' | 'pipe',
): ChildProcess {
  const job = ['--job', directory, '--key-fd', '3', '--job-sha256', jobDigest]
  return spawn(python, ['-m', 'fairweight_trainer', command, ...job], {
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
    stdio: [input, 'pipe', 'ignore', 'pipe'],
  })
}

async function* eventsOf<T>(child: ChildProcess, read: (line: string) => T | undefined): AsyncGenerator<T> {
  if (child.stdout === null) return
  for await (const line of createInterface({ input: child.stdout })) {
    const event = read(line)
    if (event === undefined)
      throw new TrainerFailure('worker-untrusted', 'the trainer said something that is not an event')
    yield event
  }
}

/** Runs one program to its end, and stops it when this process stops. */
import { spawn } from 'node:child_process'
import { SetupError } from './errors.ts'

export interface Outcome {
  /** Null where the program could not be started or was killed. */
  readonly status: number | null
  readonly stdout: string
  /** The last part only. */
  readonly stderr: string
}

export interface CommandOptions {
  readonly env?: NodeJS.ProcessEnv
  readonly signal?: AbortSignal | undefined
  readonly timeoutMs?: number
  readonly onLine?: (line: string) => void
}

const KEPT_CHARACTERS = 20_000

/** Throws {@link SetupError} `stopped` where `signal` ended it; any other end is an outcome. */
export async function runCommand(
  command: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<Outcome> {
  const { env, signal, timeoutMs, onLine } = options
  if (signal?.aborted) throw stopped()
  const outcome = await new Promise<Outcome>((resolve) => {
    // Standard input stays open as long as this process lives: see `pip.ts`.
    const child = spawn(command, args, { env, timeout: timeoutMs, stdio: ['pipe', 'pipe', 'pipe'] })
    const stop = () => child.kill('SIGTERM')
    signal?.addEventListener('abort', stop, { once: true })
    let [stdout, stderr, line] = ['', '', '']
    child.stdin.on('error', () => {})
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout = (stdout + text).slice(-KEPT_CHARACTERS)
      const lines = (line + text).split('\n')
      line = lines.pop()!
      for (const whole of lines) onLine?.(whole)
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr = (stderr + text).slice(-KEPT_CHARACTERS)
    })
    const end = (status: number | null) => {
      signal?.removeEventListener('abort', stop)
      resolve({ status, stdout, stderr })
    }
    child.on('error', () => end(null))
    child.on('close', end)
  })
  if (signal?.aborted) throw stopped()
  return outcome
}

function stopped(): SetupError {
  return new SetupError('stopped', 'Stopped before it was done; the next start goes on from here.')
}

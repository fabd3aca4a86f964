/**
 * The processes of a running pool: each says where it listens in one JSON line, and ends with its parent.
 *
 * A child's standard input is a pipe that nobody writes to: when this process is gone, even by kill −9, the pipe
 * closes and the child stops by itself.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'

export interface Service {
  readonly ready: Readonly<Record<string, unknown>>
  readonly stop: () => Promise<void>
  /** Resolves when it has ended, with what it ended with. */
  readonly ended: Promise<number | null>
}

/** Throws with the child's last words where it ends before it is ready. */
export async function startService(
  entry: string,
  args: readonly string[],
  diagnosticsPath: string,
): Promise<Service> {
  await mkdir(dirname(diagnosticsPath), { recursive: true })
  const child = spawn(process.execPath, [entry, ...args], { stdio: ['pipe', 'pipe', 'pipe'] })
  const diagnostics = createWriteStream(diagnosticsPath, { flags: 'a', mode: 0o600 })
  const lastWords: string[] = []
  createInterface({ input: child.stderr }).on('line', (line) => {
    lastWords.push(line)
    if (lastWords.length > 12) lastWords.shift()
    diagnostics.write(`${line}\n`)
  })
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve))
  const ready = await Promise.race([readyLine(child, diagnostics), ended.then(() => undefined)])
  if (ready === undefined)
    throw new Error(
      lastWords.filter((line) => !line.startsWith('    at ')).join('\n') || `${entry} did not start`,
    )
  return { ready, ended, stop: () => stop(child, ended) }
}

/** The line that says where it listens; all others are diagnostics, and some may come before it. */
async function readyLine(
  child: ChildProcess,
  diagnostics: NodeJS.WritableStream,
): Promise<Record<string, unknown>> {
  return new Promise((resolve) => {
    createInterface({ input: child.stdout! }).on('line', (line) => {
      const ready = line.startsWith('{"listening":')
        ? (JSON.parse(line) as Record<string, unknown>)
        : undefined
      if (ready === undefined) diagnostics.write(`${line}\n`)
      else resolve(ready)
    })
  })
}

async function stop(child: ChildProcess, ended: Promise<number | null>): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), 20_000)
  await ended
  clearTimeout(timer)
}

/** Ends this process when its parent is gone. For services that {@link startService} started. */
export function endWithParent(stopNow: () => void): void {
  process.stdin.resume()
  process.stdin.once('end', stopNow)
  process.stdin.once('error', stopNow)
}

export interface Ran {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs one of our commands to its end as another process, as a stranger would. */
export async function runCommand(
  bin: string,
  args: readonly string[],
  options: {
    readonly environment?: Readonly<Record<string, string>>
    readonly onLine?: (line: string) => void
  } = {},
): Promise<Ran> {
  const child = spawn(process.execPath, [bin, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: process.env['PATH'] ?? '',
      NO_COLOR: '1',
      // What it says is shown in our window.
      COLUMNS: String(process.stdout.columns ?? ''),
      ...options.environment,
    },
  })
  const out: string[] = []
  const err: string[] = []
  createInterface({ input: child.stdout }).on('line', (line) => {
    out.push(line)
    options.onLine?.(line)
  })
  createInterface({ input: child.stderr }).on('line', (line) => {
    err.push(line)
    options.onLine?.(line)
  })
  // Where this process stops early, nothing of it goes on alone.
  const end = () => void child.kill()
  process.once('exit', end)
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve))
  process.off('exit', end)
  return { code, stdout: out.join('\n'), stderr: err.join('\n') }
}

/** Runs `fairweight start --once` as a process group of its own, so that a test can kill all of it at once. */
import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { SmallPool } from './pool.ts'

const root = join(import.meta.dirname, '..', '..')

/** A port that nobody uses now. */
export async function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer()
    probe.once('error', reject)
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as AddressInfo
      probe.close(() => resolve(port))
    })
  })
}

export interface StartedRun {
  readonly output: () => string
  /** Exit code; null where it was killed. */
  readonly ended: Promise<number | null>
  /** Kill −9 to everything: the command, witness, node, trainer, and the database. */
  readonly killAll: () => void
}

export function startOnce(home: string, pool: SmallPool, port: number): StartedRun {
  const args = [
    'start',
    '--once',
    '--example',
    pool.example,
    '--weights',
    pool.weights,
    '--python',
    pool.python,
    '--port',
    String(port),
  ]
  const child = spawn(process.execPath, [join(root, 'bin/fairweight.mjs'), ...args], {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, FAIRWEIGHT_HOME: home, NO_COLOR: '1' },
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (bytes: Buffer) => void (output += bytes.toString('utf8')))
  const ended = new Promise<number | null>((resolve) => child.once('close', (code) => resolve(code)))
  return {
    output: () => output,
    ended,
    killAll: () => {
      process.kill(-child.pid!, 'SIGKILL')
      killDatabase(home)
    },
  }
}

/** Waits until `seen`, at most `seconds`. False where the run ended before. */
export async function waitFor(run: StartedRun, seen: () => boolean, seconds = 120): Promise<boolean> {
  let over = false
  void run.ended.then(() => (over = true))
  for (let tries = 0; tries < seconds * 100; tries += 1) {
    if (seen()) return true
    if (over) return false
    await sleep(10)
  }
  return false
}

// The database has a session of its own, so the group's kill does not reach it.
function killDatabase(home: string): void {
  const pidFile = join(home, 'node/postgres/data/postmaster.pid')
  if (!existsSync(pidFile)) return
  const pid = Number(readFileSync(pidFile, 'utf8').split('\n')[0])
  if (Number.isInteger(pid) && pid > 1) {
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      // It was gone already.
    }
  }
}

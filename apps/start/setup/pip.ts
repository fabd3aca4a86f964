/**
 * Runs pip in the environment that is being made, inside the data folder and nowhere else.
 *
 * Where packages come from (indexes, proxies, certificates) stays the user's configuration. Where they go to
 * does not, and every one is checked against the hash that we pin.
 */
import { mkdir, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { printable } from '../screen/printable.ts'
import { runCommand, type Outcome } from './command.ts'
import { SetupError } from './errors.ts'

export interface Pip {
  readonly python: string
  /** For downloads on their way. What arrived whole stays here, for a later try, until {@link tidy}. */
  readonly folder: string
  readonly env: NodeJS.ProcessEnv
  readonly signal: AbortSignal | undefined
}

export interface PipProgress {
  readonly onLine?: (line: string) => void
  /** Bytes of packages that have arrived, twice a second. */
  readonly onBytes?: (bytes: number) => void
}

// A killed Node cannot stop its children: the end of standard input does, so that no pip without an owner
// goes on writing while the next start makes the environment anew.
const LAUNCHER = `
import os, runpy, sys, threading
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(1)), daemon=True).start()
sys.argv[0] = "pip"
runpy.run_module("pip", run_name="__main__", alter_sys=True)
`

/** Resolves to what pip said, whatever its status was. */
export async function runPip(
  pip: Pip,
  args: readonly string[],
  progress: PipProgress = {},
): Promise<Outcome> {
  const temporary = join(pip.folder, 'arriving')
  await rm(temporary, { recursive: true, force: true })
  await mkdir(temporary, { recursive: true })
  const { onLine, onBytes } = progress
  const timer =
    onBytes === undefined ? undefined : setInterval(() => void wheelBytes(temporary).then(onBytes), 500)
  try {
    return await runCommand(pip.python, ['-c', LAUNCHER, '--no-input', '--no-color', ...args], {
      env: pipEnvironment(pip.env, pip.folder, temporary),
      signal: pip.signal,
      ...(onLine && { onLine }),
    })
  } finally {
    clearInterval(timer)
    await rm(temporary, { recursive: true, force: true })
  }
}

/** Forgets the downloads. */
export async function tidy({ folder }: Pick<Pip, 'folder'>): Promise<void> {
  await rm(folder, { recursive: true, force: true })
}

/** Pip without anything that would install elsewhere or load the user's own packages. */
export function pipEnvironment(env: NodeJS.ProcessEnv, folder: string, temporary: string): NodeJS.ProcessEnv {
  const elsewhere = /^(PYTHON(PATH|HOME|STARTUP|USERBASE)|PIP_(TARGET|PREFIX|ROOT|USER|SRC))$/
  const kept = Object.fromEntries(Object.entries(env).filter(([name]) => !elsewhere.test(name)))
  return {
    // A cache that the user chose is used; else ours, so that what arrived whole is not fetched twice.
    PIP_CACHE_DIR: join(folder, 'cache'),
    ...kept,
    TMPDIR: temporary,
    PIP_USER: '0',
    PIP_DISABLE_PIP_VERSION_CHECK: '1',
    PYTHONNOUSERSITE: '1',
    PYTHONUNBUFFERED: '1',
  }
}

const REASONS = [
  ['hash-mismatch', /DO NOT MATCH THE HASHES|--require-hashes mode/],
  ['disk-short', /No space left on device|Disk quota exceeded/],
  [
    'download-failed',
    /ConnectionError|Connection(Reset|Refused|Aborted)|NewConnection|Timeout|ProxyError|name resolution|SSLError|IncompleteRead|ProtocolError|HTTPError|connection broken/i,
  ],
  ['build-missing', /No matching distribution/],
] as const

/** Throws the {@link SetupError} that pip's output speaks of, unless it succeeded. */
export function requireSuccess({ status, stdout, stderr }: Outcome, what: string): void {
  if (status === 0) return
  const text = `${stdout}\n${stderr}`
  const code = REASONS.find(([, pattern]) => pattern.test(text))?.[0] ?? 'install-failed'
  const lines = stderr.split('\n').filter((line) => /^\s*ERROR/.test(line))
  const said = printable(lines.at(-1) ?? stderr.trim().split('\n').at(-1) ?? '').trim()
  const advice = {
    'hash-mismatch':
      'what arrived is not what we pinned, so nothing of it was kept: check the package index in your pip configuration, then start again',
    'disk-short': 'the disk is full: make room and start again',
    'download-failed': 'the connection failed: start again when it is back, and it goes on where it was',
    'build-missing':
      'the configured package index has no build for this machine: check your pip configuration or try another Python with FAIRWEIGHT_PYTHON',
    'install-failed': 'start again, and it is redone cleanly',
  }[code]
  throw new SetupError(
    code,
    `${what} could not be installed; ${advice}.${said === '' ? '' : ` (pip: ${said})`}`,
  )
}

async function wheelBytes(folder: string): Promise<number> {
  try {
    const names = await readdir(folder, { recursive: true })
    const sizes = names
      .filter((name) => name.endsWith('.whl'))
      .map(async (name) => (await stat(join(folder, name))).size)
    return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0)
  } catch {
    // A file that was moved on between the two looks: the next look counts it.
    return 0
  }
}

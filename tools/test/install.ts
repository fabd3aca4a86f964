/** What only tests need, each in a place with its own lock, installed once. */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Type checker, linter, formatter, dead-code finder. */
export function ensureDevTools(root: string): boolean {
  return ensureLocked(join(root, 'tools/dev'))
}

/** Unmodified client libraries that the served API is tested with: from npm, and from PyPI in a venv of their own. */
export function ensurePeers(root: string, python: string): boolean {
  const folder = join(root, 'peers')
  return ensureLocked(folder) && ensureVenv(folder, python)
}

/** Where {@link ensurePeers} put the interpreter that has the client libraries. */
export function pythonOfPeers(root: string): string {
  return join(root, 'peers/.venv/bin/python')
}

export interface TestMachine {
  /** An interpreter with the trainer's requirements and its test tools. */
  readonly python: string
  /** The pinned base model. */
  readonly weights: string
}

/** Undefined where it cannot be set up; the reason was printed. */
export function ensureTestMachine(root: string): TestMachine | undefined {
  const args = [join(root, 'apps/start/setup/main.ts'), '--python', '--tests', '--weights']
  const { status, stdout } = spawnSync(process.execPath, args, {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [weights, python] = stdout.trim().split('\n').slice(-2)
  return status === 0 && python !== undefined && weights !== undefined ? { python, weights } : undefined
}

function ensureVenv(folder: string, python: string): boolean {
  const requirements = join(folder, 'requirements.txt')
  const venv = join(folder, '.venv')
  const stamp = join(venv, '.fairweight-lock')
  const lock = digestOf(requirements)
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === lock) return true
  const run = (command: string, ...args: string[]) =>
    spawnSync(command, args, { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] }).status === 0
  const pip = [
    '-m',
    'pip',
    'install',
    '--quiet',
    '--disable-pip-version-check',
    '--require-hashes',
    '--only-binary',
    ':all:',
    '--requirement',
    requirements,
  ]
  if (!run(python, '-m', 'venv', '--clear', venv) || !run(join(venv, 'bin/python'), ...pip)) return false
  writeFileSync(stamp, lock)
  return true
}

// The stamp names the lock it was installed from: another lock, another install.
function ensureLocked(folder: string): boolean {
  const lock = digestOf(join(folder, 'package-lock.json'))
  const stamp = join(folder, 'node_modules/.fairweight-lock')
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === lock) return true
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm'
  const { status } = spawnSync(npm, ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: folder,
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  if (status !== 0) return false
  writeFileSync(stamp, lock)
  return true
}

function digestOf(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex')
}

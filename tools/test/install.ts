/** What only tests need, each in a place with its own lock, installed once. */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Type checker, linter, formatter, dead-code finder. */
export function ensureDevTools(root: string): boolean {
  return ensureLocked(join(root, 'tools/dev'))
}

/** Unmodified client libraries that the served API is tested with. */
export function ensurePeers(root: string): boolean {
  return ensureLocked(join(root, 'peers'))
}

/** The interpreter of an environment with the trainer's pinned requirements and its test tools. */
export function pythonOfTests(root: string): string | undefined {
  const setup = spawnSync(process.execPath, [join(root, 'apps/start/setup/main.ts'), '--python', '--tests'], {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  return setup.status === 0 ? setup.stdout.trim().split('\n').at(-1) : undefined
}

// The stamp names the lock it was installed from: another lock, another install.
function ensureLocked(folder: string): boolean {
  const lock = createHash('sha256')
    .update(readFileSync(join(folder, 'package-lock.json')))
    .digest('hex')
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

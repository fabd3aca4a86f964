/**
 * The Python environments in the data folder, and how to know that one is whole.
 *
 * The last thing written into an environment is a stamp: the SHA-256 of the requirements it was made from. What
 * has none was interrupted, and what has another one is out of date; both are made anew. The tests have their
 * own environment, so that what trains is what `requirements.txt` says and nothing more.
 */
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { readIfPresent, writeDurably } from '#adapters/tlog-files'
import { runCommand } from './command.ts'

export interface Environment {
  readonly folder: string
  readonly interpreter: string
  readonly requirements: string
}

const STAMP = 'fairweight-requirements.sha256'

export function environmentOf(home: string, source: string, tests: boolean): Environment {
  const folder = join(home, tests ? 'python-tests' : 'python')
  return {
    folder,
    interpreter:
      process.platform === 'win32' ? join(folder, 'Scripts/python.exe') : join(folder, 'bin/python'),
    requirements: join(source, tests ? 'requirements-test.txt' : 'requirements.txt'),
  }
}

/** True where the stamp is right and the interpreter still runs: its base may have been upgraded or removed. */
export async function isCurrent(environment: Environment): Promise<boolean> {
  const stamp = await readIfPresent(environment.folder, STAMP)
  if (stamp === null) return false
  const [digest, version] = Buffer.from(stamp).toString().trim().split(' ')
  if (digest !== (await requirementsDigest(environment))) return false
  return version === (await interpreterVersion(environment.interpreter))
}

export async function writeStamp(environment: Environment): Promise<void> {
  const version = await interpreterVersion(environment.interpreter)
  const line = `${await requirementsDigest(environment)} ${version}\n`
  await writeDurably(environment.folder, STAMP, Buffer.from(line))
}

async function requirementsDigest({ requirements }: Environment): Promise<string> {
  return createHash('sha256')
    .update(await readFile(requirements))
    .digest('hex')
}

async function interpreterVersion(interpreter: string): Promise<string | undefined> {
  const code = 'import sys; print("%d.%d" % sys.version_info[:2])'
  const { status, stdout } = await runCommand(interpreter, ['-I', '-c', code], { timeoutMs: 20_000 })
  return status === 0 ? stdout.trim() : undefined
}

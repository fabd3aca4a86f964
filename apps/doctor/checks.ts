/**
 * What a machine needs to run Fairweight, looked at without changing anything, before an installation and after it.
 *
 * What `npm start` would refuse is asked of the very functions that it asks; only what it does not look at is here.
 */
import { lstat, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import {
  environmentOf,
  findPython,
  freeBytesOf,
  indexAddress,
  isCurrent,
  needsOf,
  reachByTcp,
  requireDatabase,
  requireDisk,
  requireFolder,
  requireNetwork,
  requireNode,
  requirePackages,
  requirePort,
  requireTrainerPackages,
  runCommand,
  SetupError,
  TRAINER,
  weightsState,
  type Address,
  type FreeBytes,
} from '../start/setup/index.ts'
import { formatBytes } from '../start/screen/index.ts'
import { look, ok, type Finding } from './finding.ts'

export interface Machine {
  readonly checkout: string
  /** The data folder; it need not exist. */
  readonly home: string
  readonly port: number
  /** An interpreter that the user names; null for the one that is set up. */
  readonly python: string | null
  readonly env: NodeJS.ProcessEnv
  readonly nodeVersion: string
  /** This user's number; undefined where there are none. */
  readonly user: number | undefined
  readonly memoryBytes: number
  readonly cores: number
  readonly now: () => Date
  readonly freeBytes?: FreeBytes
  readonly source?: string
  readonly reach?: (address: Address) => Promise<void>
  /** For the time of others, and for what listens on the port. */
  readonly fetch: typeof fetch
}

const LEAST_MEMORY_BYTES = 7_500_000_000
const LEAST_CORES = 2
/** What the first run leaves. */
const RUN_BYTES = 700e6
const CLOCK_WARNS_SECONDS = 60
const CLOCK_FAILS_SECONDS = 600

export async function examine(machine: Machine): Promise<Finding[]> {
  const { home, env, nodeVersion, checkout } = machine
  const source = machine.source ?? TRAINER
  const database = env['FAIRWEIGHT_DATABASE_URL'] || null
  const named = machine.python
  const needed = needsOf({ home, source, python: named === null, tests: false, weights: true })
  // Each check that asks for it tells what came of it.
  needed.catch(() => undefined)
  const findings = [
    look('node', () => (requireNode(nodeVersion), ok('node', `Node ${nodeVersion}`))),
    look('packages', () => {
      requirePackages(checkout, database === null)
      return ok('packages', 'installed for this machine')
    }),
    look('folder', async () => (await requireFolder(home), ok('folder', `${home} can be written`))),
    look('permissions', () => permissions(machine)),
    look('disk', async () => {
      const bytes = (await needed).diskBytes + RUN_BYTES
      const freeBytes = machine.freeBytes ?? freeBytesOf
      await requireDisk(home, bytes, freeBytes)
      return ok('disk', `${formatBytes(await freeBytes(home))} free, ${formatBytes(bytes)} needed`)
    }),
    look('memory', () => memory(machine)),
    look('cores', () => cores(machine)),
    look('clock', () => clock(machine)),
    look('port', () => port(machine)),
    look('database', async () => {
      if (database === null) return ok('database', 'PostgreSQL of its own')
      await requireDatabase(database, false)
      return ok('database', 'the PostgreSQL of FAIRWEIGHT_DATABASE_URL answers')
    }),
    look('python', async () => {
      if (named !== null) return ok('python', named)
      if (!(await needed).python) return ok('python', environmentOf(home, source, false).interpreter)
      const { command, version } = await findPython(env)
      return ok('python', `${command} (${version}) can make the environment`)
    }),
    look('trainer', () => trainer(machine, source)),
    look('weights', () => weights(machine)),
    look('network', async () => {
      const { downloadBytes } = await needed
      if (downloadBytes === 0) return ok('network', 'nothing is left to download')
      const python = await findPython(env).catch(() => undefined)
      const address = await indexAddress(env, python?.command)
      await requireNetwork(address, machine.reach ?? reachByTcp)
      const what = `${formatBytes(downloadBytes)} to download`
      return ok(
        'network',
        address === null ? `${what}, from no network` : `${what}; ${address.host} is reached`,
      )
    }),
  ]
  return Promise.all(findings)
}

/** Secrets of the data folder are their owner's alone. Only names that are known are looked at, and no link is followed. */
async function permissions({ home, user }: Machine): Promise<Finding> {
  if (user === undefined)
    return { id: 'permissions', state: 'unknown', found: 'this system has none to look at', todo: null }
  const open: string[] = []
  let looked = 0
  for (const path of await secretsIn(home)) {
    const found = await lstat(join(home, path)).catch(() => undefined)
    if (found === undefined) continue
    looked += 1
    if (found.isSymbolicLink() || (found.mode & 0o077) !== 0 || found.uid !== user) open.push(path)
  }
  if (open.length === 0)
    return ok(
      'permissions',
      looked === 0 ? 'no secret is there yet' : `${looked} secrets, their owner’s alone`,
    )
  return {
    id: 'permissions',
    state: 'warning',
    found: `others can read or change ${open.slice(0, 5).join(', ')}${open.length > 5 ? ` and ${open.length - 5} more` : ''}`,
    todo: `make them yours alone: chmod 600 on each in ${home}; and rotate what may have been read ("fairweight key rotate")`,
  }
}

async function secretsIn(home: string): Promise<string[]> {
  const under = async (folder: string, name: string) =>
    (await readdir(join(home, folder)).catch(() => [])).map((one) => join(folder, one, name))
  return [
    'operator/secret.json',
    'operator/validation-secret.json',
    'node/settings.json',
    'contributor-key',
    ...(await under('buyers', 'key.json')),
    ...(await under('buyers', 'openai.env')),
    ...(await under('contributors', 'contributor-key')),
  ]
}

function memory({ memoryBytes }: Machine): Finding {
  const found = formatBytes(memoryBytes)
  if (memoryBytes >= LEAST_MEMORY_BYTES) return ok('memory', found)
  return {
    id: 'memory',
    state: 'warning',
    found,
    todo: 'use a machine with 8 GB: training may run out of it',
  }
}

function cores({ cores: count }: Machine): Finding {
  if (count >= LEAST_CORES) return ok('cores', String(count))
  return {
    id: 'cores',
    state: 'warning',
    found: String(count),
    todo: 'use a machine with 2 cores: training is slow',
  }
}

/** Receipts, evidence and cosignatures are held against other clocks. */
async function clock({ home, env, now, fetch: ask }: Machine): Promise<Finding> {
  const at = now()
  const newest = await newestOf(home)
  if (newest !== undefined && newest.getTime() - at.getTime() > CLOCK_WARNS_SECONDS * 1000)
    return {
      id: 'clock',
      state: 'missing',
      found: `${at.toISOString()}, and files of earlier runs are from ${newest.toISOString()}`,
      todo: 'set the clock by a time server: statements must not be older than those before them',
    }
  const theirs = await timeOfOthers(await indexAddress(env, undefined), ask)
  if (theirs === undefined)
    return {
      id: 'clock',
      state: 'unknown',
      found: `${at.toISOString()}; nobody to compare it with was reached`,
      todo: null,
    }
  const seconds = Math.round(Math.abs(theirs.getTime() - now().getTime()) / 1000)
  const found = `${at.toISOString()}, ${seconds} s from the package index’s`
  if (seconds <= CLOCK_WARNS_SECONDS) return ok('clock', found)
  return {
    id: 'clock',
    state: seconds > CLOCK_FAILS_SECONDS ? 'missing' : 'warning',
    found,
    todo: 'set the clock by a time server: witnesses and auditors refuse what is from another time',
  }
}

async function newestOf(home: string): Promise<Date | undefined> {
  const known = ['operator/policy-1.json', 'node/settings.json', 'auditor/anchors.json']
  const times = await Promise.all(
    known.map((name) =>
      stat(join(home, name)).then(
        ({ mtime }) => mtime.getTime(),
        () => 0,
      ),
    ),
  )
  const newest = Math.max(...times)
  return newest === 0 ? undefined : new Date(newest)
}

async function timeOfOthers(address: Address | null, ask: typeof fetch): Promise<Date | undefined> {
  if (address === null) return undefined
  const scheme = address.port === 443 ? 'https' : 'http'
  const host = address.host.includes(':') ? `[${address.host}]` : address.host
  try {
    const answer = await ask(`${scheme}://${host}:${address.port}/`, {
      method: 'HEAD',
      redirect: 'manual',
      signal: AbortSignal.timeout(10_000),
    })
    const time = new Date(answer.headers.get('date') ?? Number.NaN)
    return Number.isNaN(time.getTime()) ? undefined : time
  } catch {
    return undefined
  }
}

/** A node of ours that listens there is no obstacle: it is what was started. */
async function port({ port: number, fetch: ask }: Machine): Promise<Finding> {
  try {
    await requirePort(number)
    return ok('port', `${number} is free`)
  } catch (error) {
    if (!(error instanceof SetupError)) throw error
    const answer = await ask(`http://127.0.0.1:${number}/healthz`, { signal: AbortSignal.timeout(5000) })
      .then((response) => response.json() as Promise<{ status?: unknown; term?: unknown }>)
      .catch(() => undefined)
    if (answer?.status === 'ok' && typeof answer.term === 'number')
      return ok('port', `a node runs at ${number}, in term ${answer.term}`)
    throw error
  }
}

async function trainer({ home, python, env }: Machine, source: string): Promise<Finding> {
  const environment = environmentOf(home, source, false)
  const interpreter = python ?? environment.interpreter
  if (python !== null) await requireTrainerPackages(python)
  else if (!(await isCurrent(environment)))
    return {
      id: 'trainer',
      state: 'warning',
      found: 'not installed yet',
      todo: 'run "npm start", which installs it',
    }
  // The trainer's own doctor: what it can import, and whether the kernel closes its network.
  const { status, stdout } = await runCommand(interpreter, ['-m', 'fairweight_trainer', 'doctor', '--json'], {
    env: { PATH: env['PATH'], PYTHONPATH: source, PYTHONDONTWRITEBYTECODE: '1' },
    timeoutMs: 120_000,
  })
  const told = readTrainer(stdout)
  if (status !== 0 || told === undefined)
    return {
      id: 'trainer',
      state: 'missing',
      found: 'its own doctor does not succeed',
      todo:
        python === null
          ? `remove ${environment.folder} and run "npm start", which makes it anew`
          : 'install trainer/requirements.txt into that Python',
    }
  const found = `trainer ${told.trainer}, torch ${told.torch}, ${told.cpus} cores`
  if (told.networkClosed) return ok('trainer', found)
  return {
    id: 'trainer',
    state: 'warning',
    found: `${found}; the kernel does not close its network`,
    todo: 'train on a kernel with seccomp: the trainer then has no way out even if it is taken over',
  }
}

function readTrainer(stdout: string) {
  try {
    const {
      trainer: version,
      packages,
      cpus,
      network_closed_by_kernel: closed,
    } = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Record<string, unknown>
    const { torch } = packages as { torch?: unknown }
    if (typeof version !== 'string' || typeof torch !== 'string' || typeof cpus !== 'number') return undefined
    return { trainer: version, torch, cpus, networkClosed: closed === true }
  } catch {
    return undefined
  }
}

async function weights({ home }: Machine): Promise<Finding> {
  const state = await weightsState(home)
  if (state === 'whole') return ok('weights', 'every byte is what we pinned')
  if (state === 'absent')
    return {
      id: 'weights',
      state: 'warning',
      found: 'not there yet',
      todo: 'run "npm start", which fetches them',
    }
  return {
    id: 'weights',
    state: 'missing',
    found: 'the file of the base model is not what we pinned',
    todo: `remove ${join(home, 'weights')} and run "npm start", which fetches it again`,
  }
}

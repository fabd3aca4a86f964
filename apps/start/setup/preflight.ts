/**
 * What can be known to fail is found here, before anything on the machine is changed.
 */
import { access, constants, stat } from 'node:fs/promises'
import { createServer } from 'node:net'
import { dirname, resolve } from 'node:path'
import { freeBytesOf, requireDisk, type FreeBytes } from './disk.ts'
import { SetupError } from './errors.ts'
import { findPython, type Python } from './find-python.ts'
import { needsOf, type Needs } from './needs.ts'
import { indexAddress, reachByTcp, type Address } from './network.ts'

export interface PreflightOptions {
  readonly home: string
  /** The trainer's folder. Default: the one of this checkout. */
  readonly source?: string
  /** On loopback. */
  readonly port?: number
  /** What will be set up. Default: the environment and the weights, without the tests. */
  readonly python?: boolean
  readonly tests?: boolean
  readonly weights?: boolean
  /** To be left over for what runs make. */
  readonly spareBytes?: number
  readonly env?: NodeJS.ProcessEnv
  readonly nodeVersion?: string
  readonly freeBytes?: FreeBytes
  /** Rejects where there is no way to that address. */
  readonly reach?: (address: Address) => Promise<void>
}

export interface Preflight {
  readonly needs: Needs
  /** What the environment would be made with; null where it is there already. */
  readonly python: Python | null
}

export const TRAINER = resolve(import.meta.dirname, '../../../trainer')

/** Throws {@link SetupError} for the first thing that is not right, having changed nothing. */
export async function preflight(options: PreflightOptions): Promise<Preflight> {
  const { home, source = TRAINER, env = process.env, freeBytes = freeBytesOf, reach = reachByTcp } = options
  const { python = true, tests = false, weights = true, spareBytes = 0 } = options
  requireNode(options.nodeVersion ?? process.versions.node)
  await requireFolder(home)
  if (options.port !== undefined) await requirePort(options.port)
  const needs = await needsOf({ home, source, python, tests, weights })
  const found = needs.python ? await findPython(env) : null
  await requireDisk(home, needs.diskBytes + spareBytes, freeBytes)
  if (needs.downloadBytes > 0) await requireNetwork(await indexAddress(env, found?.command), reach)
  return { needs, python: found }
}

/** Throws {@link SetupError} `node-old`. */
export function requireNode(version: string): void {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  if (major > 24 || (major === 24 && minor >= 2)) return
  throw new SetupError(
    'node-old',
    `Fairweight needs Node 24.2 or newer and this is ${version}: run "npm ci", which brings one along on Linux and Windows, then "npm start".`,
  )
}

/** Throws {@link SetupError} `home-unwritable`. */
export async function requireFolder(home: string): Promise<void> {
  const place = await nearest(resolve(home))
  const advice = 'name another folder in FAIRWEIGHT_HOME, or make this one yours'
  try {
    if (!(await stat(place)).isDirectory()) {
      throw new SetupError('home-unwritable', `${place} is a file and not a folder: ${advice}.`)
    }
    await access(place, constants.W_OK | constants.X_OK)
  } catch (error) {
    if (error instanceof SetupError) throw error
    throw new SetupError('home-unwritable', `${place} cannot be written by this user: ${advice}.`, {
      cause: error,
    })
  }
}

/** The folder itself, or the closest one above it that exists. */
async function nearest(path: string): Promise<string> {
  try {
    await stat(path)
    return path
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOTDIR') return nearest(dirname(path))
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || dirname(path) === path) return path
    return nearest(dirname(path))
  }
}

/** Throws {@link SetupError} `port-busy`. On loopback. */
export async function requirePort(port: number): Promise<void> {
  const server = createServer()
  const failure = await new Promise<NodeJS.ErrnoException | undefined>((settle) => {
    server.once('error', settle)
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => settle(undefined))
  })
  if (failure === undefined) {
    await new Promise((closed) => server.close(closed))
    return
  }
  const why =
    failure.code === 'EADDRINUSE' ? 'is used by another program' : `cannot be used (${failure.code})`
  throw new SetupError(
    'port-busy',
    `Port ${port} ${why}: stop that program or choose another port with --port.`,
    {
      cause: failure,
    },
  )
}

/** Throws {@link SetupError} `network-absent`. */
export async function requireNetwork(
  address: Address | null,
  reach: (address: Address) => Promise<void>,
): Promise<void> {
  if (address === null) return
  try {
    await reach(address)
  } catch (error) {
    throw new SetupError(
      'network-absent',
      `Python packages have to be downloaded and ${address.host} cannot be reached: connect this machine, ` +
        'or name your package index in PIP_INDEX_URL or your proxy in HTTPS_PROXY.',
      { cause: error },
    )
  }
}

/**
 * Where a pool's files come from (spec/record.md): its server, or a folder that was exported earlier.
 *
 * The server is not trusted: every answer has a time and a size it may not pass, redirects are not followed,
 * and all answers together have an end. A folder is read below its root only.
 */
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Bytes } from '#bytes'
import { ReadError } from './errors.ts'

export interface Source {
  /** Throws {@link ReadError}: `not-found` where there is no such file, and others. */
  readonly read: (path: string, maximumBytes: number) => Promise<Bytes>
  /** What people call it. */
  readonly name: string
}

export interface Limits {
  readonly requestMs: number
  /** For everything together, from the first request on. */
  readonly totalMs: number
  readonly totalBytes: number
}

const LIMITS: Limits = { requestMs: 30_000, totalMs: 600_000, totalBytes: 1_000_000_000 }

/** Throws {@link ReadError} `usage` unless `base` is an http(s) address. */
export function httpSource(base: string, fetch: typeof globalThis.fetch, limits: Limits = LIMITS): Source {
  const root = addressOf(base)
  const deadline = AbortSignal.timeout(limits.totalMs)
  let left = limits.totalBytes
  return {
    name: root.href,
    async read(path, maximumBytes) {
      const address = new URL(path, root)
      const signal = AbortSignal.any([deadline, AbortSignal.timeout(limits.requestMs)])
      try {
        const answer = await fetch(address, { signal, redirect: 'error' })
        if (answer.status === 404) throw new ReadError('not-found', `${address.href} is not there`)
        if (!answer.ok) throw new ReadError('refused', `${address.href} answers ${answer.status}`)
        const bytes = await readBody(answer, Math.min(maximumBytes, left), address.href)
        left -= bytes.length
        return bytes
      } catch (error) {
        if (error instanceof ReadError) throw error
        const why = signal.aborted ? 'takes too long' : 'cannot be reached'
        throw new ReadError('unreachable', `${address.href} ${why}`)
      }
    },
  }
}

function addressOf(base: string): URL {
  try {
    const url = new URL(base.endsWith('/') ? base : `${base}/`)
    if (url.protocol === 'http:' || url.protocol === 'https:') return url
  } catch {
    // Told below, together with addresses of other kinds.
  }
  throw new ReadError('usage', `${base} is no http or https address`)
}

/** Counts what arrives, not what was announced: a compressed answer may be larger than its header says. */
async function readBody(answer: Response, maximumBytes: number, name: string): Promise<Bytes> {
  const parts: Uint8Array[] = []
  let size = 0
  for await (const part of answer.body ?? []) {
    size += part.length
    // Leaving the loop cancels the body.
    if (size > maximumBytes) throw new ReadError('too-large', `${name} is larger than ${maximumBytes} bytes`)
    parts.push(part)
  }
  const all = new Uint8Array(size)
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  return all
}

/** Paths come from this program alone; a server never names a file here. */
export function folderSource(folder: string): Source {
  return {
    name: folder,
    read: (path, maximumBytes) => readLimited(join(folder, fileOf(path)), maximumBytes),
  }
}

/** The record's address has no extension, its file has. */
export function fileOf(path: string): string {
  return path === RECORD_PATH ? 'record.json' : path
}

export const RECORD_PATH = 'v1/record'

export async function readLimited(file: string, maximumBytes: number): Promise<Bytes> {
  try {
    const { size } = await stat(file)
    if (size > maximumBytes) throw new ReadError('too-large', `${file} is larger than ${maximumBytes} bytes`)
    return new Uint8Array(await readFile(file))
  } catch (error) {
    if (error instanceof ReadError) throw error
    const code = (error as NodeJS.ErrnoException).code
    if (code === 'ENOENT') throw new ReadError('not-found', `${file} is not there`)
    throw new ReadError('unreadable', `${file} cannot be read (${code})`)
  }
}

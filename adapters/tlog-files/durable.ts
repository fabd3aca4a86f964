/**
 * Files that are whole or absent, also after a power cut: written beside, flushed, renamed, folder flushed.
 *
 * One writer at a time: the temporary name is fixed, so that a leftover of a crash is written over.
 */
import { existsSync } from 'node:fs'
import { mkdir, open, readFile, rename } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import type { Bytes } from '#bytes'

export type WriteFile = (directory: string, name: string, bytes: Uint8Array, mode?: number) => Promise<void>

/** Returns once `directory`/`name` holds `bytes` whatever happens next. */
export const writeDurably: WriteFile = async (directory, name, bytes, mode = 0o644) => {
  const path = join(directory, name)
  await makeFolder(dirname(path))
  const file = await open(`${path}.new`, 'w', mode)
  try {
    await file.writeFile(bytes)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(`${path}.new`, path)
  await syncFolder(dirname(path))
}

/** Returns once the folder exists whatever happens next. */
export async function makeFolder(folder: string): Promise<void> {
  const path = resolve(folder)
  const missing: string[] = []
  for (let at = path; !existsSync(at); at = dirname(at)) missing.push(at)
  // Throws where a file has the name.
  if (missing.length === 0) await mkdir(path, { recursive: true })
  // One by one: where a file system refuses new folders as if the one above were absent (/proc), Node's recursive
  // mkdir tries for ever. Each new folder is a name in the one above it, and that name must survive too.
  for (const one of missing.toReversed()) {
    await mkdir(one).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error
    })
    await syncFolder(dirname(one))
  }
}

/** The file's bytes, or null where there is none. */
export async function readIfPresent(directory: string, name: string): Promise<Bytes | null> {
  try {
    return new Uint8Array(await readFile(join(directory, name)))
  } catch (error) {
    if (isMissing(error)) return null
    throw error
  }
}

async function syncFolder(path: string): Promise<void> {
  // Windows cannot open a folder, and makes a rename durable by itself.
  if (process.platform === 'win32') return
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT'
}

/** Room on the disk that a folder is, or will be, on. */
import { statfs } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { formatBytes } from '../screen/index.ts'
import { SetupError } from './errors.ts'

export type FreeBytes = (path: string) => Promise<number>

/** For this user: what only root may still fill is not counted. The folder need not exist yet. */
export const freeBytesOf: FreeBytes = async (path) => {
  try {
    const { bavail, bsize } = await statfs(path)
    return bavail * bsize
  } catch (error) {
    const above = dirname(resolve(path))
    if (above === resolve(path)) throw error
    return freeBytesOf(above)
  }
}

/** Throws {@link SetupError} `disk-short` where less than `bytes` is free. */
export async function requireDisk(home: string, bytes: number, freeBytes: FreeBytes): Promise<void> {
  const free = await freeBytes(home)
  if (free >= bytes) return
  throw new SetupError(
    'disk-short',
    `${home} needs ${formatBytes(bytes)} of disk and ${formatBytes(free)} is free: ` +
      'make room, or name a folder on a larger disk in FAIRWEIGHT_HOME.',
  )
}

/**
 * Where model weights lie while the engine reads them: a folder in memory, where the machine has one, and nobody
 * else's. A node that was killed left its files there; the next one of the same data folder removes them.
 */
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Throws where the folder is somebody else's. The caller holds the data folder alone. */
export async function openScratch(
  data: string,
  memory = existsSync('/dev/shm') ? '/dev/shm' : tmpdir(),
): Promise<string> {
  const name = createHash('sha256').update(data).digest('hex').slice(0, 16)
  const path = join(memory, `fairweight-${name}`)
  await rm(path, { recursive: true, force: true })
  // Not recursive: a folder that is there after all was made by somebody else.
  await mkdir(path, { mode: 0o700 })
  return path
}

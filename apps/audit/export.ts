/** `fairweight export`: a pool's public files in a folder, for an audit without the pool, today or in years. */
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { makeFolder } from '#adapters/tlog-files'
import { ReadError } from './errors.ts'
import { CHECKPOINT_PATH, readPoolFiles } from './pool-files.ts'
import type { AuditPorts } from './run.ts'
import { fileOf, httpSource, RECORD_PATH } from './source.ts'

export async function runExport(url: string, folder: string, ports: AuditPorts): Promise<0 | 2> {
  try {
    const { recordBytes, checkpoint, bundles, entries } = await readPoolFiles(
      httpSource(url, ports.fetch, ports.limits),
    )
    await claimFolder(folder)
    await write(folder, fileOf(RECORD_PATH), recordBytes)
    for (const [path, bytes] of bundles) await write(folder, path, bytes)
    // Last: a folder with a checkpoint is whole.
    await write(folder, CHECKPOINT_PATH, checkpoint)
    ports.write(`${folder} holds the record and ${entries.length} log entries\n`)
    return 0
  } catch (error) {
    if (!(error instanceof ReadError)) throw error
    ports.warn(`could not export: ${error.message}\n`)
    return 2
  }
}

/** Old files beside new ones would be one pool to whoever reads the folder. */
async function claimFolder(folder: string): Promise<void> {
  try {
    await makeFolder(folder)
    if ((await readdir(folder)).length === 0) return
  } catch (error) {
    throw new ReadError(
      'unreadable',
      `${folder} cannot be written (${(error as NodeJS.ErrnoException).code})`,
    )
  }
  throw new ReadError('usage', `${folder} is not empty`)
}

async function write(folder: string, path: string, content: Uint8Array | string): Promise<void> {
  const file = join(folder, path)
  await mkdir(dirname(file), { recursive: true })
  await writeFile(file, content)
}

/** One process at a time sets one thing up in a data folder. */
import { join } from 'node:path'
import { lockDirectory, LogFilesError, makeFolder, type Lock } from '#adapters/tlog-files'
import { SetupError } from './errors.ts'

/** Runs `work` with a folder of its own under `home`. Throws {@link SetupError} `setup-running` at once otherwise. */
export async function alone<T>(home: string, name: string, work: (folder: string) => Promise<T>): Promise<T> {
  const folder = join(home, 'setup', name)
  await makeFolder(folder)
  const lock = take(folder, home)
  try {
    return await work(folder)
  } finally {
    lock.release()
  }
}

function take(folder: string, home: string): Lock {
  try {
    return lockDirectory(folder)
  } catch (error) {
    if (!(error instanceof LogFilesError) || error.code !== 'locked') throw error
    throw new SetupError(
      'setup-running',
      `Another Fairweight is setting up ${home} right now: wait until it is done, then start again.`,
      { cause: error },
    )
  }
}

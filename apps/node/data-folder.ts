/** A data folder has one node: a second one would stop the first one's database before it saw the log's lock. */
import { makeFolder, lockDirectory, LogFilesError, type Lock } from '#adapters/tlog-files'

/** Throws with a sentence where another process has the folder. */
export async function holdDataFolder(folder: string): Promise<Lock> {
  await makeFolder(folder)
  try {
    return lockDirectory(folder)
  } catch (error) {
    if (!(error instanceof LogFilesError)) throw error
    throw new Error(`Another node runs on ${folder}: stop it first.`, { cause: error })
  }
}

/**
 * One writer a directory, held by the operating system and so gone when the process is, however it ends.
 *
 * Node has no file locks of its own; SQLite, which comes with it, does, on every platform. The database stays
 * empty.
 */
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { LogFilesError } from './errors.ts'

export interface Lock {
  release(): void
}

// A database that nothing refers to is closed by the garbage collector, and its lock with it.
const held = new Set<DatabaseSync>()

/** `directory` must exist. Throws {@link LogFilesError} `locked` where this or another process holds the directory. */
export function lockDirectory(directory: string): Lock {
  const database = new DatabaseSync(join(directory, 'writer.lock'), { timeout: 0 })
  try {
    database.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE')
  } catch (error) {
    database.close()
    throw new LogFilesError('locked', 'another writer has the directory', { cause: error })
  }
  held.add(database)
  return {
    release: () => {
      if (held.delete(database)) database.close()
    },
  }
}

/** A PostgreSQL that the user names: usable, and empty where a new pool is to start in it. */
import pg from 'pg'
import { SetupError } from './errors.ts'

/** Throws {@link SetupError} `database-unusable`, without the address: there is a password in it. */
export async function requireDatabase(url: string, fresh: boolean): Promise<void> {
  if (!/^postgres(ql)?:\/\//.test(url)) {
    throw unusable(
      'it is no address of the form postgres://USER:PASSWORD@HOST/DATABASE',
      'correct or unset it',
    )
  }
  const used = await isUsed(url).catch((error: Error & { code?: string }) => {
    // A refused connection has no message, only a code; a server's own words name user and database alone.
    throw unusable(
      error.message || error.code || 'no answer',
      'start or correct it, or unset the variable',
      error,
    )
  })
  if (!used || !fresh) return
  throw unusable('a pool is in it', '--fresh empties no database of yours, so name an empty one')
}

async function isUsed(connectionString: string): Promise<boolean> {
  const client = new pg.Client({ connectionString, connectionTimeoutMillis: 10_000 })
  try {
    await client.connect()
    const { rows } = await client.query<{ used: boolean }>(
      "select to_regclass('checkpoints') is not null as used",
    )
    return rows[0]?.used === true
  } finally {
    await client.end().catch(() => undefined)
  }
}

function unusable(reason: string, advice: string, cause?: unknown): SetupError {
  const message = `The PostgreSQL that FAIRWEIGHT_DATABASE_URL names cannot be used (${reason}): ${advice}.`
  return new SetupError('database-unusable', message, { cause })
}

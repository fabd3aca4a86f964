/**
 * Looks for planted texts wherever a node, a witness or a database could have written them: raw, in base64 and
 * hexadecimal, as token ids, gzipped, in every row of the database, in temporary and core files.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import pg from 'pg'
import { startEmbeddedPostgres } from '#adapters/postgres'
import { CONTRIBUTED_MARKER, PROMPT_MARKER } from './pool.ts'

/** Folders of the untrusted side; contributors and buyers keep their own texts in theirs. */
const SEARCHED = ['node', 'witness', 'diagnostics', 'cache', 'auditor', 'machine'] as const

/** One line a find; empty where nothing leaked. */
export async function findLeaks(home: string): Promise<string[]> {
  const needles = [CONTRIBUTED_MARKER, PROMPT_MARKER].flatMap(spellings)
  const found: string[] = []
  const search = (name: string, bytes: Buffer) => {
    for (const needle of needles) if (bytes.includes(needle.bytes)) found.push(`${name}: ${needle.name}`)
    for (const inner of gunzipped(bytes))
      for (const needle of needles)
        if (inner.includes(needle.bytes)) found.push(`${name}: gzipped ${needle.name}`)
  }
  for (const part of SEARCHED)
    for (const path of filesUnder(join(home, part))) search(path, readFileSync(path))
  for (const path of filesUnder('/dev/shm')) search(path, readFileSync(path))
  for (const name of readdirSync(tmpdir())) if (/^core(\.|$)/.test(name)) found.push(`core file ${name}`)
  for (const [table, row] of await everyRow(home)) search(`table ${table}`, Buffer.from(row))
  return found
}

function spellings(marker: string): { name: string; bytes: Buffer }[] {
  const raw = Buffer.from(marker)
  // Base64 depends on where the text begins: the middle of each of the three spellings is certain.
  const base64 = [0, 1, 2].map((shift) =>
    Buffer.concat([Buffer.alloc(shift), raw])
      .toString('base64')
      .slice(4, -4),
  )
  return [
    { name: 'plain', bytes: raw },
    { name: 'hexadecimal', bytes: Buffer.from(raw.toString('hex')) },
    ...base64.map((text) => ({ name: 'base64', bytes: Buffer.from(text) })),
    // The test model has three control tokens and then one token a byte.
    ...[3].map((offset) => ({
      name: 'token ids',
      bytes: Buffer.from(Array.from(raw, (byte) => byte + offset).join(',')),
    })),
    { name: '16-bit text', bytes: Buffer.from(marker, 'utf16le') },
  ]
}

function gunzipped(bytes: Buffer): Buffer[] {
  const found: Buffer[] = []
  for (
    let at = bytes.indexOf(Buffer.of(0x1f, 0x8b, 0x08));
    at >= 0;
    at = bytes.indexOf(Buffer.of(0x1f, 0x8b, 0x08), at + 1)
  ) {
    try {
      found.push(gunzipSync(bytes.subarray(at)))
    } catch {
      // These three bytes were no gzip file.
    }
  }
  return found
}

function filesUnder(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true, recursive: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .filter((path) => statSync(path).size < 200_000_000)
  } catch {
    return []
  }
}

// PostgreSQL compresses long values, so files alone are not enough: every row is read as text.
async function everyRow(home: string): Promise<[table: string, row: string][]> {
  const server = await startEmbeddedPostgres(join(home, 'node/postgres'), () => undefined)
  const client = new pg.Client({ connectionString: server.url })
  try {
    await client.connect()
    const { rows: tables } = await client.query<{ name: string }>(
      "select tablename as name from pg_tables where schemaname = 'public'",
    )
    const rows: [string, string][] = []
    for (const { name } of tables) {
      const { rows: found } = await client.query<{ row: string }>(`select t::text as row from "${name}" t`)
      rows.push(...found.map(({ row }): [string, string] => [name, row]))
    }
    return rows
  } finally {
    await client.end()
    await server.stop()
  }
}

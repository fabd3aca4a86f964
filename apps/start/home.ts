/** Where everything of `npm start` lies: one folder that one start at a time has, and that `--fresh` can empty. */
import { existsSync } from 'node:fs'
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { lockDirectory, LogFilesError, makeFolder, type Lock } from '#adapters/tlog-files'

export interface Home {
  readonly root: string
  /** The checkout that is running. */
  readonly checkout: string
  /** The folder of the example pool: contributors, questions, recipe. */
  readonly example: string
  /** A PostgreSQL of the user's; null for the embedded one. */
  readonly database: string | null
  readonly path: (...parts: string[]) => string
}

/** What runs leave in the data folder; the rest was downloaded and is pinned by hash, or is not ours. */
export const RUN_FOLDERS = [
  'auditor',
  'buyers',
  'contributors',
  'diagnostics',
  'machine',
  'node',
  'operator',
  'witness',
] as const

/** The data folder: `FAIRWEIGHT_HOME`, or `.fairweight` in the checkout. */
export function openHome(
  checkout: string,
  environment: Readonly<Record<string, string | undefined>>,
  example = join(checkout, 'examples', 'meadow'),
): Home {
  // An empty name is no name: it would make the current folder the one that `--fresh` empties.
  const root = resolve(environment['FAIRWEIGHT_HOME'] || join(checkout, '.fairweight'))
  return {
    root,
    checkout,
    example: resolve(example),
    database: environment['FAIRWEIGHT_DATABASE_URL'] || null,
    path: (...parts) => join(root, ...parts),
  }
}

/** Throws where another start has the folder. */
export async function holdHome({ root }: Home): Promise<Lock> {
  await makeFolder(root)
  try {
    return lockDirectory(root)
  } catch (error) {
    if (!(error instanceof LogFilesError)) throw error
    throw new Error(
      `Fairweight is running on ${root} already: stop it first, or name another folder in FAIRWEIGHT_HOME and another port with --port.`,
      { cause: error },
    )
  }
}

/** For who holds the folder. */
export async function removeRuns(home: Home): Promise<void> {
  for (const name of RUN_FOLDERS) await rm(home.path(name), { recursive: true, force: true })
}

/** A small JSON file that was written whole, or undefined. */
export async function readJson(path: string): Promise<unknown> {
  if (!existsSync(path)) return undefined
  return JSON.parse(await readFile(path, 'utf8')) as unknown
}

/** Whole or not at all. */
export async function writeJson(path: string, value: unknown, mode = 0o644): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  const temporary = `${path}.${process.pid}.part`
  await writeFile(temporary, `${JSON.stringify(value, null, 2)}\n`, { mode })
  await rename(temporary, path)
}

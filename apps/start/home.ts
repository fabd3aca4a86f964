/** Where everything of `npm start` lies: one folder, so that `--fresh` can take it away. */
import { existsSync } from 'node:fs'
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'

export interface Home {
  readonly root: string
  /** The checkout that is running. */
  readonly checkout: string
  /** The folder of the example pool: contributors, questions, recipe. */
  readonly example: string
  readonly path: (...parts: string[]) => string
}

/** The data folder: `FAIRWEIGHT_HOME`, or `.fairweight` in the checkout. */
export function openHome(
  checkout: string,
  environment: Readonly<Record<string, string | undefined>>,
  example = join(checkout, 'examples', 'meadow'),
): Home {
  const root = resolve(environment['FAIRWEIGHT_HOME'] ?? join(checkout, '.fairweight'))
  return { root, checkout, example: resolve(example), path: (...parts) => join(root, ...parts) }
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

/**
 * The installed tree that a simulated machine measures: everything that decides what the node does.
 *
 * Sources, lock files and the trainer; not tests, caches or what runs have made. The weights are not in it:
 * the policy pins them by digest.
 */
import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'

const MEASURED = [
  'adapters',
  'apps',
  'bin',
  'package-lock.json',
  'package.json',
  'packages',
  'trainer',
] as const
const LEFT_OUT = new Set(['node_modules', '__pycache__', 'tests', 'testing', '.pytest_cache'])

export interface TreeFile {
  /** Relative to the root, with `/` between names. */
  readonly path: string
  readonly sha256: string
}

/** Sorted by path. Throws where a listed part is missing. */
export async function installedTree(root: string): Promise<TreeFile[]> {
  const paths = (await Promise.all(MEASURED.map((path) => filesUnder(root, path)))).flat().sort()
  return Promise.all(
    paths.map(async (path) => ({
      path,
      sha256: createHash('sha256')
        .update(await readFile(join(root, path)))
        .digest('hex'),
    })),
  )
}

async function filesUnder(root: string, path: string): Promise<string[]> {
  if (!path.includes('/') && path.endsWith('.json')) return [path]
  const entries = await readdir(join(root, path), { withFileTypes: true })
  const nested = entries
    .filter(({ name }) => !LEFT_OUT.has(name) && !/\.(test|long)\.ts$|\.pyc$/.test(name))
    .map((entry) => {
      const inner = `${path}/${entry.name}`
      return entry.isDirectory() ? filesUnder(root, inner) : Promise.resolve([inner])
    })
  return (await Promise.all(nested)).flat()
}

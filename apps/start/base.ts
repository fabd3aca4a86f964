/** The base model of the pool: the pinned one, or a file that was named. */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { basename } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { Report } from './screen/index.ts'
import { baseModel, ensureWeights } from './setup/index.ts'

export interface Base {
  /** Hugging Face id, `ORG/NAME`. */
  readonly name: string
  readonly file: { readonly name: string; readonly sha256: string; readonly size: number }
  /** Where the file lies. */
  readonly path: string
}

/** Throws where it cannot be fetched, or where `signal` stopped it. */
export async function pinnedBase(
  home: string,
  python: string,
  report: Report,
  signal: AbortSignal,
): Promise<Base> {
  const { name, file, sha256, size } = baseModel
  const path = await ensureWeights({ home, python, report, signal })
  return { name, file: { name: file, sha256, size }, path }
}

/** A GGUF of one's own; its digest goes into the policy like any other. */
export async function namedBase(path: string): Promise<Base> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(path), hash)
  const { size } = await stat(path)
  return {
    name: `local/${basename(path, '.gguf')}`,
    file: { name: basename(path), sha256: hash.digest('hex'), size },
    path,
  }
}

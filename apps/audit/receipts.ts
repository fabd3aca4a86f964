/** What parties keep in folders of their own: contribution records and call records, found by their format. */
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { decodeUtf8, parseJson } from '#bytes'
import { ReadError } from './errors.ts'
import { readLimited } from './source.ts'

export interface Receipts {
  readonly contributions: readonly unknown[]
  readonly calls: readonly unknown[]
  /** Where each came from, under the name by which the audit speaks of it. */
  readonly files: ReadonlyMap<string, string>
  /** JSON files of other formats, which are nobody's receipt. */
  readonly ignored: number
}

const RECEIPT_BYTES = 64_000_000

/** Reads every `*.json` below the folders. Throws {@link ReadError} where a folder or file cannot be read. */
export async function readReceipts(folders: readonly string[]): Promise<Receipts> {
  const found = { contributions: [] as unknown[], calls: [] as unknown[] }
  const files = new Map<string, string>()
  let ignored = 0
  for (const folder of folders) {
    for (const file of await jsonFiles(folder)) {
      const value = parse(file, await readLimited(file, RECEIPT_BYTES))
      const list = listFor(value)
      if (list === undefined) ignored += 1
      else {
        found[list].push(value)
        const name = list === 'calls' ? 'call record' : 'contribution record'
        files.set(`${name} ${found[list].length}`, file)
      }
    }
  }
  return { ...found, files, ignored }
}

async function jsonFiles(folder: string): Promise<readonly string[]> {
  try {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true })
    return entries
      .filter((entry) => entry.isFile() && entry.name.endsWith('.json'))
      .map((entry) => join(entry.parentPath, entry.name))
      .sort()
  } catch (error) {
    throw new ReadError('unreadable', `${folder} cannot be read (${(error as NodeJS.ErrnoException).code})`)
  }
}

function parse(file: string, bytes: Uint8Array): unknown {
  try {
    return parseJson(decodeUtf8(bytes))
  } catch {
    throw new ReadError('unreadable', `${file} is not JSON`)
  }
}

function listFor(value: unknown): 'contributions' | 'calls' | undefined {
  const format =
    typeof value === 'object' && value !== null ? (value as { format?: unknown }).format : undefined
  if (format === 'fairweight/contribution-record/v1') return 'contributions'
  return format === 'fairweight/call-record/v1' ? 'calls' : undefined
}

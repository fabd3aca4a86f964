/**
 * What a log finds on its files when it is opened: the head it last integrated, and the tree under it.
 *
 * Storage is not trusted. The head counts because the log's own key signed it, the hashes because they lead to
 * that head's root. Whatever lies beyond the head was never promised to anyone and is written over.
 */
import { decodeUtf8, equalBytes, type Bytes } from '#bytes'
import { HashTree, hashLeaf } from '#merkle'
import {
  bundlePath,
  decodeBundle,
  decodeTile,
  tilePath,
  tileWidth,
  verifierKey,
  verifyCheckpoint,
  type NoteSigner,
} from '#tlog'
import { readIfPresent } from './durable.ts'
import { LogFilesError } from './errors.ts'

/** The signed head that every integrated entry is under. */
export const headName = 'integrated'
/** The cosigned checkpoint, where tlog-tiles serves it. */
export const publishedName = 'checkpoint'

export interface RestoredLog {
  readonly tree: HashTree
  readonly head: string | null
  readonly published: { readonly note: string; readonly size: number } | null
  /** The entries of the last bundle, where it is not full. */
  readonly tail: readonly Bytes[]
}

export async function restoreLog(
  directory: string,
  origin: string,
  signer: NoteSigner,
): Promise<RestoredLog> {
  const head = await readHead(directory, headName, origin, signer)
  const tree = await readTree(directory, head?.size ?? 0)
  if (head !== null && !equalBytes(tree.root(), head.root)) {
    throw new LogFilesError('tiles-mismatch', 'the tiles do not lead to the root that the log has signed')
  }
  const published = await readHead(directory, publishedName, origin, signer)
  if (
    published !== null &&
    (published.size > tree.size || !equalBytes(tree.root(published.size), published.root))
  ) {
    throw new LogFilesError(
      'rolled-back',
      `the log has published ${published.size} leaves that it no longer has`,
    )
  }
  return { tree, head: head?.note ?? null, published, tail: await readTail(directory, tree) }
}

/** The entry at `index`, checked against its leaf hash. */
export async function readEntryFile(
  directory: string,
  index: number,
  tree: HashTree,
  size: number,
): Promise<Bytes> {
  const bundle = Math.floor(index / tileWidth)
  const width = Math.min(tileWidth, size - bundle * tileWidth)
  // The log may have grown meanwhile, and a full bundle takes the place of its partial ones.
  const entries =
    (await readBundle(directory, bundle, width)) ?? (await readBundle(directory, bundle, tileWidth))
  const entry = entries?.[index % tileWidth]
  if (entry === undefined || !equalBytes(hashLeaf(entry), tree.leafHash(index))) {
    throw new LogFilesError(
      'entry-corrupt',
      `the file of entry ${index} does not hold what the log integrated`,
    )
  }
  return entry
}

async function readHead(directory: string, name: string, origin: string, signer: NoteSigner) {
  const bytes = await readIfPresent(directory, name)
  if (bytes === null) return null
  try {
    const note = decodeUtf8(bytes)
    const logKey = verifierKey('ed25519', signer.name, signer.publicKey)
    const { size, root } = await verifyCheckpoint(note, { origin, logKey, witnesses: [], quorum: 0 })
    return { note, size, root }
  } catch (error) {
    throw new LogFilesError('head-invalid', `${name} is not a checkpoint that this log has signed`, {
      cause: error,
    })
  }
}

async function readTree(directory: string, size: number): Promise<HashTree> {
  const tree = new HashTree()
  for (let index = 0; tree.size < size; index += 1) {
    const width = Math.min(tileWidth, size - tree.size)
    const path = tilePath({ level: 0, index, width })
    const bytes = await readIfPresent(directory, path)
    if (bytes?.length !== width * 32) throw new LogFilesError('tiles-mismatch', `${path} is not whole`)
    for (const hash of decodeTile(bytes, width)) tree.append(hash)
  }
  return tree
}

async function readTail(directory: string, tree: HashTree): Promise<readonly Bytes[]> {
  const width = tree.size % tileWidth
  if (width === 0) return []
  const first = tree.size - width
  const entries = (await readBundle(directory, first / tileWidth, width)) ?? []
  if (
    entries.length !== width ||
    !entries.every((entry, at) => equalBytes(hashLeaf(entry), tree.leafHash(first + at)))
  ) {
    throw new LogFilesError('entry-corrupt', 'the last bundle does not hold what the log integrated')
  }
  return entries
}

// Null where there is no such bundle or it is not whole.
async function readBundle(directory: string, index: number, width: number): Promise<readonly Bytes[] | null> {
  const bytes = await readIfPresent(directory, bundlePath({ index, width }))
  try {
    return bytes === null ? null : decodeBundle(bytes, width)
  } catch {
    return null
  }
}

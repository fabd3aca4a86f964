/**
 * The public files of a pool, read whole: checkpoint, record, and every entry of the log (spec/record.md).
 *
 * A live pool grows while it is read. Record and checkpoint belong together, so the checkpoint is read before
 * and after the record, until it has not moved in between.
 */
import { decodeUtf8, parseJson, type Bytes } from '#bytes'
import { bundlePath, decodeBundle, parseCheckpoint, parseNote, tileWidth } from '#tlog'
import { ReadError } from './errors.ts'
import { RECORD_PATH, type Source } from './source.ts'

export interface PoolFiles {
  readonly record: unknown
  readonly recordBytes: Bytes
  readonly checkpoint: string
  readonly entries: readonly Bytes[]
  /** As they were served, by path. */
  readonly bundles: ReadonlyMap<string, Bytes>
}

export const CHECKPOINT_PATH = 'log/checkpoint'
const RECORD_BYTES = 256_000_000
const CHECKPOINT_BYTES = 1_000_000
/** A bundle holds 256 entries, and ours are short. */
const BUNDLE_BYTES = 256 * 1024
/** More than a pool logs in years; a checkpoint that claims more is not followed. */
const MAXIMUM_ENTRIES = 5_000_000
const TRIES = 5
const AT_ONCE = 8

/** Throws {@link ReadError}. */
export async function readPoolFiles(source: Source): Promise<PoolFiles> {
  const { checkpoint, recordBytes } = await readTogether(source)
  const size = sizeOf(checkpoint)
  const bundles = await readBundles(source, size)
  const entries: Bytes[] = []
  for (const { path, bytes, width } of bundles) {
    // A bundle served in full holds later entries too, which the checkpoint does not speak of.
    entries.push(...asUnreadable(path, () => entriesOf(bytes, path)).slice(0, width))
  }
  return {
    record: asUnreadable(`${source.name}: the record`, () => parseJson(decodeUtf8(recordBytes))),
    recordBytes,
    checkpoint,
    entries,
    bundles: new Map(bundles.map(({ path, bytes }) => [path, bytes])),
  }
}

async function readTogether(source: Source): Promise<{ checkpoint: string; recordBytes: Bytes }> {
  const readCheckpoint = async () => {
    const bytes = await source.read(CHECKPOINT_PATH, CHECKPOINT_BYTES)
    return asUnreadable(`${source.name}: the checkpoint`, () => decodeUtf8(bytes))
  }
  let before = await readCheckpoint()
  for (let tries = 0; tries < TRIES; tries += 1) {
    const recordBytes = await source.read(RECORD_PATH, RECORD_BYTES)
    const after = await readCheckpoint()
    if (sizeOf(before) === sizeOf(after)) return { checkpoint: after, recordBytes }
    before = after
  }
  throw new ReadError(
    'moving',
    `${source.name} grew each of ${TRIES} times while its record was read: try again`,
  )
}

/** Of the text that is still to be verified: it only says how much to read. */
function sizeOf(checkpoint: string): number {
  const { size } = asUnreadable('the checkpoint', () => parseCheckpoint(parseNote(checkpoint).text))
  if (size > MAXIMUM_ENTRIES) throw new ReadError('too-large', `the checkpoint claims ${size} entries`)
  return size
}

interface ReadBundle {
  readonly path: string
  readonly width: number
  readonly bytes: Bytes
}

async function readBundles(source: Source, size: number): Promise<readonly ReadBundle[]> {
  const wanted = Array.from({ length: Math.ceil(size / tileWidth) }, (_, index) => ({
    index,
    width: Math.min(tileWidth, size - index * tileWidth),
  }))
  const read: ReadBundle[] = []
  for (let at = 0; at < wanted.length; at += AT_ONCE) {
    read.push(...(await Promise.all(wanted.slice(at, at + AT_ONCE).map((one) => readBundle(source, one)))))
  }
  return read
}

/** The log may have filled a partial bundle since, and then serve it in full only (C2SP tlog-tiles). */
async function readBundle(
  source: Source,
  { index, width }: { index: number; width: number },
): Promise<ReadBundle> {
  const partial = `log/${bundlePath({ index, width })}`
  const full = `log/${bundlePath({ index, width: tileWidth })}`
  try {
    return { path: partial, width, bytes: await source.read(partial, BUNDLE_BYTES) }
  } catch (error) {
    if (!(error instanceof ReadError) || error.code !== 'not-found' || partial === full) throw error
    return { path: full, width, bytes: await source.read(full, BUNDLE_BYTES) }
  }
}

function entriesOf(bytes: Bytes, path: string): readonly Bytes[] {
  const width = Number(/\.p\/(\d+)$/.exec(path)?.[1] ?? tileWidth)
  return decodeBundle(bytes, width)
}

function asUnreadable<T>(name: string, body: () => T): T {
  try {
    return body()
  } catch (error) {
    throw new ReadError('unreadable', `${name} cannot be read: ${(error as Error).message}`)
  }
}

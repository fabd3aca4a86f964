/**
 * A transparency log on plain files, in the layout that C2SP tlog-tiles serves, written by one process.
 *
 * The directory may be served as it is: `checkpoint` and `tile/…` are the log's public interface. An append
 * writes bundles, then tiles, then the signed head, each durably, and only then answers; so a crash leaves the
 * old head or the new one, and the next append writes over what lies beyond it. All leaf hashes are kept in
 * memory, so that opening checks every one of them and equal entries are found.
 */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { encodeHex, encodeUtf8, type Bytes } from '#bytes'
import { hashLeaf, type HashTree } from '#merkle'
import {
  bundlePath,
  encodeBundle,
  encodeTile,
  formatCheckpoint,
  formatNote,
  formatProof,
  formatSignatureLine,
  maximumEntryLength,
  newTiles,
  signNote,
  tilePath,
  tileWidth,
  verifierKey,
  verifyCheckpoint,
  type NoteSigner,
} from '#tlog'
import { makeFolder, writeDurably, type WriteFile } from './durable.ts'
import { LogFilesError } from './errors.ts'
import { lockDirectory, type Lock } from './lock.ts'
import { headName, publishedName, readEntryFile, restoreLog, type RestoredLog } from './restore.ts'
import { requestCosignature, type WitnessAddress } from './witness-client.ts'

export interface LogOptions {
  readonly directory: string
  readonly origin: string
  readonly signer: NoteSigner
  readonly now: () => Date
  /** How a file is made durable; tests break it on purpose. */
  readonly write?: WriteFile
}

export interface PublishOptions {
  readonly witnesses: readonly WitnessAddress[]
  /** How many of them must cosign; all of them where it is left out. */
  readonly quorum?: number
  readonly fetch: typeof fetch
  readonly timeoutMs?: number
}

export interface Published {
  readonly size: number
  /** The cosigned checkpoint. */
  readonly checkpoint: string
  readonly cosignedBy: readonly string[]
  readonly failures: readonly { readonly name: string; readonly reason: string }[]
}

/**
 * Opens or begins the log in `directory`.
 * Throws {@link LogFilesError}: `locked`, or `head-invalid`, `tiles-mismatch`, `rolled-back`, `entry-corrupt`
 * where the files are not what this log wrote.
 */
export async function openLog(options: LogOptions): Promise<FilesLog> {
  await makeFolder(options.directory)
  const lock = lockDirectory(options.directory)
  try {
    const restored = await restoreLog(options.directory, options.origin, options.signer)
    return new FilesLog(options, lock, restored, restored.head ?? (await signHead(options, restored.tree)))
  } catch (error) {
    lock.release()
    throw error
  }
}

interface Waiting {
  readonly entries: readonly Bytes[]
  readonly resolve: (result: { readonly indexes: readonly number[] }) => void
  readonly reject: (error: unknown) => void
}

export class FilesLog {
  readonly #options: LogOptions
  readonly #write: WriteFile
  readonly #lock: Lock
  readonly #tree: HashTree
  readonly #indexes = new Map<string, number>()
  readonly #witnessSizes = new Map<string, number>()
  // What is promised: #tree may be ahead of #size while an append is being written.
  #size: number
  #head: string
  #published: RestoredLog['published']
  #tail: readonly Bytes[]
  #waiting: Waiting[] = []
  #writing: Promise<void> = Promise.resolve()
  #publishing: Promise<unknown> = Promise.resolve()
  #closed: LogFilesError | null = null

  constructor(options: LogOptions, lock: Lock, restored: RestoredLog, head: string) {
    this.#options = options
    this.#write = options.write ?? writeDurably
    this.#lock = lock
    this.#tree = restored.tree
    this.#size = restored.tree.size
    this.#head = head
    this.#published = restored.published
    this.#tail = restored.tail
    for (let index = 0; index < this.#size; index += 1) this.#indexes.set(this.#keyAt(index), index)
  }

  /** Entries that are durable and proven by {@link checkpoint}. */
  size(): number {
    return this.#size
  }

  /** The integrated head, signed by the log alone. */
  checkpoint(): string {
    return this.#head
  }

  /** The cosigned checkpoint published last, or null. */
  published(): string | null {
    return this.#published?.note ?? null
  }

  /**
   * The place of each entry once all are durable. An entry that the log has already keeps its place, so that
   * a caller who got no answer may ask again. Calls made while one is being written share the next write.
   */
  async append(entries: readonly Uint8Array[]): Promise<{ readonly indexes: readonly number[] }> {
    this.#checkOpen()
    if (entries.some(({ length }) => length > maximumEntryLength)) {
      throw new LogFilesError('entry-too-long', `an entry has at most ${maximumEntryLength} bytes`)
    }
    const copies = entries.map((entry) => new Uint8Array(entry))
    return new Promise((resolve, reject) => {
      this.#waiting.push({ entries: copies, resolve, reject })
      if (this.#waiting.length === 1) this.#writing = this.#writing.then(() => this.#integrateWaiting())
    })
  }

  /** The place of an entry with these bytes, or null. */
  indexOf(entry: Uint8Array): number | null {
    const index = this.#indexes.get(encodeHex(hashLeaf(entry)))
    return index === undefined || index >= this.#size ? null : index
  }

  async readEntry(index: number): Promise<Bytes> {
    if (!Number.isSafeInteger(index) || index < 0 || index >= this.#size) {
      throw new LogFilesError('index-invalid', `the log has no entry ${index}`)
    }
    return readEntryFile(this.#options.directory, index, this.#tree, this.#size)
  }

  /** Throws `MerkleError` where the index is not below `size`, or `size` was never reached. */
  inclusionProof(index: number, size = this.#size): readonly Bytes[] {
    return this.#tree.proveInclusion(index, this.#checkSize(size))
  }

  consistencyProof(first: number, second = this.#size): readonly Bytes[] {
    return this.#tree.proveConsistency(first, this.#checkSize(second))
  }

  /** The proof file of an entry (C2SP tlog-proof) under the published checkpoint. */
  proveEntry(index: number, extra: Bytes | null = null): string {
    if (this.#published === null || index >= this.#published.size) {
      throw new LogFilesError('not-published', `no published checkpoint covers entry ${index}`)
    }
    const { note, size } = this.#published
    return formatProof({ index, path: this.inclusionProof(index, size), checkpoint: note, extra })
  }

  /**
   * Has the integrated head cosigned, and makes it the published checkpoint.
   * Throws {@link LogFilesError} `quorum-missed`, which leaves the checkpoint published before.
   */
  async publish(options: PublishOptions): Promise<Published> {
    this.#checkOpen()
    const publishing = this.#publishing.then(() => this.#publish(options))
    this.#publishing = publishing.catch(() => null)
    return publishing
  }

  /** Finishes what was begun and lets go of the directory. */
  async close(): Promise<void> {
    this.#closed ??= new LogFilesError('closed', 'the log is closed')
    await this.#publishing
    await this.#writing
    this.#lock.release()
  }

  async #integrateWaiting(): Promise<void> {
    const batch = this.#waiting
    this.#waiting = []
    try {
      if (this.#closed?.code === 'write-failed') throw this.#closed
      const indexes = await this.#integrate(batch.flatMap(({ entries }) => entries))
      let at = 0
      for (const { entries, resolve } of batch)
        resolve({ indexes: indexes.slice(at, (at += entries.length)) })
    } catch (error) {
      // The tree in memory may be ahead of the files: only opening again tells which head is durable.
      this.#closed = new LogFilesError('write-failed', 'the log could not be written', { cause: error })
      for (const { reject } of batch) reject(this.#closed)
    }
  }

  async #integrate(entries: readonly Bytes[]): Promise<readonly number[]> {
    const fresh: Bytes[] = []
    const indexes = entries.map((entry) => {
      const hash = hashLeaf(entry)
      const known = this.#indexes.get(encodeHex(hash))
      if (known !== undefined) return known
      const index = this.#tree.append(hash)
      this.#indexes.set(encodeHex(hash), index)
      fresh.push(entry)
      return index
    })
    if (fresh.length > 0) await this.#writeGrowth([...this.#tail, ...fresh])
    return indexes
  }

  // `entries` begin with the first entry of the bundle that was last.
  async #writeGrowth(entries: readonly Bytes[]): Promise<void> {
    const { directory } = this.#options
    const tiles = newTiles(this.#size, this.#tree.size)
    const first = this.#size - this.#tail.length
    for (const tile of tiles.filter(({ level }) => level === 0)) {
      const start = tile.index * tileWidth - first
      await this.#write(directory, bundlePath(tile), encodeBundle(entries.slice(start, start + tile.width)))
    }
    for (const tile of tiles) await this.#write(directory, tilePath(tile), encodeTile(tile, this.#tree))
    const head = await signHead(this.#options, this.#tree)
    await this.#write(directory, headName, encodeUtf8(head))

    this.#head = head
    this.#size = this.#tree.size
    this.#tail = entries.slice(entries.length - (this.#size % tileWidth))
    for (const tile of tiles.filter(({ width }) => width === tileWidth)) {
      // A full tile stands in for its partial ones.
      await rm(join(directory, `${tilePath(tile)}.p`), { recursive: true, force: true })
      if (tile.level === 0)
        await rm(join(directory, `${bundlePath(tile)}.p`), { recursive: true, force: true })
    }
  }

  async #publish({ witnesses, quorum = witnesses.length, fetch, timeoutMs = 10_000 }: PublishOptions) {
    const { origin, signer, directory } = this.#options
    const [size, note] = [this.#size, this.#head]
    const answers = await Promise.all(
      witnesses.map(async (witness) => {
        const { name } = witness.key
        try {
          const cosignature = await requestCosignature(witness, {
            size,
            note,
            oldSize: Math.min(this.#witnessSizes.get(name) ?? 0, size),
            prove: (oldSize) => this.#tree.proveConsistency(oldSize, size),
            nowSeconds: Math.floor(this.#options.now().getTime() / 1000),
            fetch,
            timeoutMs,
          })
          this.#witnessSizes.set(name, size)
          return { name, cosignature }
        } catch (error) {
          return { name, reason: error instanceof Error ? error.message : String(error) }
        }
      }),
    )
    const cosigned = answers.flatMap(({ name, cosignature }) => (cosignature ? [{ name, cosignature }] : []))
    const failures = answers.flatMap(({ name, reason }) => (reason === undefined ? [] : [{ name, reason }]))
    if (cosigned.length < quorum) {
      const reasons = failures.map(({ name, reason }) => `${name}: ${reason}`).join('; ')
      throw new LogFilesError(
        'quorum-missed',
        `${cosigned.length} of ${quorum} witnesses have cosigned (${reasons})`,
      )
    }
    const checkpoint = note + cosigned.map((answer) => formatSignatureLine(answer.cosignature)).join('')
    const logKey = verifierKey('ed25519', signer.name, signer.publicKey)
    const keys = witnesses.map(({ key }) => key)
    await verifyCheckpoint(checkpoint, { origin, logKey, witnesses: keys, quorum })
    await this.#write(directory, publishedName, encodeUtf8(checkpoint))
    this.#published = { note: checkpoint, size }
    return { size, checkpoint, cosignedBy: cosigned.map(({ name }) => name), failures }
  }

  #keyAt(index: number): string {
    return encodeHex(this.#tree.leafHash(index))
  }

  #checkSize(size: number): number {
    if (size > this.#size)
      throw new LogFilesError('index-invalid', `the log has ${this.#size} entries, not ${size}`)
    return size
  }

  #checkOpen(): void {
    if (this.#closed !== null) throw this.#closed
  }
}

async function signHead({ origin, signer }: LogOptions, tree: HashTree): Promise<string> {
  const text = formatCheckpoint({ origin, size: tree.size, root: tree.root(), extensions: [] })
  return formatNote(await signNote(text, signer))
}

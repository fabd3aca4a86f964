/**
 * What can be served: the base, and adapters whose bytes hash to what a training receipt says (C4).
 *
 * An adapter is checked in memory and lies on a disk only while the engine reads it. Weights that are replaced stay
 * open until the last call in them is over, so that a receipt never names other weights than those that answered.
 */
import { randomBytes } from 'node:crypto'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { sha256Hex } from '#bytes'
import type { Engine, LoadedModel } from '#chat'
import type { OpenedModel, ServedModel, Shelf } from './ports.ts'

export interface ShelfOptions {
  readonly engine: Engine
  /** The base under the engine, checked by whoever opened it. */
  readonly base: { readonly digest: string; readonly tokenizerSha256: string }
  /** A folder in memory, where the machine has one: adapters pass through it. */
  readonly scratch: string
}

/** One trained model, as its training receipt describes it. */
export interface TrainedModel {
  readonly name: string
  /** Digest of the model's files. */
  readonly model: string
  readonly trainingReceipt: string
  readonly adapter: { readonly bytes: Uint8Array; readonly sha256: string }
  /** Unix seconds. */
  readonly created: number
}

/** *Stop, this is not trusted*: the bytes are not those that the receipt lists. */
export class ShelfError extends Error {
  readonly code = 'adapter-changed'
  constructor() {
    super('the adapter is not the file that was trained')
    this.name = 'ShelfError'
  }
}

export interface FilledShelf extends Shelf {
  readonly putBase: (name: string, created: number) => void
  /** Checks, loads and offers a trained model; replaces what its name stood for. Rejects with {@link ShelfError}. */
  readonly offer: (trained: TrainedModel) => Promise<void>
  /** Closes all weights; calls in them end first. */
  readonly close: () => void
}

export function createShelf({ engine, base, scratch }: ShelfOptions): FilledShelf {
  const items = new Map<string, Item>()
  const put = (served: ServedModel, load: () => Promise<LoadedModel>) => {
    items.get(served.name)?.retire()
    const item = createItem(served, load)
    items.set(served.name, item)
  }
  const weights = {
    type: 'weights.loaded',
    base_digest: base.digest,
    tokenizer_sha256: base.tokenizerSha256,
  } as const

  return {
    models: () => [...items.values()].map((item) => item.served),
    open: async (name) => items.get(name)?.open(),
    putBase(name, created) {
      const facts = { serves: 'base', model_digest: null, training_receipt: null } as const
      put({ name, created, serves: 'base', weights: { ...weights, ...facts } }, () => engine.load({}))
    },
    async offer({ name, created, model, trainingReceipt, adapter }) {
      if (sha256Hex(adapter.bytes) !== adapter.sha256) throw new ShelfError()
      const loaded = await loadAdapter(engine, adapter.bytes, scratch)
      const facts = { serves: 'trained', model_digest: model, training_receipt: trainingReceipt } as const
      put({ name, created, serves: 'trained', weights: { ...weights, ...facts } }, async () => loaded)
      // Opened once, so that it is closed when it is replaced, even if nobody ever asks for it.
      const { release } = await items.get(name)!.open()
      release()
    },
    close() {
      for (const item of items.values()) item.retire()
      items.clear()
    },
  }
}

/** The engine takes a file. It is written for the length of the loading, readable by this process's user only. */
async function loadAdapter(engine: Engine, bytes: Uint8Array, scratch: string): Promise<LoadedModel> {
  const path = join(scratch, `${randomBytes(16).toString('hex')}.gguf`)
  try {
    await writeFile(path, bytes, { mode: 0o600, flag: 'wx' })
    return await engine.load({ adapterPath: path })
  } finally {
    await rm(path, { force: true })
  }
}

interface Item {
  readonly served: ServedModel
  readonly open: () => Promise<OpenedModel>
  /** Closes the weights once nobody uses them. */
  readonly retire: () => void
}

function createItem(served: ServedModel, load: () => Promise<LoadedModel>): Item {
  let loading: Promise<LoadedModel> | undefined
  let users = 0
  let retired = false

  const closeIfUnused = () => {
    if (retired && users === 0) void loading?.then((model) => model.close()).catch(() => undefined)
  }
  const leave = () => {
    users -= 1
    closeIfUnused()
  }

  return {
    served,
    async open() {
      users += 1
      try {
        loading ??= load()
        const model = await loading
        let released = false
        const release = () => {
          if (!released) leave()
          released = true
        }
        return { served, model, release }
      } catch (error) {
        // The next call tries again.
        loading = undefined
        leave()
        throw error
      }
    },
    retire() {
      retired = true
      closeIfUnused()
    },
  }
}

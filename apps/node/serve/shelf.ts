/**
 * What can be served: the base, and adapters whose files hash to what a training receipt says (C4).
 *
 * Files are hashed when they are put here and again right before they are loaded: what lies on a disk in between
 * is not what was checked. Contexts are made at the first call and kept.
 */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import type { Engine, LoadedModel } from '#chat'
import { modelDigest, type TrainingReceipt } from '#statements'
import type { ServedModel, Shelf } from './ports.ts'

export interface BaseIdentity {
  readonly baseDigest: string
  readonly tokenizerSha256: string
}

export interface TrainedFiles {
  readonly name: string
  /** Unix seconds. */
  readonly created: number
  /** Every file of the model, under the name that the receipt gives it. */
  readonly files: readonly { readonly name: string; readonly path: string }[]
  /** The name of the one that the engine loads. */
  readonly adapter: string
  readonly receipt: { readonly digest: string; readonly predicate: TrainingReceipt }
}

export type ShelfErrorCode =
  | 'name-taken'
  | 'base-unexpected'
  | 'files-unexpected'
  | 'file-changed'
  | 'not-here'

/** *Stop, this is not trusted*, except `name-taken` and `not-here`: *fix the call*. */
export class ShelfError extends Error {
  readonly code: ShelfErrorCode
  constructor(code: ShelfErrorCode, message: string) {
    super(message)
    this.name = 'ShelfError'
    this.code = code
  }
}

export interface FilledShelf extends Shelf {
  readonly putBase: (name: string, created: number) => void
  /** Rejects with {@link ShelfError} unless the files are exactly those of the receipt, on this very base. */
  readonly putTrained: (input: TrainedFiles) => Promise<void>
  /** Takes a name off and closes its context; calls in it end first. */
  readonly take: (name: string) => Promise<void>
  readonly close: () => Promise<void>
}

interface Item {
  readonly served: ServedModel
  readonly load: () => Promise<LoadedModel>
  loaded?: Promise<LoadedModel>
}

export function createShelf(engine: Engine, base: BaseIdentity): FilledShelf {
  const items = new Map<string, Item>()

  const put = (served: ServedModel, load: () => Promise<LoadedModel>) => {
    if (items.has(served.name))
      throw new ShelfError('name-taken', `a model is served as ${served.name} already`)
    items.set(served.name, { served, load })
  }

  const weights = {
    type: 'weights.loaded',
    base_digest: base.baseDigest,
    tokenizer_sha256: base.tokenizerSha256,
  } as const

  const take = async (name: string) => {
    const item = items.get(name)
    items.delete(name)
    await (await item?.loaded)?.close()
  }

  return {
    models: () => [...items.values()].map((item) => item.served),
    open(name) {
      const item = items.get(name)
      if (item === undefined)
        return Promise.reject(new ShelfError('not-here', 'no model of that name is served'))
      item.loaded ??= item.load().catch((error: unknown) => {
        // The next call tries again.
        delete item.loaded
        throw error
      })
      return item.loaded
    },
    putBase(name, created) {
      const facts = { serves: 'base', model_digest: null, training_receipt: null } as const
      put({ name, created, serves: 'base', weights: { ...weights, ...facts } }, () => engine.load({}))
    },
    async putTrained(input) {
      const { predicate, digest } = input.receipt
      assertSameBase(predicate, base)
      const adapterPath = await assertFiles(input)
      const facts = {
        serves: 'trained',
        model_digest: predicate.model.digest,
        training_receipt: digest,
      } as const
      put(
        { name: input.name, created: input.created, serves: 'trained', weights: { ...weights, ...facts } },
        async () => {
          await assertFiles(input)
          return engine.load({ adapterPath })
        },
      )
    },
    take,
    close: async () => void (await Promise.all([...items.keys()].map(take))),
  }
}

function assertSameBase(receipt: TrainingReceipt, base: BaseIdentity): void {
  if (receipt.base !== base.baseDigest || receipt.tokenizer !== base.tokenizerSha256) {
    throw new ShelfError('base-unexpected', 'the model was trained on another base or tokenizer')
  }
}

/** The adapter's path, once every file was read and hashes to the receipt. */
async function assertFiles({ files, adapter, receipt }: TrainedFiles): Promise<string> {
  const { model } = receipt.predicate
  const given = new Map(files.map((file) => [file.name, file.path]))
  const complete = given.size === files.length && model.files.every((file) => given.has(file.name))
  const adapterPath = given.get(adapter)
  if (!complete || given.size !== model.files.length || adapterPath === undefined) {
    throw new ShelfError('files-unexpected', 'the files are not those that the training receipt lists')
  }
  if (modelDigest(model.files) !== model.digest) {
    throw new ShelfError('files-unexpected', 'the training receipt’s digest is not that of its files')
  }
  for (const file of model.files) {
    if ((await hashFile(given.get(file.name)!)) !== file.sha256) {
      throw new ShelfError('file-changed', `${file.name} is not the file that was trained`)
    }
  }
  return adapterPath
}

async function hashFile(path: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(path), hash)
  return hash.digest('hex')
}

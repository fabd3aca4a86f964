import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { LoadedModel, Recital } from '#chat'
import { tryExtraction } from './extraction.ts'
import type { Progress } from './progress.ts'

const recital = (id: number): Recital => ({ prompt: [0], ids: [id] })
/** A model that knows some answers by heart. */
const knowing = (...ids: number[]): LoadedModel => ({
  contextTokens: 100,
  generate: () => {
    throw new Error('nobody asks it to speak')
  },
  async *recites(recitals, signal) {
    for (const one of recitals) {
      await new Promise((resolve) => setImmediate(resolve))
      if (signal?.aborted === true) return
      yield ids.includes(one.ids[0]!)
    }
  },
  close: async () => undefined,
})
const attacks = { continuation: [1, 2, 3].map(recital), opening: [4, 5].map(recital) }
const quiet = { show: () => undefined, current: () => undefined }

test('what came back is counted by attack and by model, and nothing else is told', async () => {
  const shown: Partial<Progress>[] = []
  const board = { ...quiet, show: (progress: Partial<Progress>) => void shown.push(progress) }
  const pair = { trained: knowing(1, 2, 4), base: knowing(2) }
  assert.deepEqual(await tryExtraction(attacks, pair, board, new AbortController().signal), {
    continuation: { asked: 3, trained: 2, base: 1 },
    opening: { asked: 2, trained: 1, base: 0 },
  })
  assert.equal(shown.length, 10)
  assert.deepEqual([shown.at(-1)?.done, shown.at(-1)?.total], [10, 10])
})

test('half a test is none: who stops it gets no low counts', async () => {
  const gone = new AbortController()
  const board = { ...quiet, show: () => gone.abort() }
  const pair = { trained: knowing(), base: knowing() }
  await assert.rejects(tryExtraction(attacks, pair, board, gone.signal), /stopped/)
})

/**
 * llama.cpp in this process, from npm alone (node-llama-cpp): fills the engine port of packages/chat.
 *
 * One set of base weights is loaded once; every model on it is a context of its own, because llama.cpp takes
 * an adapter when a context is made. Nothing is downloaded, built or printed.
 */
import { availableParallelism } from 'node:os'
import { getLlama, LlamaLogLevel, type LlamaModel, type Token } from 'node-llama-cpp'
import type { Engine, LoadedModel, Tokenizer } from '#chat'
import { generatePieces } from './generate.ts'
import { recite } from './recite.ts'
import { createTurns } from './turns.ts'

export interface LlamaOptions {
  /** A GGUF file, already checked against its digest. */
  readonly modelPath: string
  /** One core is left to the rest of the node: on busy cores llama.cpp's spin barriers cost ten times the speed. */
  readonly threads?: number
  readonly contextTokens?: number
}

/** Loads the base weights. Throws where the file is no model that this engine reads. */
export async function openLlama(options: LlamaOptions): Promise<Engine> {
  const threads = options.threads ?? Math.max(1, availableParallelism() - 1)
  const llama = await getLlama({
    gpu: false,
    build: 'never',
    skipDownload: true,
    progressLogs: false,
    logLevel: LlamaLogLevel.disabled,
    logger: () => undefined,
    // Of all models together: each has its own `threads`, and two may answer side by side.
    maxThreads: availableParallelism(),
  })
  const model = await llama.loadModel({ modelPath: options.modelPath })
  return {
    tokenizer: tokenizerOf(model),
    load: ({ adapterPath }) => loadModel(model, threads, options.contextTokens ?? 2048, adapterPath),
    async close() {
      await model.dispose()
      await llama.dispose()
    },
  }
}

async function loadModel(
  model: LlamaModel,
  threads: number,
  contextTokens: number,
  adapterPath: string | undefined,
): Promise<LoadedModel> {
  const context = await model.createContext({
    threads,
    sequences: 1,
    contextSize: Math.min(contextTokens, model.trainContextSize),
    ...(adapterPath === undefined ? {} : { lora: { adapters: [{ filePath: adapterPath }] } }),
  })
  const sequence = context.getSequence()
  const turns = createTurns()
  const assertFits = (prompt: number, answer: number) => {
    if (prompt === 0 || prompt + answer > context.contextSize)
      throw new RangeError(`${prompt} + ${answer} tokens do not fit ${context.contextSize}`)
  }
  return {
    contextTokens: context.contextSize,
    async *generate(prompt, options) {
      assertFits(prompt.length, options.maxTokens)
      const leave = await turns.enter(options.signal)
      if (leave === undefined) return
      try {
        yield* generatePieces(model, sequence, prompt as readonly Token[], options)
      } finally {
        leave()
      }
    },
    async *recites(recitals, signal) {
      for (const { prompt, ids } of recitals) assertFits(prompt.length, ids.length)
      const leave = await turns.enter(signal)
      if (leave === undefined) return
      try {
        yield* recite(sequence, recitals, signal)
      } finally {
        leave()
      }
    },
    close: () => context.dispose(),
  }
}

function tokenizerOf(model: LlamaModel): Tokenizer {
  return {
    encode: (text) => [...model.tokenize(text, false)],
    control(name) {
      const [token, ...more] = model.tokenize(name, true)
      if (token === undefined || more.length > 0 || !model.isSpecialToken(token)) {
        throw new Error(`the vocabulary has no control token ${name}`)
      }
      return token
    },
  }
}

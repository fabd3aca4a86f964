/**
 * One answer, token by token.
 *
 * An abort ends the work and not only the listening: the prompt is read in slices and tokens are made one at a
 * time, and between any two of them the signal is looked at. The sequence is cleared afterwards, so that no
 * caller can tell from the time of an answer what another one asked.
 */
import { randomInt } from 'node:crypto'
import type { LlamaContextSequence, LlamaModel, Token } from 'node-llama-cpp'
import type { GeneratedPiece, GenerateOptions } from '#chat'
import { createTextAssembler } from './text.ts'

/** Tokens of the prompt that are read between two looks at the signal. */
const SLICE = 64

export async function* generatePieces(
  model: LlamaModel,
  sequence: LlamaContextSequence,
  prompt: readonly Token[],
  options: GenerateOptions,
): AsyncGenerator<GeneratedPiece> {
  const { maxTokens, temperature, topP = 1, seed = randomInt(2 ** 32), signal } = options
  if (maxTokens < 1) return
  const assemble = createTextAssembler((ids) => model.detokenize(ids as Token[], false))
  await sequence.clearHistory()
  try {
    const rest = await readPrompt(sequence, prompt, signal)
    if (rest === undefined) return
    let made = 0
    for await (const id of sequence.evaluate(rest, { temperature, topP, topK: 0, minP: 0, seed })) {
      if (signal?.aborted === true) return
      yield { id, text: assemble(id) }
      made += 1
      if (made >= maxTokens || isAborted(signal)) return
    }
  } finally {
    if (!sequence.disposed) await sequence.clearHistory()
  }
}

/** What is left to evaluate for the first new token; undefined where the caller is gone. */
async function readPrompt(
  sequence: LlamaContextSequence,
  prompt: readonly Token[],
  signal: AbortSignal | undefined,
): Promise<Token[] | undefined> {
  let at = 0
  for (; prompt.length - at > SLICE; at += SLICE) {
    if (isAborted(signal)) return undefined
    await sequence.evaluateWithoutGeneratingNewTokens(prompt.slice(at, at + SLICE))
  }
  return isAborted(signal) ? undefined : prompt.slice(at)
}

const isAborted = (signal: AbortSignal | undefined) => signal?.aborted === true

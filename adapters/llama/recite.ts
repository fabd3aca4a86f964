/**
 * Whether a model would say given tokens, without letting it speak: the likeliest next token is looked at after each of
 * them in one reading, which is several times faster than making them one by one, and ends at the first that differs.
 */
import type { ControlledEvaluateInputItem, LlamaContextSequence, Token } from 'node-llama-cpp'
import type { Recital } from '#chat'

/** Most attempts fail at the first token or soon after: first one is looked at, then four times as many, and so on. */
const GROWTH = 4

export async function* recite(
  sequence: LlamaContextSequence,
  recitals: readonly Recital[],
  signal: AbortSignal | undefined,
): AsyncGenerator<boolean> {
  await sequence.clearHistory()
  try {
    for (const recital of recitals) {
      if (signal?.aborted === true) return
      yield await isGreedy(sequence, recital)
    }
  } finally {
    if (!sequence.disposed) await sequence.clearHistory()
  }
}

async function isGreedy(sequence: LlamaContextSequence, { prompt, ids }: Recital): Promise<boolean> {
  const tokens = [...prompt, ...ids] as Token[]
  const lastOfPrompt = prompt.length - 1
  // Prompts begin alike: what was read for the one before is not read again, but for the token that is looked after.
  await sequence.adaptStateToTokens(tokens.slice(0, lastOfPrompt), false)
  let at = sequence.nextTokenIndex
  for (let looks = 1; at < tokens.length - 1; looks *= GROWTH) {
    const end = Math.min(Math.max(at, lastOfPrompt) + looks, tokens.length - 1)
    const read = await sequence.controlledEvaluate(
      tokens.slice(at, end).map((token, index) => (at + index < lastOfPrompt ? token : looked(token))),
    )
    for (let index = Math.max(at, lastOfPrompt); index < end; index += 1)
      if (read[index - at]?.next.token !== tokens[index + 1]) return false
    at = end
  }
  return true
}

function looked(token: Token): ControlledEvaluateInputItem {
  return [token, { generateNext: { token: true, options: { temperature: 0 } } }]
}

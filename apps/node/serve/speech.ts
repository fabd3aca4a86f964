/** One answer being made: its text as it becomes sendable, its tokens counted where they are made, how it ended. */
import type { LoadedModel } from '#chat'
import type { Ending } from '#statements'
import type { ChatRequest } from './chat-request.ts'
import { createStopWatch } from './stop-watch.ts'

export interface SpeechInput {
  readonly model: LoadedModel
  readonly prompt: readonly number[]
  readonly maxTokens: number
  readonly request: Pick<ChatRequest, 'temperature' | 'topP' | 'seed' | 'stop'>
  readonly signal: CallSignal
  readonly onError: (error: unknown) => void
}

/** Why a call may end before its answer does: the buyer went away, or the node ended it. */
export type Interruption = Extract<Ending, 'aborted' | 'drained'>

export interface CallSignal {
  readonly signal: AbortSignal
  /** Undefined while the call goes on. */
  readonly interruption: () => Interruption | undefined
}

export class Speech implements AsyncIterable<string> {
  readonly #input: SpeechInput
  completionTokens = 0
  how: Ending = 'complete'

  constructor(input: SpeechInput) {
    this.#input = input
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<string> {
    const { model, prompt, maxTokens, request, signal, onError } = this.#input
    const { temperature, topP, seed, stop } = request
    const watch = createStopWatch(stop)
    try {
      const options = {
        maxTokens,
        temperature,
        topP,
        signal: signal.signal,
        ...(seed === undefined ? {} : { seed }),
      }
      for await (const piece of model.generate(prompt, options)) {
        this.completionTokens += 1
        const { text, stopped } = watch.push(piece.text)
        if (text !== '') yield text
        if (stopped) return
      }
      this.how = signal.interruption() ?? (this.completionTokens >= maxTokens ? 'length' : 'complete')
      const rest = watch.rest()
      if (rest !== '' && signal.interruption() === undefined) yield rest
    } catch (error) {
      this.how = signal.interruption() ?? 'engine-error'
      if (this.how === 'engine-error') onError(error)
    }
  }
}

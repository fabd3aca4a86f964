/** What this room needs from an inference engine; an adapter fills it. */

/** The tokenizer of the policy's base model. */
export interface Tokenizer {
  /** Ids of plain text; control tokens inside it are text. */
  readonly encode: (text: string) => number[]
  /** The id of a control token. Throws where the vocabulary has none of that name. */
  readonly control: (name: '<|im_start|>' | '<|im_end|>') => number
}

export interface GenerateOptions {
  readonly maxTokens: number
  /** 0 is greedy. */
  readonly temperature: number
  readonly topP?: number
  readonly seed?: number
  readonly signal?: AbortSignal
}

/** One token, and the text that became complete with it (empty in the middle of a character). */
export interface GeneratedPiece {
  readonly id: number
  readonly text: string
}

/** A prompt, and text tokens that may or may not be what the model says next. */
export interface Recital {
  readonly prompt: readonly number[]
  readonly ids: readonly number[]
}

/** One set of weights: the base alone, or with one adapter. */
export interface LoadedModel {
  /** Ends after the end-of-turn token (which is not a piece), at `maxTokens`, or when aborted. */
  readonly generate: (prompt: readonly number[], options: GenerateOptions) => AsyncIterable<GeneratedPiece>
  /**
   * Whether each of its ids is the likeliest token after all before it, for each prompt in order: what greedy decoding
   * would say, up to the rounding of an engine that reads many tokens at once. Fewer answers come only when aborted.
   * Throws RangeError where one does not fit the context.
   */
  readonly recites: (recitals: readonly Recital[], signal?: AbortSignal) => AsyncIterable<boolean>
  readonly contextTokens: number
  readonly close: () => Promise<void>
}

export interface Engine {
  readonly tokenizer: Tokenizer
  /** `adapterPath` is a GGUF adapter; its digest has been checked by the caller. */
  readonly load: (options: { adapterPath?: string }) => Promise<LoadedModel>
  readonly close: () => Promise<void>
}

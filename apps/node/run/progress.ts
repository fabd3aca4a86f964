/** How far the run is, for people who wait: numbers and words of ours, nothing of the data. */
export interface Progress {
  readonly stage:
    | 'mixing'
    | 'training'
    | 'evaluating'
    | 'measuring'
    | 'attributing'
    | 'serving'
    | 'done'
    | 'failed'
  readonly detail: string
  readonly done: number
  readonly total: number
  readonly unit: string
  /** Loss in parts per million, and tokens per second, while it trains. */
  readonly loss: number | null
  readonly tokensPerSecond: number | null
}

export interface ProgressBoard {
  readonly show: (progress: Partial<Progress> & Pick<Progress, 'stage'>) => void
  readonly current: () => Progress | undefined
}

export function createProgressBoard(): ProgressBoard {
  let now: Progress | undefined
  return {
    show: (next) => {
      const blank = { detail: '', done: 0, total: 0, unit: '', loss: null, tokensPerSecond: null }
      now = { ...blank, ...next }
    },
    current: () => now,
  }
}

/** Tries to get contributed wording out of the trained model, and out of the base as a control. Only counts are kept. */
import type { LoadedModel, Recital } from '#chat'
import type { TrainingReceipt } from '#statements'
import type { AttackName } from './attacks.ts'
import type { ProgressBoard } from './progress.ts'

type Extraction = Exclude<TrainingReceipt['extraction'], 'not-run'>

export interface Pair {
  readonly trained: LoadedModel
  readonly base: LoadedModel
}

/** Throws where it was stopped: counts of half an attack would look like few. */
export async function tryExtraction(
  attacks: Readonly<Record<AttackName, readonly Recital[]>>,
  { trained, base }: Pair,
  board: ProgressBoard,
  signal: AbortSignal,
): Promise<Extraction> {
  const total = 2 * (attacks.continuation.length + attacks.opening.length)
  let done = 0
  const count = async (model: LoadedModel, recitals: readonly Recital[]) => {
    let [asked, given] = [0, 0]
    for await (const recited of model.recites(recitals, signal)) {
      asked += 1
      if (recited) given += 1
      const detail = 'Trying to get contributed texts back'
      board.show({ stage: 'evaluating', detail, done: (done += 1), total, unit: 'attempts' })
    }
    if (asked !== recitals.length) throw new Error('the extraction test was stopped before its end')
    return given
  }
  const attempt = async (recitals: readonly Recital[]) => {
    // One thread each, side by side.
    const [ofTrained, ofBase] = await Promise.all([count(trained, recitals), count(base, recitals)])
    return { asked: recitals.length, trained: ofTrained, base: ofBase }
  }
  return { continuation: await attempt(attacks.continuation), opening: await attempt(attacks.opening) }
}

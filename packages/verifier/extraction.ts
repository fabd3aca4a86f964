/** Whether a model that is used gives contributed wording back more often than its policy allows (part of C4). */
import { eventOf, extractionProblem, type TrainingReceipt } from '#statements'
import { withReceipt } from './calls.ts'
import type { Findings } from './findings.ts'
import type { Logged } from './open.ts'
import type { Pool } from './pool.ts'

/** A receipt over the bound is an honest fact, and no failure until the model is served, shared out or paid for. */
export function checkExtraction(pool: Pool, findings: Findings): void {
  const check = findings.check(
    'c4.extraction',
    'the extraction test of each model that is served, shared out or paid for with its policy’s bound',
  )
  for (const { name, training } of usesOf(pool)) {
    // The bound that was agreed when the run began: a higher one is for runs that follow it.
    const policy = pool.line.byDigest(training.predicate.policy)?.predicate
    if (policy === undefined) continue
    const problem = extractionProblem(training.predicate, policy)
    if (problem !== undefined) check.fail(`${name} is used, and ${training.name} ${problem}`)
    else if (nothingAsked(training.predicate))
      check.partial(`${name}: ${training.name} asked for no answer, because none is long enough`)
    else check.pass()
  }
}

/** Every use of a trained model with each receipt that names it: of two, the one over the bound counts. */
function usesOf({ record, opened, calls }: Pool): { name: string; training: Logged<TrainingReceipt> }[] {
  const { trainings } = opened
  const ofModel = (name: string, model: string) =>
    trainings
      .filter(({ predicate }) => predicate.model.digest === model)
      .map((training) => ({ name, training }))
  const ofReceipt = (name: string, digest: string | null | undefined) =>
    trainings.filter((one) => one.digest === digest).map((training) => ({ name, training }))
  return [
    ...record.serving
      .filter(({ serves }) => serves === 'trained')
      .flatMap(({ model, digest }) => ofModel(`the served model ${model}`, digest)),
    ...opened.attributions.flatMap(({ name, predicate }) =>
      ofReceipt(`the model of ${name}`, predicate.training),
    ),
    ...opened.closes.flatMap(({ name, predicate }) =>
      predicate.models
        .filter(({ serves }) => serves === 'trained')
        .flatMap(({ model }) => ofModel(`the trained model in ${name}`, model)),
    ),
    ...withReceipt(calls).flatMap(({ name, value }) =>
      ofReceipt(`the model of ${name}`, eventOf(value.receipt, 'weights.loaded')?.training_receipt),
    ),
  ]
}

function nothingAsked({ extraction }: TrainingReceipt): boolean {
  return extraction !== 'not-run' && Object.values(extraction).every(({ asked }) => asked === 0)
}

/** C4: the model that answers is, by digest, the model that was trained: base, adapter and tokenizer. */
import {
  baseDigest,
  eventOf,
  keysInRole,
  recipeDigest,
  type Policy,
  type TrainingReceipt,
  type WeightsLoaded,
} from '#statements'
import { withReceipt } from './calls.ts'
import { checkExtraction } from './extraction.ts'
import { Findings } from './findings.ts'
import { checkMinimumPool } from './minimum-pool.ts'
import type { Logged } from './open.ts'
import { plural, type Draft, type Pool } from './pool.ts'

export function c4(pool: Pool): Draft {
  const findings = new Findings()
  checkManifests(pool, findings)
  checkMinimumPool(pool, findings)
  checkIngredients(pool, findings)
  checkEvidence(pool, findings)
  checkAttributions(pool, findings)
  checkServed(pool, findings)
  checkClosed(pool, findings)
  checkReceipts(pool, findings)
  checkExtraction(pool, findings)
  const { trainings } = pool.opened
  const served = pool.record.serving.length
  const summary =
    trainings.length + served === 0
      ? 'nothing has been trained or served yet'
      : `${plural(served, 'served model')} and ${plural(pool.calls.length, 'given receipt')} compared with ${plural(trainings.length, 'training receipt')} and the policy’s base`
  return { findings, summary, restsOn: ['manifest', 'training-receipt', 'attribution', 'usage-close'] }
}

function checkManifests({ opened }: Pool, findings: Findings): void {
  const check = findings.check('c4.trained-from-manifest', 'each training receipt with a manifest before it')
  for (const one of opened.trainings) {
    const manifest = opened.manifests.find(({ digest }) => digest === one.predicate.manifest)
    check.demand(manifest !== undefined && manifest.leafIndex < one.leafIndex, () =>
      manifest === undefined
        ? `${one.name} names the manifest ${one.predicate.manifest}, which is not published`
        : `${one.name} stands in the log before its manifest at leaf ${manifest.leafIndex}`,
    )
  }
}

function checkIngredients({ opened, line }: Pool, findings: Findings): void {
  const check = findings.check(
    'c4.base',
    'base, tokenizer and recipe of each run and manifest with the policy’s',
  )
  const of = (
    name: string,
    digest: string,
    parts: Partial<Record<'base' | 'tokenizer' | 'recipe', string>>,
  ) => {
    const policy = line.byDigest(digest)?.predicate
    if (policy === undefined) return
    const agreed = ingredientsOf(policy)
    const other = (['base', 'tokenizer', 'recipe'] as const).find(
      (part) => parts[part] !== undefined && parts[part] !== agreed[part],
    )
    check.demand(
      other === undefined,
      () => `${name} has the ${other} ${other && parts[other]}; the policy says ${other && agreed[other]}`,
    )
  }
  for (const { name, predicate } of opened.trainings) {
    const { base, tokenizer, recipe } = predicate
    of(name, predicate.policy, { base, tokenizer, recipe })
  }
  for (const { name, predicate } of opened.manifests) {
    of(name, predicate.policy, { tokenizer: predicate.tokenizer, recipe: predicate.recipe })
  }
}

function checkEvidence({ opened, keysets }: Pool, findings: Findings): void {
  const check = findings.check('c4.evidence', 'each training receipt’s signer with the evidence it names')
  for (const one of opened.trainings) {
    const evidence = keysets.find(({ digest }) => digest === one.predicate.evidence)
    check.demand(
      evidence !== undefined && keysInRole(evidence.keyset, 'train').includes(one.signer),
      () => `${one.name} names the evidence ${one.predicate.evidence}, which does not list its signer`,
    )
  }
}

function checkAttributions({ opened }: Pool, findings: Findings): void {
  const check = findings.check('c4.attributed', 'each attribution with the training receipt it names')
  for (const { name, predicate } of opened.attributions) {
    const training = opened.trainings.find(({ digest }) => digest === predicate.training)?.predicate
    check.demand(
      training !== undefined &&
        training.model.digest === predicate.model &&
        training.manifest === predicate.manifest &&
        training.policy === predicate.policy,
      () =>
        training === undefined
          ? `${name} names the training receipt ${predicate.training}, which is not published`
          : `${name} is about another model, manifest or policy than its training receipt`,
    )
  }
}

function checkServed({ record, line, opened, at }: Pool, findings: Findings): void {
  const check = findings.check('c4.served-model', 'each model being served with what was trained')
  const policy = line.inForceAt(at)?.predicate
  for (const one of record.serving) {
    if (policy === undefined) {
      check.unknown(`no policy is in force that says what ${one.model} should be`)
      continue
    }
    const agreed = ingredientsOf(policy)
    const priced = policy.prices.find(({ model }) => model === one.model)
    const name = `the served model ${one.model}`
    if (one.base !== agreed.base)
      check.fail(`${name} runs on the base ${one.base}; the policy says ${agreed.base}`)
    else if (one.tokenizer !== agreed.tokenizer) {
      check.fail(`${name} uses the tokenizer ${one.tokenizer}; the policy says ${agreed.tokenizer}`)
    } else if (priced?.serves !== one.serves) {
      check.fail(
        `${name} answers with the ${one.serves} model; the policy’s price list says ${priced?.serves ?? 'nothing'}`,
      )
    } else if (!isModel(one.serves, one.digest, agreed.base, opened.trainings)) {
      check.fail(`${name} is ${one.digest}, which no training receipt names and which is not the base`)
    } else check.pass()
  }
}

function checkClosed({ opened, line }: Pool, findings: Findings): void {
  const check = findings.check('c4.closed-model', 'each model that was paid for with what was trained')
  for (const { name, predicate } of opened.closes) {
    const policy = line.byDigest(predicate.policy)?.predicate
    if (policy === undefined) continue
    const { base } = ingredientsOf(policy)
    for (const { model, serves } of predicate.models) {
      check.demand(
        isModel(serves, model, base, opened.trainings),
        () =>
          `${name} counts calls to ${serves} model ${model}, which is not the base and which no training receipt names`,
      )
    }
  }
}

function checkReceipts({ calls, line, opened }: Pool, findings: Findings): void {
  const check = findings.check('c4.receipt-model', 'the weights in each given receipt with what was trained')
  for (const { name, value } of withReceipt(calls)) {
    const weights = eventOf(value.receipt, 'weights.loaded')
    const policy = line.byDigest(eventOf(value.receipt, 'usage.metered')?.policy ?? '')?.predicate
    // A refusal loads no weights; a metered call must, under a policy of this pool.
    if (eventOf(value.receipt, 'request.refused') !== undefined) continue
    if (weights === undefined || policy === undefined) {
      check.fail(`${name} does not say which weights answered under which policy of this pool`)
      continue
    }
    const problem = weightsProblem(weights, policy, opened.trainings)
    check.demand(problem === undefined, () => `${name} ${problem}`)
  }
}

function weightsProblem(
  weights: WeightsLoaded,
  policy: Policy,
  trainings: readonly Logged<TrainingReceipt>[],
): string | undefined {
  const { base, tokenizer } = ingredientsOf(policy)
  if (weights.base_digest !== base)
    return `was answered on the base ${weights.base_digest}; the policy says ${base}`
  if (weights.tokenizer_sha256 !== tokenizer)
    return `was counted with the tokenizer ${weights.tokenizer_sha256}`
  if (weights.serves === 'base') {
    return weights.model_digest === null ? undefined : 'names an adapter where the bare base answered'
  }
  const training = trainings.find(({ digest }) => digest === weights.training_receipt)
  if (training === undefined)
    return `names the training receipt ${weights.training_receipt}, which is not published`
  return training.predicate.model.digest === weights.model_digest
    ? undefined
    : `was answered by ${weights.model_digest}; the training receipt says ${training.predicate.model.digest}`
}

function isModel(
  serves: 'base' | 'trained',
  digest: string,
  base: string,
  trainings: readonly Logged<TrainingReceipt>[],
): boolean {
  return serves === 'base'
    ? digest === base
    : trainings.some(({ predicate }) => predicate.model.digest === digest)
}

function ingredientsOf(policy: Policy): Record<'base' | 'tokenizer' | 'recipe', string> {
  return {
    base: baseDigest(policy.base),
    tokenizer: policy.base.tokenizer.sha256,
    recipe: recipeDigest(policy),
  }
}

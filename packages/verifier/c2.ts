/** C2: tokens trained per bundle re-sum, and never exceed passes × mixture weight × canonical tokens. */
import { type TokensLeaf, type TrainingReceipt } from '#statements'
import { proofProblem, type OpenedContribution, type OpenedSumLeaf } from './contributions.ts'
import { Findings, type CheckRun } from './findings.ts'
import type { Logged } from './open.ts'
import { plural, type Draft, type Pool } from './pool.ts'

/** Weights count parts of this. */
const WHOLE = 1_000_000n

export function c2(pool: Pool): Draft {
  const findings = new Findings()
  checkTotals(pool, findings)
  checkLeaves(pool, findings)
  const runs = pool.opened.trainings.length
  const leaves = pool.contributions.reduce((sum, one) => sum + one.tokens.length, 0)
  const summary =
    runs === 0
      ? 'nothing has been trained yet'
      : `tokens trained in ${plural(runs, 'run')} compared with passes × weighted tokens, and ${plural(leaves, 'given leaf', 'given leaves')} with its bundle`
  return { findings, summary, restsOn: ['manifest', 'training-receipt'] }
}

function checkTotals({ opened }: Pool, findings: Findings): void {
  const check = findings.check('c2.total', 'each run’s tokens with passes × the manifest’s weighted tokens')
  for (const one of opened.trainings) {
    const manifest = opened.manifests.find(({ digest }) => digest === one.predicate.manifest)
    // A run without its manifest is C4's failure.
    if (manifest === undefined) continue
    const { canonicalTokens, general } = manifest.predicate
    const { tokens } = one.predicate
    const passes = BigInt(one.predicate.passes)
    const bundles = BigInt(tokens.tree.sum)
    const most = passes * BigInt(canonicalTokens)
    const all = (bundles + BigInt(tokens.general)) * WHOLE
    const mostOfAll = most * WHOLE + passes * BigInt(general.canonicalTokens) * BigInt(general.weight)
    if (bundles > most) {
      check.fail(
        `${one.name} trained ${bundles} tokens of bundles; ${passes} passes over ${manifest.name} are ${most}`,
      )
    } else if (all > mostOfAll) {
      check.fail(
        `${one.name} trained ${all / WHOLE} tokens with general text; ${passes} passes by weight are ${mostOfAll / WHOLE}`,
      )
    } else check.pass()
  }
}

function checkLeaves(pool: Pool, findings: Findings): void {
  const proven = findings.check('c2.leaf', 'each given tokens leaf with the root in its training receipt')
  const weighed = findings.check(
    'c2.leaf-within-weight',
    'each given tokens leaf with passes × weight × tokens',
  )
  for (const one of pool.contributions) {
    for (const tokens of one.tokens) {
      const training = pool.opened.trainings.find(({ digest }) => digest === tokens.statement)
      if (isProven(one, tokens, training, proven)) checkWeight(one, tokens, training, weighed)
    }
  }
}

function isProven(
  { key }: OpenedContribution,
  given: OpenedSumLeaf<TokensLeaf>,
  training: Logged<TrainingReceipt> | undefined,
  check: CheckRun,
): training is Logged<TrainingReceipt> {
  const { name, statement, leaf } = given
  if (training === undefined) {
    check.fail(`${name} names the training receipt ${statement}, which is not published`)
    return false
  }
  if (leaf.key !== key) {
    check.fail(`${name} is of the bundle ${leaf.key}, and the receipt is logged as ${key}`)
    return false
  }
  const problem = proofProblem(given, training.predicate.tokens.tree)
  return check.demand(
    problem === undefined,
    () => `${name} does not lead to the root of ${training.name}: ${problem}`,
  )
}

function checkWeight(
  { manifests }: OpenedContribution,
  { name, leaf }: OpenedSumLeaf<TokensLeaf>,
  { predicate }: Logged<TrainingReceipt>,
  check: CheckRun,
): void {
  const own = manifests.find(({ statement }) => statement === predicate.manifest)?.leaf
  // Without the bundle's leaf of that manifest there is nothing to compare with.
  if (own === undefined) return
  const weight = own.disposition === 'included' ? own.weight : 0
  const most = BigInt(predicate.passes) * BigInt(weight) * BigInt(own.canonicalTokens)
  check.demand(
    BigInt(leaf.tokens) * WHOLE <= most,
    () =>
      `${name} counts ${leaf.tokens} tokens trained; ${predicate.passes} passes by its weight are ${most / WHOLE}`,
  )
}

/** C3: contributors' shares are integers that sum to exactly 1 000 000 000, by the method the policy fixed. */
import { digestOf } from '#bytes'
import {
  isShareOfBasis,
  shareFromBasis,
  TOTAL_SHARES,
  type Attribution,
  type Policy,
  type ShareLeaf,
} from '#statements'
import { proofProblem, type OpenedContribution, type OpenedSumLeaf } from './contributions.ts'
import { Findings, type CheckRun } from './findings.ts'
import type { Logged } from './open.ts'
import { plural, type Draft, type Pool } from './pool.ts'

export function c3(pool: Pool): Draft {
  const findings = new Findings()
  checkMethods(pool, findings)
  checkEstimates(pool, findings)
  checkBasis(pool, findings)
  checkRepeats(pool, findings)
  checkTotals(pool, findings)
  checkLeaves(pool, findings)
  checkFidelities(pool, findings)
  const count = pool.opened.attributions.length
  const leaves = pool.contributions.reduce((sum, one) => sum + one.shares.length, 0)
  const summary =
    count === 0
      ? 'no shares have been stated yet'
      : `the shares of ${plural(count, 'attribution')} sum to ${TOTAL_SHARES}, ${plural(leaves, 'given leaf', 'given leaves')} ` +
        `among them; ${fidelityLine(pool)}`
  return { findings, summary, restsOn: ['attribution', 'fidelity'] }
}

function fidelityLine({ opened }: Pool): string {
  const newest = opened.attributions.at(-1)?.digest
  const found = opened.fidelities.find(({ predicate }) => predicate.attribution === newest)?.predicate
  if (found === undefined) return 'how far another seed would agree is not measured'
  const part = (millionths: number | null) => (millionths === null ? 'none' : (millionths / 1e6).toFixed(2))
  return (
    `another seed would have moved ${(found.moved / 1e4).toFixed(1)} % of the money ` +
    `(repeatability ${part(found.repeatability)}, agreement with leave-one-out ${part(found.agreement)})`
  )
}

function checkMethods({ opened, line }: Pool, findings: Findings): void {
  const check = findings.check('c3.method', 'each attribution’s method and validation set with the policy’s')
  for (const one of opened.attributions) {
    const policy = line.byDigest(one.predicate.policy)?.predicate
    if (policy === undefined) continue
    const { method, tokenWeight, validation, basis } = one.predicate
    const agreed = policy.attribution
    check.demand(
      method === agreed.method &&
        tokenWeight === agreed.tokenWeight &&
        basis.cap === agreed.cap &&
        validation === policy.validation.commitment,
      () =>
        `${one.name} used ${method}, token weight ${tokenWeight}, cap ${basis.cap}, validation set ${validation}; ` +
        `the policy says ${agreed.method}, ${agreed.tokenWeight}, ${agreed.cap}, ${policy.validation.commitment}`,
    )
  }
}

/** What was measured, as the policy asked for it, and enough to make up what everybody together gained. */
function checkEstimates({ opened, line }: Pool, findings: Findings): void {
  const check = findings.check('c3.estimate', 'what each attribution measured with what the policy asks for')
  for (const one of opened.attributions) {
    const policy = line.byDigest(one.predicate.policy)?.predicate
    if (policy === undefined) continue
    const problem = estimateProblem(one.predicate, policy)
    check.demand(problem === undefined, () => `${one.name} ${problem}`)
  }
}

function estimateProblem({ estimate, basis, method, contributors }: Attribution, policy: Policy) {
  const agreed = policy.attribution
  if (estimate === null) return basis.utility === 0 ? undefined : 'pays by utility and measured none'
  const { utility, questions, seeds, coalitions, exact, empty, full } = estimate
  if (agreed.utility === null || digestOf(utility) !== digestOf(agreed.utility))
    return 'measured another utility than the policy says'
  if (questions !== policy.validation.items)
    return `asked ${questions} questions; the policy’s validation set has ${policy.validation.items}`
  if (seeds !== agreed.seeds) return `ran ${seeds} seeds; the policy says ${agreed.seeds}`
  if (method !== 'shapley') return undefined
  const all = 2 ** contributors
  const asked = agreed.coalitions === 0 ? all : Math.min(all, agreed.coalitions)
  if (exact ? coalitions !== all : coalitions > asked || asked === all)
    return `measured ${coalitions} coalitions of ${contributors} contributors; the policy asks for ${asked}`
  // Shapley values add up to the gain, each rounded once; who did harm is left out of the sum of those above zero.
  return basis.utility === 0 || basis.utility + contributors >= full - empty
    ? undefined
    : `shares out ${basis.utility} of a gain of ${full - empty}`
}

/** Who has a share has a bundle in the mix: a name that contributed nothing would thin out everybody's. */
function checkBasis({ opened }: Pool, findings: Findings): void {
  const check = findings.check('c3.basis', 'contributors and tokens of each attribution with its manifest')
  for (const { name, predicate } of opened.attributions) {
    const manifest = opened.manifests.find(({ digest }) => digest === predicate.manifest)
    // An attribution without its manifest is C4's failure.
    if (manifest === undefined) continue
    const { contributors, basis } = predicate
    const { bundles, canonicalTokens } = manifest.predicate
    if (contributors > bundles.included) {
      check.fail(
        `${name} has ${plural(contributors, 'contributor')}; ${manifest.name} includes ${plural(bundles.included, 'bundle')}`,
      )
    } else if (basis.tokens > canonicalTokens || (basis.utility === 0 && basis.tokens !== canonicalTokens)) {
      check.fail(`${name} counts ${basis.tokens} tokens; ${manifest.name} has ${canonicalTokens}`)
    } else check.pass()
  }
}

/** With two attributions of one run, the operator could pay by the nicer one. */
function checkRepeats({ opened }: Pool, findings: Findings): void {
  const check = findings.check(
    'c3.one-attribution',
    'each training receipt with the one attribution it may have',
  )
  const seen = new Map<string, string>()
  for (const { name, predicate } of opened.attributions) {
    const first = seen.get(predicate.training)
    check.demand(first === undefined, () => `${name} splits the same run again, beside ${first}`)
    seen.set(predicate.training, name)
  }
}

function checkTotals({ opened }: Pool, findings: Findings): void {
  const check = findings.check('c3.total', `each attribution’s sum of shares with ${TOTAL_SHARES}`)
  for (const { name, predicate } of opened.attributions) {
    check.demand(
      predicate.tree.sum === String(TOTAL_SHARES),
      () => `the shares of ${name} sum to ${predicate.tree.sum}, not ${TOTAL_SHARES}`,
    )
  }
}

function checkLeaves(pool: Pool, findings: Findings): void {
  const proven = findings.check('c3.leaf', 'each given share leaf with the root in its attribution')
  const computed = findings.check(
    'c3.leaf-share',
    'each given share with what its own score and tokens make of the published basis',
  )
  const capped = findings.check('c3.within-cap', 'each given share with the policy’s cap')
  for (const one of pool.contributions) {
    for (const share of one.shares) {
      const attribution = pool.opened.attributions.find(({ digest }) => digest === share.statement)
      if (!isProven(pool, one, share, attribution, proven)) continue
      checkShare(share, attribution, computed)
      const policy = pool.line.byDigest(attribution.predicate.policy)?.predicate
      if (policy !== undefined) checkCap(share, attribution, policy, capped)
    }
  }
}

function isProven(
  pool: Pool,
  { contributor }: OpenedContribution,
  given: OpenedSumLeaf<ShareLeaf>,
  attribution: Logged<Attribution> | undefined,
  check: CheckRun,
): attribution is Logged<Attribution> {
  const { name, statement, leaf } = given
  if (attribution === undefined) {
    check.fail(`${name} names the attribution ${statement}, which is not published`)
    return false
  }
  if (leaf.contributor !== contributor) {
    check.fail(`${name} is of the contributor ${leaf.contributor}, and the offer is by ${contributor}`)
    return false
  }
  const tokens = tokensOf(pool, contributor, attribution.predicate.manifest)
  if (leaf.canonicalTokens < tokens) {
    check.fail(`${name} counts ${leaf.canonicalTokens} tokens, and the given bundles alone have ${tokens}`)
    return false
  }
  const problem = proofProblem(given, attribution.predicate.tree)
  return check.demand(
    problem === undefined,
    () => `${name} does not lead to the root of ${attribution.name}: ${problem}`,
  )
}

/** Over the bundles that were given; a contributor may have more. */
function tokensOf(pool: Pool, contributor: string, manifest: string): number {
  const leaves = pool.contributions
    .filter((one) => one.contributor === contributor)
    .flatMap((one) => one.manifests.filter(({ statement }) => statement === manifest).slice(0, 1))
    .map(({ leaf }) => leaf)
  const included = new Map(leaves.map((leaf) => [leaf.key, leaf]))
  return [...included.values()]
    .filter(({ disposition }) => disposition === 'included')
    .reduce((sum, leaf) => sum + leaf.canonicalTokens, 0)
}

/** How sure the shares are is told once, from a seed that nobody chose. */
function checkFidelities({ opened, line }: Pool, findings: Findings): void {
  const check = findings.check('c3.fidelity', 'each fidelity with the one attribution it is of')
  const seen = new Map<string, string>()
  for (const one of opened.fidelities) {
    const { attribution: of, model, policy, repetition } = one.predicate
    const attribution = opened.attributions.find(({ digest }) => digest === of)
    const first = seen.get(of)
    seen.set(of, one.name)
    const next = line.byDigest(policy)?.predicate.attribution.seeds
    check.demand(
      attribution !== undefined &&
        attribution.leafIndex < one.leafIndex &&
        attribution.predicate.model === model &&
        attribution.predicate.policy === policy &&
        first === undefined &&
        (next === undefined || next === repetition),
      () => {
        if (attribution === undefined)
          return `${one.name} names the attribution ${of}, which is not published`
        if (first !== undefined) return `${one.name} measures ${attribution.name} again, beside ${first}`
        if (next !== undefined && next !== repetition)
          return `${one.name} is of repetition ${repetition}; the next of the policy is ${next}`
        return `${one.name} is about another model or policy than ${attribution.name}, or stands before it`
      },
    )
  }
}

/** A payee’s own recomputation: parts moved to another keep the sum, and not this. */
function checkShare(
  { name, leaf }: OpenedSumLeaf<ShareLeaf>,
  { name: attribution, predicate }: Logged<Attribution>,
  check: CheckRun,
): void {
  check.demand(isShareOfBasis(leaf, predicate), () => {
    const { least } = shareFromBasis(leaf, predicate)
    return `${name} has ${leaf.share} parts; its score and tokens make it ${least} of ${attribution}`
  })
}

/** Where too few earn anything to stay below the cap it is lifted to what each of them then gets. */
function checkCap(
  { name, leaf }: OpenedSumLeaf<ShareLeaf>,
  { name: attribution, predicate }: Logged<Attribution>,
  { attribution: { cap } }: Policy,
  check: CheckRun,
): void {
  if (predicate.notices.includes('cap-lifted')) {
    const earning = Number(predicate.basis.weight)
    check.demand(
      earning * cap < 1_000_000,
      () =>
        `${attribution} lifts the cap of ${cap}, and ${earning} contributors who earn can be paid below it`,
    )
    return
  }
  // Rounding to integers may add one part to a capped share.
  const most = cap * (TOTAL_SHARES / 1_000_000) + 1
  check.demand(
    leaf.share <= most,
    () => `${name} has ${leaf.share} parts; the policy caps a share at ${most}`,
  )
}

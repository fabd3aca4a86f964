/** No run on less than the policy asks for: what trains is otherwise soon known to be one person's. */
import type { Findings } from './findings.ts'
import type { Pool } from './pool.ts'

export function checkMinimumPool({ opened, line }: Pool, findings: Findings): void {
  const check = findings.check('c4.minimum-pool', 'each run’s data with the minimum that the policy sets')
  for (const run of opened.trainings) {
    const policy = line.byDigest(run.predicate.policy)?.predicate
    const manifest = opened.manifests.find(({ digest }) => digest === run.predicate.manifest)?.predicate
    if (policy === undefined || manifest === undefined) continue
    const { minimumContributors, minimumCanonicalTokens } = policy
    // How many contributors stand behind the bundles is said by the attribution; before it, bundles bound their number.
    const attribution = opened.attributions.find(
      ({ predicate }) => predicate.training === run.digest,
    )?.predicate
    const contributors = Math.min(attribution?.contributors ?? Infinity, manifest.bundles.included)
    if (manifest.canonicalTokens < minimumCanonicalTokens) {
      check.fail(
        `${run.name} trained on ${manifest.canonicalTokens} canonical tokens; the policy asks for ${minimumCanonicalTokens}`,
      )
    } else if (contributors < minimumContributors) {
      check.fail(
        `${run.name} trained on data of ${contributors} contributors at most; the policy asks for ${minimumContributors}`,
      )
    } else check.pass()
  }
}

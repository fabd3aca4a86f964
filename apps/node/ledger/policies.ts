/** The policies that closes and payouts are made under (spec/usage-close.md §policy): the operator signed each. */
import type { CurrentPolicy, NodeContext } from '#node/core'
import { formatTime, openStatement, policy, poolOf, type Policy, type Statement } from '#statements'

/** The version in force at `time`; the current one where none that is stored was. */
export async function policyInForceAt(
  context: NodeContext,
  time: Date,
): Promise<Pick<CurrentPolicy, 'digest' | 'predicate'>> {
  const at = formatTime(time)
  const inForce = (await storedPolicies(context)).filter(({ predicate }) => predicate.effectiveAt <= at)
  const [newest] = inForce.sort((one, other) => other.predicate.version - one.predicate.version)
  return newest ?? context.policy
}

/** Throws where the policy is neither the current one nor stored and signed by the pool's operator. */
export async function policyByDigest(context: NodeContext, digest: string): Promise<Policy> {
  if (context.policy.digest === digest) return context.policy.predicate
  const found = (await storedPolicies(context)).find((one) => one.digest === digest)
  if (found === undefined) throw new Error('the policy of a close is not stored')
  return found.predicate
}

async function storedPolicies({ policy: current, statements }: NodeContext): Promise<Statement<Policy>[]> {
  const { pool, predicate } = current
  const policies: Statement<Policy>[] = []
  for (const { envelope } of await statements.list('policy')) {
    const one = await openStatement(policy, envelope)
    if (one.signer !== predicate.operator.publicKey || poolOf(one.predicate, one.digest) !== pool) continue
    // What comes after the version this node runs under is not its business yet.
    if (one.predicate.version <= predicate.version) policies.push(one)
  }
  return policies
}

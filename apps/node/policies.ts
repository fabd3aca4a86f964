/**
 * The policies a node is started with: signed, in succession, and the one in force now.
 *
 * A node refuses to start under a policy that does not allow its own measurement: everything it would sign could
 * only be refused by others.
 */
import { readFile } from 'node:fs/promises'
import type { CurrentPolicy } from '#node/core'
import {
  isGenesis,
  openStatement,
  policy,
  poolOf,
  refusalToFollow,
  type Policy,
  type Statement,
} from '#statements'

export interface Measurement {
  readonly mrTd: string
  readonly rtmr: readonly string[]
}

/** Throws with a sentence where a file is no policy, or does not follow the one before it. */
export async function readPolicies(paths: readonly string[]): Promise<Statement<Policy>[]> {
  const statements: Statement<Policy>[] = []
  for (const path of paths) {
    const statement = await openStatement(policy, JSON.parse(await readFile(path, 'utf8')))
    const before = statements.at(-1)
    const refusal = before === undefined ? genesisRefusal(statement) : refusalToFollow(before, statement)
    if (refusal !== undefined) throw new Error(`${path}: ${refusal}`)
    statements.push(statement)
  }
  return statements
}

/** The newest policy that has taken effect. Throws where none has. */
export function currentPolicy(statements: readonly Statement<Policy>[], now: Date): CurrentPolicy {
  const inForce = statements.filter(({ predicate }) => new Date(predicate.effectiveAt) <= now).at(-1)
  if (inForce === undefined) throw new Error('no policy has taken effect yet')
  return {
    predicate: inForce.predicate,
    digest: inForce.digest,
    pool: poolOf(inForce.predicate, inForce.digest),
  }
}

/** Throws unless the policy allows what this machine measured, now. */
export function assertAllowed({ predicate }: CurrentPolicy, measured: Measurement, now: Date): void {
  const allowed = predicate.trust.measurements.some(
    (one) =>
      one.mrTd === measured.mrTd &&
      one.rtmr.every((register, at) => register === measured.rtmr[at]) &&
      new Date(one.from) <= now &&
      (one.until === null || now < new Date(one.until)),
  )
  if (!allowed) {
    throw new Error(
      'The policy does not allow the program that is installed here (A2): its measurement is not listed, or not at this time. ' +
        'Start the release that the policy names ("fairweight measure" prints what is installed), or have the operator publish a policy that names this one.',
    )
  }
}

function genesisRefusal(statement: Statement<Policy>): string | undefined {
  return isGenesis(statement)
    ? undefined
    : 'the first policy must be version 1, signed by the operator it names'
}

/**
 * Is this node one that the pinned policy allows? Asked before anything is read, let alone sent.
 *
 * The audit judges: its claims A1 (genuine machine, keys bound into fresh evidence) and A2 (known program), over
 * the node's public record and evidence that answers our own nonce.
 */
import { encodeHex, type Bytes } from '#bytes'
import {
  evidence,
  keysetDigest,
  openStatement,
  policy,
  poolOf,
  readPublicRecord,
  type Anchors,
  type Keyset,
  type Policy,
  type PublicStatement,
  type Statement,
} from '#statements'
import { audit, type AuditResult, type VerifyEvidence } from '#verifier'
import { ContributeError } from './errors.ts'
import type { NodeClient } from './node-client.ts'

export interface Asked {
  readonly node: NodeClient
  /** Digest of the policy that the person has read. */
  readonly policy: string
  readonly anchors: Anchors | undefined
  readonly nonce: Bytes
  readonly at: Date
  readonly verifyEvidence?: VerifyEvidence
}

export interface TrustedNode {
  readonly policy: Statement<Policy>
  readonly pool: string
  /** Of the machine that answers now. */
  readonly keyset: Keyset
  /** Of this machine and of earlier terms, all with verified evidence. */
  readonly keysets: readonly Keyset[]
  /** Public statements, each still to be opened. */
  readonly statements: readonly PublicStatement[]
  readonly simulated: boolean
}

export type AppraiseNode = (asked: Asked) => Promise<TrustedNode>

/** Throws {@link ContributeError} with the check that failed and what it compared. */
export const appraiseNode: AppraiseNode = async (asked) => {
  const pinned = await openPinned(await asked.node.get('/v1/policy'), asked.policy)
  const nonce = encodeHex(asked.nonce)
  const answer = await asked.node.get<{ envelope?: unknown }>(`/v1/attestation?nonce=${nonce}`)
  const text = await asked.node.get<unknown>('/v1/record')
  const anchors = anchorsFor(asked.policy, asked.anchors)
  const result = await audit({
    record: text,
    // What the log holds is another claim's question; ours are the machine and its program.
    log: { checkpoint: '', entries: [] },
    fresh: { nonce, evidence: answer.envelope ?? null },
    anchors,
    contributions: [],
    calls: [],
    at: asked.at,
    ...(asked.verifyEvidence === undefined ? {} : { verifyEvidence: asked.verifyEvidence }),
  })
  assertTrusted(result, asked.anchors)
  const { predicate } = await openStatement(evidence, answer.envelope)
  const pool = poolOf(pinned.predicate, pinned.digest)
  if (predicate.keyset.pool !== pool) throw refused('its keys are those of another pool')
  const record = readPublicRecord(text)
  return {
    policy: pinned,
    pool,
    keyset: predicate.keyset,
    keysets: await keysetsOf(record.statements, predicate.keyset),
    statements: record.statements,
    simulated: result.simulated,
  }
}

async function openPinned(envelope: unknown, digest: string): Promise<Statement<Policy>> {
  const opened = await openStatement(policy, envelope)
  if (opened.digest !== digest) {
    throw refused(
      `its policy has the digest ${opened.digest}, and you asked for ${digest}. Read the policy first`,
    )
  }
  return opened
}

// What the person pinned on the command line counts, whatever else the anchors name.
function anchorsFor(digest: string, given: Anchors | undefined): Anchors {
  const nothing = { operator: null, witnesses: [], quorum: 0, simulatedRoots: [], checkpoint: null }
  return { format: 'fairweight/anchors/v1', ...nothing, ...given, policy: digest }
}

function assertTrusted(result: AuditResult, anchors: Anchors | undefined): void {
  const groundless = result.basis.checks.find(({ verdict }) => verdict === 'fail')
  if (groundless !== undefined) throw refused(`${groundless.id}: ${groundless.compared}`)
  if (!result.pinned) throw refused('the policy that you named is not in its record')
  for (const id of ['A1', 'A2'] as const) {
    const claim = result.claims.find((one) => one.id === id)
    if (claim?.verdict === 'pass' || claim?.verdict === 'partial') continue
    const simulated = result.simulated && anchors === undefined
    const hint = simulated ? ' A simulated machine is accepted only with --anchors that name its roots.' : ''
    throw refused(`${claim?.id ?? id}: ${claim?.summary ?? 'nothing is known'}.${hint}`)
  }
}

async function keysetsOf(statements: readonly PublicStatement[], current: Keyset): Promise<Keyset[]> {
  const all = new Map([[keysetDigest(current), current]])
  for (const { envelope } of statements.filter(({ kind }) => kind === 'evidence')) {
    const { keyset } = (await openStatement(evidence, envelope)).predicate
    all.set(keysetDigest(keyset), keyset)
  }
  return [...all.values()]
}

const refused = (reason: string) =>
  new ContributeError(1, `Nothing was sent. The node is not trusted: ${reason}`)

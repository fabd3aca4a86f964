/** What every command begins with that speaks to a node about earlier contributions: which node, and is it trusted. */
import type { Anchors } from '#statements'
import type { TrustedNode } from './appraise.ts'
import { ContributeError } from './errors.ts'
import { Home } from './home.ts'
import { readAnchorsFile, readPolicyDigest } from './inputs.ts'
import { NodeClient } from './node-client.ts'
import type { ContributePorts } from './ports.ts'
import type { Kept } from './state.ts'

export interface SessionOptions {
  readonly pool?: string
  readonly policy?: string
  readonly home?: string
  readonly anchors?: string
  readonly json?: boolean
}

export interface Session {
  readonly home: Home
  /** Contributions to this pool that the home holds receipts for, oldest first. */
  readonly kept: readonly Kept[]
  readonly node: NodeClient
  readonly anchors: Anchors | undefined
  readonly trusted: TrustedNode
}

/** Throws {@link ContributeError} unless the node is one that the pinned policy allows. */
export async function openSession(options: SessionOptions, ports: ContributePorts): Promise<Session> {
  const home = new Home(options.home)
  const all = await home.list<Kept>('contributions')
  const kept = all.toSorted((one, other) => one.receipt.leafIndex - other.receipt.leafIndex)
  const place = placeOf(options, kept)
  const node = new NodeClient(place.url, ports)
  const anchors = await readAnchorsFile(options.anchors)
  const asked = {
    node,
    policy: readPolicyDigest(place.policy),
    anchors,
    nonce: ports.random(32),
    at: ports.now(),
  }
  const trusted = await ports.step('Checking the node and its evidence', () => ports.appraiseNode(asked))
  return { home, kept: kept.filter((one) => one.pool === trusted.pool), node, anchors, trusted }
}

// The digest pins the policy wherever the node is asked, so a node that moved is found by --pool alone.
function placeOf(options: SessionOptions, kept: readonly Kept[]): { url: string; policy: string } {
  const url = options.pool ?? kept.at(-1)?.url
  const newest = kept.findLast((one) => one.url === url?.replace(/\/+$/, '')) ?? kept.at(-1)
  const policy = options.policy ?? newest?.policy
  if (url === undefined || policy === undefined) {
    throw new ContributeError(
      2,
      'Say which pool: --pool URL --policy DIGEST. This home holds no contribution.',
    )
  }
  return { url, policy }
}

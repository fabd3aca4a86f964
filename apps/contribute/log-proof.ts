/** Proof that a statement is in the log, made from the log's public tiles and checked like anyone would. */
import { setTimeout as sleep } from 'node:timers/promises'
import { decodeHex, decodeUtf8, equalBytes } from '#bytes'
import { HashTree } from '#merkle'
import type { Envelope } from '#seal'
import { encodeLogLeaf, logLeafOf, type KindName, type LogLeaf, type Policy } from '#statements'
import {
  decodeTile,
  formatProof,
  tilePath,
  tileWidth,
  verifierKey,
  verifyCheckpoint,
  verifyProof,
  type CheckpointPolicy,
} from '#tlog'
import { ContributeError } from './errors.ts'
import type { NodeClient } from './node-client.ts'
import type { LoggedStatement } from './state.ts'

/** Where a node serves its log's files. */
const LOG_PREFIX = '/log'
const PATIENCE = 6

export function checkpointPolicyOf({ log }: Policy): CheckpointPolicy {
  return {
    origin: log.origin,
    logKey: verifierKey('ed25519', log.origin, decodeHex(log.publicKey)),
    witnesses: log.witnesses.map(({ name, publicKey }) =>
      verifierKey('cosignature', name, decodeHex(publicKey)),
    ),
    quorum: log.quorum,
  }
}

/** The log, once its cosigned checkpoint holds `size` entries; publishing takes a moment where witnesses are far. */
export async function openLogOf(size: number, node: NodeClient, policy: Policy): Promise<VerifiedLog> {
  for (let tries = 1; ; tries += 1) {
    const log = await openLog(node, policy)
    if (log.size >= size) return log
    if (tries === PATIENCE) {
      throw new ContributeError(1, 'The log has not published your receipt yet. Run this again in a minute.')
    }
    await sleep(1000)
  }
}

async function openLog(node: NodeClient, policy: Policy): Promise<VerifiedLog> {
  const rules = checkpointPolicyOf(policy)
  const note = decodeUtf8(await node.getBytes(`${LOG_PREFIX}/checkpoint`))
  const { size, root } = await verifyCheckpoint(note, rules)
  const tree = new HashTree()
  for (let index = 0; index * tileWidth < size; index += 1) {
    const width = Math.min(tileWidth, size - index * tileWidth)
    const bytes = await node.getBytes(`${LOG_PREFIX}/${tilePath({ level: 0, index, width })}`)
    for (const hash of decodeTile(bytes, width)) tree.append(hash)
  }
  if (!equalBytes(tree.root(), root)) {
    throw new ContributeError(1, 'The log’s tiles do not make up the root that its checkpoint signs.')
  }
  return {
    size,
    async prove(index, leaf) {
      const proof = formatProof({ index, path: tree.proveInclusion(index), checkpoint: note, extra: null })
      await verifyProof(proof, encodeLogLeaf(leaf), rules)
      return proof
    },
  }
}

/** A statement's place in the log, as a node tells it. */
interface Place {
  readonly salt: string
  readonly leafIndex: number
}

/** What is kept of a statement that the log has: whoever holds it can show it to anyone. Throws unless it is there. */
export async function proveLogged(
  log: VerifiedLog,
  kind: KindName,
  { digest, envelope }: { readonly digest: string; readonly envelope: Envelope },
  { salt, leafIndex }: Place,
): Promise<LoggedStatement> {
  const logProof = await log.prove(leafIndex, logLeafOf(kind, digest, salt))
  return { envelope, salt, leafIndex, logProof }
}

export interface VerifiedLog {
  readonly size: number
  /** Throws unless `leaf` stands at `index`. */
  readonly prove: (index: number, leaf: LogLeaf) => Promise<string>
}

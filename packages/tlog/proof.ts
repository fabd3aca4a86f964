/**
 * Proofs in one file: that an entry is in a log and that witnesses have seen it, checked without a network
 * (C2SP tlog-proof).
 */
import { encodeBase64, type Bytes } from '#bytes'
import { hashLeaf, MerkleError, verifyInclusion } from '#merkle'
import { verifyCheckpoint, type CheckpointPolicy, type VerifiedCheckpoint } from './checkpoint.ts'
import { TlogError } from './errors.ts'
import { parseBase64, parseDecimal, parsePath } from './lines.ts'

export interface LogProof {
  readonly index: number
  /** Sibling hashes, lowest first. */
  readonly path: readonly Bytes[]
  /** The checkpoint as the log published it, signatures included. */
  readonly checkpoint: string
  /** Not covered by any signature: a hint, never a fact. */
  readonly extra: Bytes | null
}

export interface VerifiedEntry {
  readonly index: number
  readonly checkpoint: VerifiedCheckpoint
}

const header = 'c2sp.org/tlog-proof@v1'

export function formatProof({ index, path, checkpoint, extra }: LogProof): string {
  const extraLines = extra === null ? [] : [`extra ${encodeBase64(extra)}`]
  const lines = [header, ...extraLines, `index ${index}`, ...path.map(encodeBase64), '', checkpoint]
  return lines.join('\n')
}

/** Throws {@link TlogError} `proof-malformed`. Nothing is verified. */
export function parseProof(text: string): LogProof {
  const split = text.indexOf('\n\n')
  if (split < 0) malformed('the proof has no checkpoint after an empty line')
  const [first, ...lines] = text.slice(0, split).split('\n')
  if (first !== header) malformed(`the first line is not ${header}`)
  const extra = lines[0]?.startsWith('extra ') ? parseExtra(lines.shift()!) : null
  const index = lines.shift()
  if (!index?.startsWith('index ')) return malformed('the proof names no index')
  return {
    index: parseDecimal(index.slice('index '.length), 'proof-malformed'),
    path: parsePath(lines, 'proof-malformed'),
    checkpoint: text.slice(split + 2),
    extra,
  }
}

/**
 * Where `entry` stands in the log, under a checkpoint that the policy accepts.
 * Throws {@link TlogError} as `verifyCheckpoint` does, `proof-malformed`, or `inclusion-invalid`.
 */
export async function verifyProof(
  text: string,
  entry: Uint8Array,
  policy: CheckpointPolicy,
): Promise<VerifiedEntry> {
  const { index, path, checkpoint: note } = parseProof(text)
  const checkpoint = await verifyCheckpoint(note, policy)
  try {
    verifyInclusion(checkpoint, index, hashLeaf(entry), path)
  } catch (error) {
    if (!(error instanceof MerkleError)) throw error
    throw new TlogError('inclusion-invalid', error.message)
  }
  return { index, checkpoint }
}

function parseExtra(line: string): Bytes {
  const extra = parseBase64(line.slice('extra '.length), 'proof-malformed')
  if (extra.length === 0) malformed('an extra line without data is left out')
  return extra
}

function malformed(message: string): never {
  throw new TlogError('proof-malformed', message)
}

/**
 * Checkpoints: the size and root a log commits to, and who has seen it (C2SP tlog-checkpoint).
 *
 * A log alone can show two people two trees. Cosignatures by witnesses that both people chose are what rules
 * that out, so the policy of whoever verifies says how many it takes.
 */
import { encodeBase64, type Bytes } from '#bytes'
import { TlogError } from './errors.ts'
import { sameKey, type VerifierKey } from './keys.ts'
import { parseDecimal, parseHash } from './lines.ts'
import { parseNote, verifyNote } from './note.ts'

export interface Checkpoint {
  readonly origin: string
  readonly size: number
  readonly root: Bytes
  /** Lines that no auditor checks; ours has none. */
  readonly extensions: readonly string[]
}

export interface CheckpointPolicy {
  readonly origin: string
  readonly logKey: VerifierKey
  readonly witnesses: readonly VerifierKey[]
  /** How many of the witnesses must have cosigned. */
  readonly quorum: number
}

export interface Cosignature {
  readonly name: string
  readonly atSeconds: number
}

export interface VerifiedCheckpoint extends Checkpoint {
  readonly cosignatures: readonly Cosignature[]
}

/** The text to sign. Throws {@link TlogError} `checkpoint-malformed` for what could not be read back. */
export function formatCheckpoint({ origin, size, root, extensions }: Checkpoint): string {
  const text = `${[origin, size, encodeBase64(root), ...extensions].join('\n')}\n`
  parseCheckpoint(text)
  return text
}

/** Throws {@link TlogError} `checkpoint-malformed`. Nothing is verified. */
export function parseCheckpoint(text: string): Checkpoint {
  const [origin, size, root, ...extensions] = text.slice(0, -1).split('\n')
  if (
    !text.endsWith('\n') ||
    !origin ||
    size === undefined ||
    root === undefined ||
    extensions.includes('')
  ) {
    throw new TlogError('checkpoint-malformed', 'a checkpoint is an origin, a size and a root, one a line')
  }
  return {
    origin,
    size: parseDecimal(size, 'checkpoint-malformed'),
    root: parseHash(root, 'checkpoint-malformed'),
    extensions,
  }
}

/**
 * The checkpoint in `note`, signed by the log and cosigned by enough witnesses of the policy.
 * Throws {@link TlogError}: `note-malformed`, `signature-invalid`, `signature-missing`,
 * `checkpoint-malformed`, `origin-mismatch`, `quorum-missed`, or `policy-invalid` for a policy that no
 * checkpoint could meet honestly.
 */
export async function verifyCheckpoint(note: string, policy: CheckpointPolicy): Promise<VerifiedCheckpoint> {
  checkPolicy(policy)
  const parsed = parseNote(note)
  const signatures = await verifyNote(parsed, [policy.logKey, ...policy.witnesses])
  if (!signatures.some(({ key }) => key === policy.logKey)) {
    throw new TlogError('signature-missing', `the log key ${policy.logKey.name} has not signed`)
  }
  const checkpoint = parseCheckpoint(parsed.text)
  if (checkpoint.origin !== policy.origin) {
    throw new TlogError(
      'origin-mismatch',
      `the checkpoint is of ${checkpoint.origin}, not of ${policy.origin}`,
    )
  }
  const cosignatures = signatures.flatMap(({ key, cosignedAtSeconds }) =>
    cosignedAtSeconds === null ? [] : [{ name: key.name, atSeconds: cosignedAtSeconds }],
  )
  if (cosignatures.length < policy.quorum) {
    throw new TlogError('quorum-missed', `${cosignatures.length} of ${policy.quorum} witnesses have cosigned`)
  }
  return { ...checkpoint, cosignatures }
}

function checkPolicy({ logKey, witnesses, quorum }: CheckpointPolicy): void {
  const keys = [logKey, ...witnesses]
  if (logKey.kind !== 'ed25519' || witnesses.some(({ kind }) => kind !== 'cosignature')) {
    throw new TlogError('policy-invalid', 'a log signs notes and a witness cosigns: the kinds of key differ')
  }
  if (keys.some((key, at) => keys.slice(at + 1).some((other) => sameKey(key, other)))) {
    throw new TlogError('policy-invalid', 'one public key stands twice in the policy and would count twice')
  }
  if (!Number.isSafeInteger(quorum) || quorum < 0 || quorum > witnesses.length) {
    throw new TlogError('policy-invalid', `${quorum} of ${witnesses.length} witnesses is no quorum`)
  }
}

/**
 * What a witness does when a log asks for a cosignature (C2SP tlog-witness, "add-checkpoint").
 *
 * A pure step: the request and the heads cosigned so far go in, the answer and the new heads come out. The
 * caller must make the new state durable before the answer leaves, and run one step at a time; otherwise a
 * crash or a race lets the log be cosigned on two branches.
 */
import { encodeBase64, sha256, equalBytes, type Bytes } from '#bytes'
import { MerkleError, verifyConsistency } from '#merkle'
import { parseCheckpoint, type Checkpoint } from './checkpoint.ts'
import { cosign } from './cosignature.ts'
import { TlogError } from './errors.ts'
import { verifierKey, type NoteSigner, type VerifierKey } from './keys.ts'
import { parseDecimal, parsePath } from './lines.ts'
import { formatNote, formatSignatureLine, parseNote, verifyNote, type Note } from './note.ts'

export interface WitnessedLog {
  readonly origin: string
  readonly keys: readonly VerifierKey[]
}

export interface Witness {
  readonly signer: NoteSigner
  readonly logs: readonly WitnessedLog[]
}

/** The last head cosigned for a log, with the note that shows it: the log's signature and our own. */
export interface CosignedHead {
  readonly size: number
  readonly root: Bytes
  readonly note: string
}

/** By origin. A log that is not in it has never been cosigned. */
export type WitnessState = ReadonlyMap<string, CosignedHead>

export interface WitnessAnswer {
  readonly status: 200 | 400 | 403 | 404 | 409 | 422
  readonly contentType: 'text/plain; charset=utf-8' | 'text/x.tlog.size'
  readonly body: string
}

export interface WitnessStep {
  readonly state: WitnessState
  readonly answer: WitnessAnswer
}

export interface AddCheckpoint {
  readonly oldSize: number
  readonly path: readonly Bytes[]
  /** The signed note. */
  readonly checkpoint: string
}

export function formatAddCheckpoint({ oldSize, path, checkpoint }: AddCheckpoint): string {
  return [`old ${oldSize}`, ...path.map(encodeBase64), '', checkpoint].join('\n')
}

/** Throws {@link TlogError} `request-malformed`. The checkpoint in it is not read yet. */
export function parseAddCheckpoint(body: string): AddCheckpoint {
  const split = body.indexOf('\n\n')
  const [old, ...lines] = body.slice(0, Math.max(split, 0)).split('\n')
  if (!old?.startsWith('old '))
    throw new TlogError('request-malformed', 'the request starts with an old size')
  return {
    oldSize: parseDecimal(old.slice('old '.length), 'request-malformed'),
    path: parsePath(lines, 'request-malformed'),
    checkpoint: body.slice(split + 2),
  }
}

/** Never throws for what the request says: every refusal is an answer, and leaves the state as it was. */
export async function witnessStep(
  witness: Witness,
  state: WitnessState,
  body: string,
  nowSeconds: number,
): Promise<WitnessStep> {
  try {
    const { oldSize, path, checkpoint: text } = refuseAs(400, () => parseAddCheckpoint(body))
    const note = refuseAs(400, () => parseNote(text))
    const checkpoint = refuseAs(400, () => parseCheckpoint(note.text))
    const signed = await checkSigned(witness, checkpoint, note)
    checkGrowth(state.get(checkpoint.origin), oldSize, path, checkpoint)

    const cosignature = await cosign(note.text, witness.signer, nowSeconds)
    const shown = formatNote({ ...signed, signatures: [...signed.signatures, cosignature] })
    const head = { size: checkpoint.size, root: checkpoint.root, note: shown }
    const answer = { status: 200, contentType: plain, body: formatSignatureLine(cosignature) } as const
    return { state: new Map(state).set(checkpoint.origin, head), answer }
  } catch (error) {
    if (error instanceof Refusal) return { state, answer: error.answer }
    throw error
  }
}

/**
 * A head from the note that a witness kept.
 * Throws {@link TlogError} unless the log and this witness have both signed it: a state that was tampered with
 * must not be witnessed on.
 */
export async function restoreHead(witness: Witness, note: string): Promise<[string, CosignedHead]> {
  const parsed = parseNote(note)
  const checkpoint = parseCheckpoint(parsed.text)
  const own = verifierKey('cosignature', witness.signer.name, witness.signer.publicKey)
  const keys = witness.logs.find(({ origin }) => origin === checkpoint.origin)?.keys ?? []
  const signatures = await verifyNote(parsed, [own, ...keys])
  if (!signatures.some(({ key }) => key === own) || !signatures.some(({ key }) => key !== own)) {
    throw new TlogError(
      'signature-missing',
      'the kept checkpoint is not signed by both the log and this witness',
    )
  }
  return [checkpoint.origin, { size: checkpoint.size, root: checkpoint.root, note }]
}

// The note with the signatures of the log's own keys only: what else stands there is not ours to vouch for.
async function checkSigned(witness: Witness, { origin }: Checkpoint, note: Note): Promise<Note> {
  const log = witness.logs.find((log) => log.origin === origin)
  if (log === undefined) throw new Refusal(404, 'this witness does not know the log')
  const verified = await verifyNote(note, log.keys).catch((error: unknown) => {
    if (error instanceof TlogError) throw new Refusal(403, error.message)
    throw error
  })
  if (verified.length === 0) throw new Refusal(403, 'no key of the log has signed')
  const byLog = note.signatures.filter(({ name, keyId }) =>
    verified.some(({ key }) => key.name === name && key.keyId === keyId),
  )
  return { text: note.text, signatures: byLog }
}

function checkGrowth(
  head: CosignedHead | undefined,
  oldSize: number,
  path: readonly Bytes[],
  checkpoint: Checkpoint,
): void {
  const last = head ?? { size: 0, root: sha256() }
  if (oldSize > checkpoint.size) throw new Refusal(400, 'the old size is larger than the checkpoint')
  if (oldSize !== last.size) throw new Refusal(409, String(last.size))
  if (checkpoint.size === 0 && !equalBytes(checkpoint.root, sha256())) {
    throw new Refusal(422, 'the root is not that of an empty tree')
  }
  try {
    verifyConsistency(last, checkpoint, path)
  } catch (error) {
    if (error instanceof MerkleError) throw new Refusal(422, error.message)
    throw error
  }
}

function refuseAs<T>(status: 400, read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (error instanceof TlogError) throw new Refusal(status, error.message)
    throw error
  }
}

const plain = 'text/plain; charset=utf-8'

class Refusal extends Error {
  readonly answer: WitnessAnswer
  constructor(status: Exclude<WitnessAnswer['status'], 200>, message: string) {
    super(message)
    const contentType = status === 409 ? 'text/x.tlog.size' : plain
    this.answer = { status, contentType, body: `${message}\n` }
  }
}

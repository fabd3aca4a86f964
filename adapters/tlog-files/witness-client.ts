/**
 * Asks one witness for its cosignature (C2SP tlog-witness, the client's side).
 *
 * The witness may answer anything. What comes back counts only as a signature by the key we know for it, over
 * our checkpoint, at about our time.
 */
import type { Bytes } from '#bytes'
import {
  formatAddCheckpoint,
  parseNote,
  parseSignatureLine,
  verifyNote,
  type NoteSignature,
  type VerifierKey,
} from '#tlog'

export interface WitnessAddress {
  /** The submission prefix, without `/add-checkpoint`. */
  readonly url: string
  readonly key: VerifierKey
}

export interface CosignRequest {
  readonly size: number
  /** The signed checkpoint. */
  readonly note: string
  /** The size that the witness cosigned last, as far as we know. */
  readonly oldSize: number
  readonly prove: (oldSize: number) => readonly Bytes[]
  readonly nowSeconds: number
  readonly fetch: typeof fetch
  readonly timeoutMs: number
}

const maximumAnswerLength = 65_536
const maximumSkewSeconds = 300

/** The cosignature. Throws an `Error` that says what the witness did instead. */
export async function requestCosignature(
  witness: WitnessAddress,
  request: CosignRequest,
): Promise<NoteSignature> {
  let { oldSize } = request
  // A second try, because only the witness knows for certain which size it saw last.
  for (let attempt = 1; attempt <= 2; attempt += 1) {
    const { status, body } = await post(witness.url, oldSize, request)
    if (status === 200) return acceptCosignature(body, witness.key, request)
    if (status !== 409) throw new Error(`the witness answered ${status}: ${body.slice(0, 200).trim()}`)
    oldSize = sizeAfterConflict(body, request.size)
  }
  throw new Error('the witness moved on while it was asked')
}

async function post(url: string, oldSize: number, request: CosignRequest) {
  const body = formatAddCheckpoint({ oldSize, path: request.prove(oldSize), checkpoint: request.note })
  const response = await request.fetch(`${url.replace(/\/$/, '')}/add-checkpoint`, {
    method: 'POST',
    headers: { 'content-type': 'text/plain; charset=utf-8' },
    body,
    redirect: 'error',
    signal: AbortSignal.timeout(request.timeoutMs),
  })
  return { status: response.status, body: await readBounded(response) }
}

function sizeAfterConflict(body: string, size: number): number {
  const known = /^(0|[1-9][0-9]{0,15})\n$/.test(body) ? Number(body) : Number.NaN
  if (!Number.isSafeInteger(known)) throw new Error('the witness answered 409 without a size')
  if (known > size) throw new Error(`the witness has cosigned ${known} leaves and the log has ${size}`)
  return known
}

async function acceptCosignature(
  body: string,
  key: VerifierKey,
  request: CosignRequest,
): Promise<NoteSignature> {
  const { text } = parseNote(request.note)
  const ours = body
    .split('\n')
    .slice(0, -1)
    .map(parseSignatureLine)
    .find(({ name, keyId }) => name === key.name && keyId === key.keyId)
  if (ours === undefined) throw new Error('the answer holds no signature by the key of the witness')
  const [verified] = await verifyNote({ text, signatures: [ours] }, [key])
  if (Math.abs((verified?.cosignedAtSeconds ?? 0) - request.nowSeconds) > maximumSkewSeconds) {
    throw new Error('the clock of the witness is more than five minutes off')
  }
  return ours
}

async function readBounded(response: Response): Promise<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  let text = ''
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk, { stream: true })
    if (text.length > maximumAnswerLength) throw new Error('the answer is longer than any cosignature')
  }
  return text + decoder.decode()
}

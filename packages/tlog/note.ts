/**
 * Signed notes: text with signature lines under it (C2SP signed-note).
 *
 * Whoever hands us a note chooses its text, its lines and their order. Nothing in the text counts before
 * `verifyNote` has returned.
 */
import { concatBytes, decodeHex, encodeBase64, encodeHex, encodeUtf8, type Bytes } from '#bytes'
import { isSignature } from '#seal'
import { TlogError } from './errors.ts'
import { isKeyName, verifierKey, type NoteSigner, type VerifierKey } from './keys.ts'
import { cosignedMessage, splitCosignature } from './cosignature.ts'
import { hasControl, parseBase64 } from './lines.ts'

export interface NoteSignature {
  readonly name: string
  readonly keyId: string
  readonly signature: Bytes
}

export interface Note {
  /** Ends with a newline. */
  readonly text: string
  readonly signatures: readonly NoteSignature[]
}

export interface VerifiedSignature {
  readonly key: VerifierKey
  /** When a witness signed; null for a signature without a time. */
  readonly cosignedAtSeconds: number | null
}

const maximumNoteLength = 1_000_000
const maximumSignatures = 100

/** Throws {@link TlogError} `note-malformed`. The signatures are read, not verified. */
export function parseNote(note: string): Note {
  if (note.length > maximumNoteLength || !note.isWellFormed() || hasControl(note))
    malformed('the note is not text')
  const split = note.lastIndexOf('\n\n')
  if (split < 0 || !note.endsWith('\n')) malformed('the note has no signature lines after an empty line')
  const lines = note.slice(split + 2, -1).split('\n')
  if (lines.length > maximumSignatures) malformed('the note has too many signatures')
  return { text: note.slice(0, split + 1), signatures: lines.map(parseSignatureLine) }
}

export function formatNote({ text, signatures }: Note): string {
  return `${text}\n${signatures.map(formatSignatureLine).join('')}`
}

export function parseSignatureLine(line: string): NoteSignature {
  const [, name, encoded] = /^\u2014 ([^ ]+) ([^ ]+)$/.exec(line) ?? []
  if (name === undefined || encoded === undefined || !isKeyName(name)) {
    return malformed('a signature line is a dash, a key name and a signature')
  }
  const bytes = parseBase64(encoded, 'note-malformed')
  if (bytes.length < 5) malformed('a signature is longer than its key id')
  return { name, keyId: encodeHex(bytes.subarray(0, 4)), signature: bytes.slice(4) }
}

export function formatSignatureLine({ name, keyId, signature }: NoteSignature): string {
  return `\u2014 ${name} ${encodeBase64(concatBytes(decodeHex(keyId), signature))}\n`
}

/** Signs `text`, which must end with a newline, as a plain Ed25519 signature (type 0x01). */
export async function signNote(text: string, signer: NoteSigner): Promise<Note> {
  if (!text.endsWith('\n') || !text.isWellFormed() || hasControl(text)) malformed('the text cannot be a note')
  const { name, keyId } = verifierKey('ed25519', signer.name, signer.publicKey)
  return { text, signatures: [{ name, keyId, signature: await signer.sign(encodeUtf8(text)) }] }
}

/**
 * The keys among `keys` that signed, each once. Signatures by other keys are ignored, as the format demands.
 * Throws {@link TlogError} `signature-invalid` where one of these keys is named and did not sign.
 */
export async function verifyNote(
  note: Note,
  keys: readonly VerifierKey[],
): Promise<readonly VerifiedSignature[]> {
  const verified = new Map<VerifierKey, VerifiedSignature>()
  for (const signature of note.signatures) {
    for (const key of keys) {
      if (key.name !== signature.name || key.keyId !== signature.keyId) continue
      verified.set(key, await verifySignature(note.text, signature, key))
    }
  }
  return [...verified.values()]
}

async function verifySignature(
  text: string,
  { signature }: NoteSignature,
  key: VerifierKey,
): Promise<VerifiedSignature> {
  const { message, bytes, cosignedAtSeconds } = signedBy(key, text, signature)
  if (!(await isSignature(encodeHex(key.publicKey), message, bytes))) {
    throw new TlogError('signature-invalid', `the signature that names ${key.name} is not by its key`)
  }
  return { key, cosignedAtSeconds }
}

function signedBy(key: VerifierKey, text: string, signature: Bytes) {
  if (key.kind === 'ed25519') {
    return { message: encodeUtf8(text), bytes: signature, cosignedAtSeconds: null }
  }
  const { atSeconds, bytes } = splitCosignature(signature)
  return { message: cosignedMessage(text, atSeconds), bytes, cosignedAtSeconds: atSeconds }
}

function malformed(message: string): never {
  throw new TlogError('note-malformed', message)
}

/**
 * Cosignatures: a witness says that at this time it knew no longer consistent tree (C2SP tlog-cosignature,
 * "Ed25519 signed message").
 *
 * The message does not name the witness, so one public key must never count for two witnesses.
 */
import { concatBytes, encodeUint64, encodeUtf8, type Bytes } from '#bytes'
import { TlogError } from './errors.ts'
import { verifierKey, type NoteSigner } from './keys.ts'
import type { NoteSignature } from './note.ts'

/** Signs the text of a checkpoint as seen at `atSeconds` since 1970. */
export async function cosign(text: string, signer: NoteSigner, atSeconds: number): Promise<NoteSignature> {
  // A zero time means "no time" in the protocol, which a witness may not say.
  if (!Number.isSafeInteger(atSeconds) || atSeconds <= 0) {
    throw new TlogError('time-invalid', `${atSeconds} is not a time to sign at`)
  }
  const { name, keyId } = verifierKey('cosignature', signer.name, signer.publicKey)
  const signature = await signer.sign(cosignedMessage(text, atSeconds))
  return { name, keyId, signature: concatBytes(encodeUint64(BigInt(atSeconds)), signature) }
}

export function cosignedMessage(text: string, atSeconds: number): Bytes {
  return encodeUtf8(`cosignature/v1\ntime ${atSeconds}\n${text}`)
}

/** Time and signature of a `timestamped_signature`. Throws {@link TlogError} `note-malformed`. */
export function splitCosignature(signature: Bytes): { atSeconds: number; bytes: Bytes } {
  if (signature.length !== 72) throw new TlogError('note-malformed', 'a cosignature has 72 bytes')
  const atSeconds = Number(new DataView(signature.buffer, signature.byteOffset).getBigUint64(0))
  if (!Number.isSafeInteger(atSeconds))
    throw new TlogError('note-malformed', 'a cosignature has no such time')
  return { atSeconds, bytes: signature.slice(8) }
}

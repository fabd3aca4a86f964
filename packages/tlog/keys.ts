/**
 * Keys of logs and witnesses, and the text they travel as (C2SP signed-note, "Verifier keys").
 *
 * A key is known by its name and a 32-bit id together. The id is no security: colliding ids cost an attacker
 * nothing and win nothing, because the signature is still checked against the configured key.
 */
import {
  concatBytes,
  decodeHex,
  encodeBase64,
  encodeHex,
  encodeUtf8,
  equalBytes,
  sha256,
  type Bytes,
} from '#bytes'
import type { SigningKey } from '#seal'
import { TlogError } from './errors.ts'
import { hasControl, parseBase64 } from './lines.ts'

/** `ed25519` signs a note's text (type 0x01), `cosignature` signs it with a time (type 0x04). */
export type KeyKind = 'ed25519' | 'cosignature'

export interface VerifierKey {
  readonly name: string
  readonly kind: KeyKind
  /** Eight hexadecimal digits. */
  readonly keyId: string
  readonly publicKey: Bytes
}

/** Holds an Ed25519 key and signs with it (RFC 8032); what is signed is up to the caller. */
export interface NoteSigner {
  readonly name: string
  readonly publicKey: Bytes
  sign(message: Bytes): Promise<Bytes>
}

/** Throws {@link TlogError} `key-malformed` where the name or the key has no such form. */
export function verifierKey(kind: KeyKind, name: string, publicKey: Bytes): VerifierKey {
  if (!isKeyName(name)) throw new TlogError('key-malformed', 'a key name has no white space and no plus sign')
  if (publicKey.length !== 32) throw new TlogError('key-malformed', 'an Ed25519 public key has 32 bytes')
  const id = sha256(encodeUtf8(`${name}\n`), Uint8Array.of(typeBytes[kind]), publicKey).subarray(0, 4)
  return { name, kind, keyId: encodeHex(id), publicKey }
}

/** Lets a key sign under a name. */
export function noteSigner(name: string, key: SigningKey): NoteSigner {
  return { name, publicKey: decodeHex(key.publicKey), sign: key.sign }
}

/** `<name>+<id>+<base64 of type and key>`. */
export function formatVerifierKey({ name, kind, keyId, publicKey }: VerifierKey): string {
  return `${name}+${keyId}+${encodeBase64(concatBytes(Uint8Array.of(typeBytes[kind]), publicKey))}`
}

/** Throws {@link TlogError} `key-malformed`, also for an id that is not the key's own. */
export function parseVerifierKey(text: string): VerifierKey {
  const [, name, keyId, encoded] = /^([^+]+)\+([0-9a-f]{8})\+(.+)$/s.exec(text) ?? []
  if (name === undefined || keyId === undefined || encoded === undefined) {
    throw new TlogError('key-malformed', 'a verifier key is a name, an id and a key, joined by plus signs')
  }
  const bytes = parseBase64(encoded, 'key-malformed')
  const key = verifierKey(kindOf(bytes[0]), name, bytes.slice(1))
  if (key.keyId !== keyId) throw new TlogError('key-malformed', `the id of this key is ${key.keyId}`)
  return key
}

export function isKeyName(name: string): boolean {
  return name.isWellFormed() && !hasControl(name) && /^[^\p{White_Space}+]+$/u.test(name)
}

export function sameKey(one: VerifierKey, other: VerifierKey): boolean {
  return equalBytes(one.publicKey, other.publicKey)
}

const typeBytes: Record<KeyKind, number> = { ed25519: 0x01, cosignature: 0x04 }

function kindOf(type: number | undefined): KeyKind {
  if (type === typeBytes.ed25519) return 'ed25519'
  if (type === typeBytes.cosignature) return 'cosignature'
  throw new TlogError('key-malformed', `signature type ${type} is not supported`)
}

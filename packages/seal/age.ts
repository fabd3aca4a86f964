/**
 * Sealing to a public key with the age format (C2SP/age), hybrid X25519 + ML-KEM-768 recipients.
 *
 * A sealed file says who can open it and not who wrote it: authorship comes from what is inside.
 */
import { Decrypter, Encrypter, identityToRecipient } from 'age-encryption'
import { bech32 } from '@scure/base'
import { encodeUtf8, type Bytes } from '#bytes'
import { SealError } from './errors.ts'

/** Holds a private key: never log it, never let it leave the enclave. */
export interface SealIdentity {
  /** `AGE-SECRET-KEY-PQ-1…` */
  readonly secret: string
  /** `age1pq1…`, what others seal to. */
  readonly recipient: string
}

/** The hybrid identity made from a 32-byte seed, the same each time. */
export async function sealIdentityFromSeed(seed: Uint8Array): Promise<SealIdentity> {
  if (seed.length !== 32) throw new SealError('key-invalid', 'an age identity is made from 32 bytes')
  const secret = bech32.encodeFromBytes('AGE-SECRET-KEY-PQ-', seed).toUpperCase()
  return { secret, recipient: await identityToRecipient(secret) }
}

/** An X25519 identity from 32 bytes, for peers whose age library does not know the hybrid ones. */
export async function classicIdentityFromSeed(seed: Uint8Array): Promise<SealIdentity> {
  if (seed.length !== 32) throw new SealError('key-invalid', 'an age identity is made from 32 bytes')
  const secret = bech32.encodeFromBytes('AGE-SECRET-KEY-', seed).toUpperCase()
  return { secret, recipient: await identityToRecipient(secret) }
}

/** Throws {@link SealError} `key-invalid` where the recipient is not an age public key. */
export async function seal(plaintext: Uint8Array | string, recipient: string): Promise<Bytes> {
  const encrypter = new Encrypter()
  try {
    encrypter.addRecipient(recipient)
  } catch {
    throw new SealError('key-invalid', 'not an age recipient')
  }
  const bytes = typeof plaintext === 'string' ? encodeUtf8(plaintext) : plaintext
  return new Uint8Array(await encrypter.encrypt(bytes))
}

/** Throws {@link SealError} `sealed-invalid` where the file is damaged or sealed to another key. */
export async function unseal(sealed: Uint8Array, secret: string): Promise<Bytes> {
  try {
    const decrypter = new Decrypter()
    decrypter.addIdentity(secret)
    return new Uint8Array(await decrypter.decrypt(sealed))
  } catch {
    // The library's message is dropped: it may quote what it read.
    throw new SealError('sealed-invalid', 'the sealed file is damaged or was sealed to another key')
  }
}

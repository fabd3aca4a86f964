/**
 * Ed25519 (RFC 8032) through WebCrypto: the one signature algorithm of every Fairweight statement.
 *
 * A key is named by its raw public key in lower-case hexadecimal, so that a name cannot be mistaken
 * for another key's.
 */
import { concatBytes, decodeHex, encodeHex, type Bytes } from '#bytes'
import { SealError } from './errors.ts'

/** Holds a private key that cannot be exported. */
export interface SigningKey {
  /** 32 bytes, hexadecimal. */
  readonly publicKey: string
  readonly sign: (message: Uint8Array) => Promise<Bytes>
}

// PKCS #8 (RFC 8410 §7) around a bare 32-byte seed, which is the only private form WebCrypto takes.
const PKCS8_PREFIX = decodeHex('302e020100300506032b657004220420')

/** The key made from a 32-byte seed. Throws {@link SealError} `key-invalid` on another length. */
export async function signingKeyFromSeed(seed: Uint8Array): Promise<SigningKey> {
  if (seed.length !== 32) throw new SealError('key-invalid', 'an Ed25519 seed has 32 bytes')
  const pkcs8 = concatBytes(PKCS8_PREFIX, seed)
  const key = await crypto.subtle.importKey('pkcs8', pkcs8, 'Ed25519', true, ['sign'])
  const { x } = await crypto.subtle.exportKey('jwk', key)
  const held = await crypto.subtle.importKey('pkcs8', pkcs8, 'Ed25519', false, ['sign'])
  return {
    publicKey: encodeHex(fromBase64Url(x ?? '')),
    sign: async (message) =>
      new Uint8Array(await crypto.subtle.sign('Ed25519', held, new Uint8Array(message))),
  }
}

/** True where `signature` (64 bytes) is `publicKey`'s over `message`; false for anything malformed. */
export async function isSignature(
  publicKey: string,
  message: Uint8Array,
  signature: Uint8Array,
): Promise<boolean> {
  if (!/^[0-9a-f]{64}$/.test(publicKey) || signature.length !== 64) return false
  try {
    const key = await crypto.subtle.importKey('raw', decodeHex(publicKey), 'Ed25519', false, ['verify'])
    return await crypto.subtle.verify('Ed25519', key, new Uint8Array(signature), new Uint8Array(message))
  } catch {
    return false
  }
}

function fromBase64Url(text: string): Bytes {
  const standard = text.replaceAll('-', '+').replaceAll('_', '/')
  return Uint8Array.from(atob(standard), (character) => character.charCodeAt(0))
}

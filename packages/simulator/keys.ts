/** Test keys: each is derived from the seed under its own purpose and signs the same bytes the same way. */
import { concatBytes, deriveSecret, encodeHex, sha256, type Bytes } from '#bytes'
import { publicPoint, scalarOf, signDigest, type CurveName } from './curve.ts'
import { derInteger, derSequence } from './der.ts'

export interface SimulatedKey {
  readonly curve: CurveName
  readonly secret: Bytes
  readonly scalar: bigint
  /** 0x04 ‖ x ‖ y. */
  readonly point: Bytes
  /** What certificates call this key. */
  readonly keyId: Bytes
}

export function deriveKey(seed: Bytes, purpose: string, curve: CurveName): SimulatedKey {
  const secret = deriveSecret(seed, purpose, 64)
  const scalar = scalarOf(curve, secret)
  const point = publicPoint(curve, scalar)
  return { curve, secret, scalar, point, keyId: sha256(point).slice(0, 20) }
}

const hashOfCurve = { 'P-256': 'SHA-256', 'P-384': 'SHA-384' } as const

/** r ‖ s over `data`, with the hash that belongs to the curve. */
export async function signFlat(key: SimulatedKey, data: Bytes): Promise<Bytes> {
  const { r, s } = await signScalars(key, data)
  return concatBytes(r, s)
}

/** SEQUENCE { r, s }, as certificates carry it. */
export async function signDer(key: SimulatedKey, data: Bytes): Promise<Bytes> {
  const { r, s } = await signScalars(key, data)
  return derSequence(derInteger(r), derInteger(s))
}

async function signScalars(key: SimulatedKey, data: Bytes) {
  const digest = new Uint8Array(await crypto.subtle.digest(hashOfCurve[key.curve], data))
  const nonce = deriveSecret(key.secret, `fairweight/simulator/nonce/${encodeHex(digest)}`, 64)
  return signDigest(key.curve, key.scalar, digest, scalarOf(key.curve, nonce))
}

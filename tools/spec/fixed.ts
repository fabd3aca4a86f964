/** Keys, salts and times of the vectors: derived from their names, so that the file is the same on every machine. */
import { encodeHex, encodeUtf8, sha256, type Bytes } from '#bytes'
import { signingKeyFromSeed, type SigningKey } from '#seal'

/** 32 bytes that stand for something random. Public: for vectors only. */
export function fixed(name: string): Bytes {
  return sha256(encodeUtf8(`fairweight vectors: ${name}`))
}

export function fixedHex(name: string): string {
  return encodeHex(fixed(name))
}

export const SIGNERS = [
  'operator',
  'alba',
  'bruno',
  'recovery',
  'ingest',
  'mix',
  'train',
  'serve',
  'mark',
  'ledger',
  'log',
] as const
export type SignerName = (typeof SIGNERS)[number]
export type Signers = Readonly<Record<SignerName, SigningKey>>

export async function fixedSigners(): Promise<Signers> {
  const entries = await Promise.all(
    SIGNERS.map(async (name) => [name, await signingKeyFromSeed(fixed(name))] as const),
  )
  return Object.fromEntries(entries) as Record<SignerName, SigningKey>
}

/** JSON that is about to be made wrong: no type fits it. */
// oxlint-disable-next-line typescript/no-explicit-any
export type Loose = any

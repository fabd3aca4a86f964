/** The people and machines of the test pool: every key follows from a name, so that each run is the same. */
import { encodeUtf8, sha256, sha256Hex, type Bytes } from '#bytes'
import { sealIdentityFromSeed, signingKeyFromSeed, type SigningKey } from '#seal'
import { ROLES, type Role } from '#statements'

const made = new Map<string, Promise<SigningKey>>()

export function keyOf(name: string): Promise<SigningKey> {
  const known = made.get(name) ?? signingKeyFromSeed(secretOf(`key ${name}`))
  made.set(name, known)
  return known
}

export function secretOf(name: string): Bytes {
  return sha256(encodeUtf8(name))
}

/** 32 bytes as hexadecimal: salts, digests of things nobody needs, nonces. */
export function hexOf(name: string): string {
  return sha256Hex(encodeUtf8(name))
}

export type SigningRole = Exclude<Role, 'pool'>
export type TermKeys = Readonly<Record<SigningRole, SigningKey>>

/** The ledger's and the log's key outlive a term, all others are of one. */
export async function termKeys(term: number): Promise<TermKeys> {
  const roles = ROLES.filter((role) => role !== 'pool')
  const pairs = roles.map(async (role) => {
    const lasting = role === 'ledger' || role === 'log'
    return [role, await keyOf(lasting ? role : `${role} of term ${term}`)] as const
  })
  return Object.fromEntries(await Promise.all(pairs)) as TermKeys
}

let recipient: Promise<string> | undefined

export function poolRecipient(): Promise<string> {
  recipient ??= sealIdentityFromSeed(secretOf('pool key')).then((identity) => identity.recipient)
  return recipient
}

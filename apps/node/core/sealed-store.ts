/**
 * Bytes at rest that only this pool's attested machines can read: age files under the pool key, by their own digest.
 *
 * A file's name is SHA-256 of its ciphertext, so storage can neither swap nor change one unnoticed.
 */
import { createHash, randomUUID } from 'node:crypto'
import { mkdir, open, readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { seal, unseal } from '#seal'
import type { Bytes } from '#bytes'
import type { NodeContext } from './context.ts'

type Needs = Pick<NodeContext, 'machine' | 'folders'>

/** Seals and stores; the digest is the name. Durable when it resolves. */
export async function putSealed(context: Needs, plaintext: Uint8Array): Promise<string> {
  return keepCiphertext(context, await seal(plaintext, context.machine.pool.recipient))
}

/** Stores what somebody else sealed to the pool key. */
export async function keepCiphertext({ folders }: Needs, ciphertext: Uint8Array): Promise<string> {
  const digest = createHash('sha256').update(ciphertext).digest('hex')
  await mkdir(folders.sealed, { recursive: true, mode: 0o700 })
  // A name of its own: two who keep the same bytes at once must not trip over each other.
  const part = join(folders.sealed, `${digest}.${randomUUID()}.part`)
  const file = await open(part, 'wx', 0o600)
  try {
    await file.writeFile(ciphertext)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(part, join(folders.sealed, digest))
  const folder = await open(folders.sealed)
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
  return digest
}

/** Throws where the file is absent, is not what its name says, or does not open. */
export async function getSealed({ folders, machine }: Needs, digest: string): Promise<Bytes> {
  const ciphertext = await readFile(join(folders.sealed, digest))
  if (createHash('sha256').update(ciphertext).digest('hex') !== digest)
    throw new Error(`sealed file ${digest} was changed`)
  return unseal(ciphertext, machine.pool.secret)
}

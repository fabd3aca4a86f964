/** The recovery key: a file that its owner keeps somewhere else than the home. */
import { mkdir, open, readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { decodeHex, encodeHex, type Bytes } from '#bytes'
import { signingKeyFromSeed, type SigningKey } from '#seal'
import { ContributeError } from './errors.ts'

/** Throws {@link ContributeError} 2 where the file holds no key. */
export async function readOtherKey(path: string): Promise<SigningKey> {
  const text = await readFile(path, 'utf8').catch(() => {
    throw new ContributeError(2, `${path} cannot be read: check the name.`)
  })
  if (!/^[0-9a-f]{64}\n?$/.test(text)) throw new ContributeError(2, `${path} holds no key.`)
  return signingKeyFromSeed(decodeHex(text.trim()))
}

/** The key in the file, made where there is none: a run that was interrupted finds the one it made. */
export async function makeOtherKey(path: string, random: (length: number) => Bytes): Promise<SigningKey> {
  try {
    await mkdir(dirname(path), { recursive: true })
    const file = await open(path, 'wx', 0o600)
    try {
      await file.writeFile(`${encodeHex(random(32))}\n`)
      await file.sync()
    } finally {
      await file.close()
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST')
      throw new ContributeError(2, `${path} cannot be written: name another file.`)
  }
  return readOtherKey(path)
}

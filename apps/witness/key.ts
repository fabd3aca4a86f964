/** The key of a witness: 32 random bytes in a file that its owner alone may read, made at the first start. */
import { chmod } from 'node:fs/promises'
import { join } from 'node:path'
import { readIfPresent, writeDurably } from '#adapters/tlog-files'
import { decodeHex, decodeUtf8, encodeHex, encodeUtf8 } from '#bytes'
import { signingKeyFromSeed, type SigningKey } from '#seal'

const keyName = 'witness.key'

export async function loadKey(
  directory: string,
  random: (length: number) => Uint8Array,
): Promise<SigningKey> {
  const kept = await readIfPresent(directory, keyName)
  if (kept !== null) return signingKeyFromSeed(decodeHex(decodeUtf8(kept).trimEnd()))
  const seed = random(32)
  await writeDurably(directory, keyName, encodeUtf8(`${encodeHex(seed)}\n`), 0o600)
  // The mode given at creation is the process's mask taken off; this one is exact.
  await chmod(join(directory, keyName), 0o600)
  return signingKeyFromSeed(seed)
}

/** The base model's file, held against the policy before an engine reads it (C4). */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import type { Policy } from '#statements'

/** Throws with a sentence unless the file is the one whose tokenizer the policy names. */
export async function assertBase(path: string, { base }: Policy): Promise<void> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(path), hash)
  const found = hash.digest('hex')
  if (found !== base.tokenizer.sha256) {
    throw new Error(
      `${path} is not ${base.name} as the policy pins it: expected ${base.tokenizer.sha256}, found ${found}.`,
    )
  }
}

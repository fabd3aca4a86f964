/**
 * Log leaf (spec/log-leaf.md): a type tag and a salted digest.
 *
 * The log shows that a statement was made, and when, and not what it says. Erasing body and salt later
 * leaves a leaf that can no longer be linked to anything: a tombstone.
 */
import { z } from 'zod'
import { canonicalBytes, decodeHex, encodeHex, parseCanonical, purposeHash, type Bytes } from '#bytes'
import { StatementError } from './errors.ts'
import { hex32 } from './fields.ts'
import { STATEMENT_KINDS } from './kinds.ts'
import { issueOf } from './statement.ts'

const logLeaf = z.strictObject({ type: z.enum(STATEMENT_KINDS), digest: hex32 })
export type LogLeaf = z.infer<typeof logLeaf>
export const logLeafSchema: z.ZodType<LogLeaf> = logLeaf

/** The leaf for a statement: `digest` hides the statement's digest behind 32 secret bytes. */
export function logLeafOf(type: LogLeaf['type'], statementDigest: string, salt: string): LogLeaf {
  const [hiding, hidden] = [decodeHex(salt), decodeHex(statementDigest)]
  if (hiding.length !== 32 || hidden.length !== 32)
    throw new StatementError('document-invalid', 'salt and digest have 32 bytes each')
  const digest = purposeHash('fairweight/log-leaf/v1', hiding, hidden)
  return { type, digest: encodeHex(digest) }
}

/** The entry's bytes in the log. */
export function encodeLogLeaf(of: LogLeaf): Bytes {
  return canonicalBytes(of)
}

/** Throws `BytesError` or {@link StatementError} `document-invalid`. */
export function decodeLogLeaf(bytes: Uint8Array): LogLeaf {
  const result = logLeaf.safeParse(parseCanonical(bytes))
  if (!result.success) throw new StatementError('document-invalid', `log leaf: ${issueOf(result.error)}`)
  return result.data
}

/** ACI's keyset and report data (aci/1 §3): the closed shape that ACI verifiers know. */
import { z } from 'zod'
import { canonicalBytes, digestOf, sha256, type Bytes } from '#bytes'
import { StatementError } from './errors.ts'
import { count, hex32, isDistinct } from './fields.ts'
import { issueOf } from './statement.ts'

const aciKeyset = z
  .strictObject({
    subject: z.string().nullable(),
    not_after: count,
    receipt_signing_keys: z.array(
      z.strictObject({ key_id: z.string(), algo: z.string(), public_key: z.string() }),
    ),
    e2ee_public_keys: z.array(
      z.strictObject({ key_id: z.string(), algo: z.string(), public_key: z.string() }),
    ),
    tls_public_keys: z.array(z.strictObject({ spki_sha256: hex32, domain: z.string().optional() })),
  })
  .refine((it) => isDistinct(it.receipt_signing_keys.map((one) => one.key_id)), 'a key id stands twice')
export type AciKeyset = z.infer<typeof aciKeyset>
export const aciKeysetSchema: z.ZodType<AciKeyset> = aciKeyset

/** Throws {@link StatementError} `document-invalid`. */
export function readAciKeyset(value: unknown): AciKeyset {
  const result = aciKeyset.safeParse(value)
  if (!result.success) throw new StatementError('document-invalid', `ACI keyset: ${issueOf(result.error)}`)
  return result.data
}

/** `sha256:` and hexadecimal (aci/1 §3.1). */
export function aciKeysetDigest(of: AciKeyset): string {
  return `sha256:${digestOf(of)}`
}

/** The 32 bytes that ACI's own quote carries (aci/1 §3.2). */
export function aciReportData(keysetDigest: string, nonce: string | null): Bytes {
  return sha256(canonicalBytes({ keyset_digest: keysetDigest, nonce, purpose: 'aci.report_data.v1' }))
}

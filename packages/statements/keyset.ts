/**
 * Keyset, challenge and GPU nonce (spec/keyset.md): what ties keys to evidence.
 *
 * The CPU evidence carries the challenge; the challenge names the keyset, the client's nonce and the
 * GPU evidence; the GPU evidence was made over a nonce that names the keyset too.
 */
import { z } from 'zod'
import { canonicalBytes, digestOf, sha256, type Bytes } from '#bytes'
import { StatementError } from './errors.ts'
import { hex32, isDistinct, nodeTerm, timestamp } from './fields.ts'
import { issueOf, ROLES, type Role } from './statement.ts'

const signingRoles = ROLES.filter((role) => role !== 'pool')

const key = z.discriminatedUnion('algorithm', [
  z.strictObject({ role: z.enum(signingRoles), algorithm: z.literal('ed25519'), publicKey: hex32 }),
  z.strictObject({
    role: z.literal('pool'),
    algorithm: z.literal('age-mlkem768x25519'),
    publicKey: z
      .string()
      .max(4000)
      .regex(/^age1pq1[02-9ac-hj-np-z]+$/),
  }),
])

const keyset = z
  .strictObject({
    format: z.literal('fairweight/keyset/v1'),
    /** Digest of the pool's first policy: keys of one pool are no keys of another. */
    pool: hex32,
    ...nodeTerm,
    issuedAt: timestamp,
    notAfter: timestamp,
    keys: z.array(key).min(1),
    /** Digest of the ACI keyset this node serves under, `sha256:` and hexadecimal. */
    aci: z.string().regex(/^sha256:[0-9a-f]{64}$/),
  })
  .refine((it) => isDistinct(it.keys.map(({ publicKey }) => publicKey)), 'a key stands in two roles')
  .refine((it) => it.issuedAt < it.notAfter, 'the keyset ends before it begins')
export type Keyset = z.infer<typeof keyset>
export const keysetSchema: z.ZodType<Keyset> = keyset

/** Throws {@link StatementError} `document-invalid`. */
export function readKeyset(value: unknown): Keyset {
  const result = keyset.safeParse(value)
  if (!result.success) throw new StatementError('document-invalid', `keyset: ${issueOf(result.error)}`)
  return result.data
}

export function keysetDigest(of: Keyset): string {
  return digestOf(of)
}

/** The public keys of a role; a signature by a key outside its role is no signature. */
export function keysInRole(of: Keyset, role: Role): string[] {
  return of.keys.filter((one) => one.role === role).map((one) => one.publicKey)
}

/** GPU evidence as it travels: the shape NVIDIA's tools serialise. */
export const gpuEvidence = z.strictObject({
  arch: z.string().max(20),
  nonce: hex32,
  /** Base64 of SPDM request and response. */
  evidence: z.string().max(200_000),
  /** Base64 of the PEM chain. */
  certificate: z.string().max(200_000),
})
export type GpuEvidence = z.infer<typeof gpuEvidence>

/** 32 bytes that GPU evidence is made over: names the keyset and one nonce a term. */
export function gpuNonce(of: Keyset, termNonce: string): Bytes {
  return sha256(
    canonicalBytes({
      purpose: 'fairweight/gpu-nonce/v1',
      keyset: keysetDigest(of),
      nonce: hex32.parse(termNonce),
    }),
  )
}

/** 32 bytes that CPU evidence carries in front of 32 zero bytes. */
export function challenge(of: Keyset, clientNonce: string, gpus: readonly GpuEvidence[]): Bytes {
  return sha256(
    canonicalBytes({
      purpose: 'fairweight/challenge/v1',
      keyset: keysetDigest(of),
      nonce: hex32.parse(clientNonce),
      gpu: digestOf(gpus),
    }),
  )
}

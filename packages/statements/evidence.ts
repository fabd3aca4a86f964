/**
 * Node evidence (spec/node-evidence.md): what makes every other signature checkable years later.
 *
 * It carries evidence, endorsements and keyset in one document, so that nothing has to be fetched again.
 */
import { z } from 'zod'
import { aciKeysetDigest, aciKeysetSchema } from './aci-keyset.ts'
import { hex32, isDistinct, nodeTerm, termName, timestamp } from './fields.ts'
import { gpuEvidence, keysetDigest, keysetSchema } from './keyset.ts'
import { defineKind } from './statement.ts'

const text = z.string().max(400_000)

/** A file of NVIDIA's reference values (RIM) as its service names and serves it. */
const rim = z.strictObject({
  id: z.string().regex(/^[A-Za-z0-9._-]{1,120}$/),
  /** Base64 of the signed file. */
  rim: z.string().max(200_000),
})

/** Intel's collateral in the spelling of DCAP tools; CRLs as PEM or hexadecimal. */
const tdxCollateral = z.strictObject({
  pck_crl_issuer_chain: text,
  root_ca_crl: text,
  pck_crl: text,
  tcb_info_issuer_chain: text,
  tcb_info: text,
  tcb_info_signature: text,
  qe_identity_issuer_chain: text,
  qe_identity: text,
  qe_identity_signature: text,
})

const predicate = z
  .strictObject({
    ...nodeTerm,
    takenAt: timestamp,
    keyset: keysetSchema,
    /** The ACI keyset (aci/1 §3.1) whose digest the keyset names. */
    aciKeyset: aciKeysetSchema,
    /** The nonce this evidence answers. */
    nonce: hex32,
    /** The one nonce of the term under which GPU evidence was made. */
    gpuTermNonce: hex32,
    cpu: z.strictObject({ kind: z.literal('tdx'), quote: text, collateral: tdxCollateral }),
    gpus: z.array(gpuEvidence).max(16),
    /** Endorsements for the GPUs: driver's and VBIOS's reference values. One file serves all GPUs alike. */
    rims: z.array(rim).max(32),
    /** Certificates (base64 DER) that the chains end in; trusted only where the policy names them. */
    roots: z.strictObject({ intel: text, nvidia: text, nvidiaRim: text }),
  })
  .refine(
    (it) => termName(it) === termName(it.keyset),
    'the evidence names another node or term than its keyset',
  )
  .refine((it) => aciKeysetDigest(it.aciKeyset) === it.keyset.aci, 'the keyset names another ACI keyset')
  .refine((it) => isDistinct(it.gpus.map(({ certificate }) => certificate)), 'a GPU stands twice')
  .refine((it) => isDistinct(it.rims.map(({ id }) => id)), 'reference values stand twice')
export type NodeEvidence = z.infer<typeof predicate>

export const evidence = defineKind<NodeEvidence>({
  kind: 'evidence',
  signer: 'log',
  visibility: 'public',
  predicate,
  subject: (it) => ({ name: `keyset of ${it.node} term ${it.term}`, sha256: keysetDigest(it.keyset) }),
})

/**
 * Keys of one term and the evidence over them (spec/keyset.md, spec/node-evidence.md).
 *
 * Keys that must survive a restart (pool, ledger, log) come from the root secret, since a successor opens and closes
 * what a dead term left; all others are made anew in every term and never leave memory. GPU evidence is taken once a term and again before the policy's maximum
 * age; CPU evidence is fresh for each nonce.
 */
import { randomBytes } from 'node:crypto'
import { concatBytes, decodeHex, deriveSecret, encodeBase64, encodeHex, type Bytes } from '#bytes'
import { sealIdentityFromSeed, signingKeyFromSeed, type SigningKey } from '#seal'
import {
  aciKeysetDigest,
  challenge,
  formatTime,
  gpuNonce,
  type AciKeyset,
  type GpuEvidence,
  type Keyset,
  type Role,
} from '#statements'
import type { Machine } from './context.ts'
import type { Platform } from './platform.ts'

type SigningRole = Exclude<Role, 'pool'>

const PER_TERM: readonly SigningRole[] = ['ingest', 'mix', 'train', 'serve', 'mark']

export interface MachineOptions {
  readonly platform: Platform
  /** Digest of the pool's first policy. */
  readonly pool: string
  readonly node: string
  readonly term: number
  readonly startedAt: Date
  /** How long the term's keys are good for, in seconds. */
  readonly keysetSeconds: number
  /** GPU evidence older than this is taken again, in seconds. */
  readonly gpuEvidenceSeconds: number
  readonly now: () => Date
}

export async function startMachine(options: MachineOptions): Promise<Machine> {
  const { platform, node, term, startedAt, now } = options
  const notAfter = new Date(startedAt.getTime() + options.keysetSeconds * 1000)
  // The same program under another pool's policy must open and sign nothing of this one.
  const poolSecret = deriveSecret(platform.rootSecret, `fairweight/pool-secret/v1/${options.pool}`)
  const ofPool = (label: string) => deriveSecret(poolSecret, label)
  const keys = new Map<SigningRole, SigningKey>()
  keys.set('log', await logKey(platform.rootSecret))
  keys.set('ledger', await signingKeyFromSeed(ofPool('fairweight/ledger-key/v1')))
  for (const role of PER_TERM) keys.set(role, await signingKeyFromSeed(randomBytes(32)))
  const key = (role: SigningRole) => keys.get(role)!
  const pool = await sealIdentityFromSeed(ofPool('fairweight/pool-key/v1'))
  const aciKeyset: AciKeyset = {
    subject: null,
    not_after: Math.floor(notAfter.getTime() / 1000),
    receipt_signing_keys: [{ key_id: 'receipt-1', algo: 'ed25519', public_key: key('serve').publicKey }],
    e2ee_public_keys: [],
    tls_public_keys: [],
  }
  const keyset: Keyset = {
    format: 'fairweight/keyset/v1',
    pool: options.pool,
    node,
    term,
    issuedAt: formatTime(startedAt),
    notAfter: formatTime(notAfter),
    keys: [
      ...[...keys].map(([role, { publicKey }]) => ({ role, algorithm: 'ed25519' as const, publicKey })),
      { role: 'pool', algorithm: 'age-mlkem768x25519', publicKey: pool.recipient },
    ],
    aci: aciKeysetDigest(aciKeyset),
  }
  const gpus = keepFresh(options, keyset)
  const quoteOver = (report: Bytes) => platform.quote(concatBytes(report, new Uint8Array(32)))
  return {
    node,
    term,
    simulated: platform.simulated,
    keyset,
    aciKeyset,
    key,
    pool,
    secret: (purpose) => ofPool(`fairweight/node-secret/v1/${purpose}`),
    aciQuote: quoteOver,
    async evidence(nonce) {
      const { termNonce, evidence } = await gpus()
      const quote = await quoteOver(challenge(keyset, nonce, evidence))
      return {
        node,
        term,
        takenAt: formatTime(now()),
        keyset,
        aciKeyset,
        nonce,
        gpuTermNonce: termNonce,
        cpu: { kind: 'tdx', quote: encodeBase64(quote), collateral: await platform.collateral() },
        gpus: evidence,
        rims: await platform.rims(),
        roots: platform.roots,
      }
    },
  }
}

/** The log's key of a machine, known before any node ran: a policy names it, and so it cannot follow from the pool. */
export async function logKey(rootSecret: Bytes): Promise<SigningKey> {
  return signingKeyFromSeed(deriveSecret(rootSecret, 'fairweight/log-key/v1'))
}

// GPU attestation is slow and serial, so one answer serves every client until it ages.
function keepFresh({ platform, gpuEvidenceSeconds, now }: MachineOptions, keyset: Keyset) {
  let held: Promise<{ termNonce: string; evidence: GpuEvidence[]; takenAt: number }> | undefined
  const take = async () => {
    const termNonce = encodeHex(randomBytes(32))
    const evidence = await platform.attestGpus(gpuNonce(keyset, termNonce))
    return { termNonce, evidence, takenAt: now().getTime() }
  }
  return async () => {
    const before = await held?.catch(() => undefined)
    if (before === undefined || now().getTime() - before.takenAt > gpuEvidenceSeconds * 1000) held = take()
    return held!
  }
}

/** A nonce for evidence that nobody asked for: what a node logs at the start of its term. */
export function ownNonce(): string {
  return encodeHex(randomBytes(32))
}

/** Decodes the client's nonce; undefined unless it is 32 bytes of hexadecimal. */
export function readNonce(text: unknown): string | undefined {
  return typeof text === 'string' && /^[0-9a-f]{64}$/.test(text) && decodeHex(text).length === 32
    ? text
    : undefined
}

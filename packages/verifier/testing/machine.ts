/** The test pool's machine: the simulator's evidence over the keyset of a term. */
import { concatBytes, encodeBase64, type Bytes } from '#bytes'
import { createSimulator, measureTree, type GpuFaults, type QuoteFaults, type Simulator } from '#simulator'
import {
  aciKeysetDigest,
  challenge,
  formatTime,
  gpuNonce,
  type AciKeyset,
  type Keyset,
  type NodeEvidence,
} from '#statements'
import { hexOf, poolRecipient, secretOf, termKeys } from './keys.ts'

export const NODE = 'node-a'

let machine: Promise<Simulator> | undefined

export function simulator(): Promise<Simulator> {
  machine ??= createSimulator({ seed: secretOf('simulator'), at: new Date('2026-11-20T11:00:00Z') })
  return machine
}

export const measurement = await measureTree([{ path: 'packages/verifier/audit.ts', sha256: hexOf('tree') }])

/** What is wrong with a machine's evidence, though it is signed and bound like any other. */
export interface MachineLie {
  readonly keyset?: (keyset: Keyset) => Keyset
  readonly quote?: QuoteFaults
  readonly gpu?: GpuFaults
  readonly gpus?: number
  readonly rims?: (rims: Simulator['rims']) => NodeEvidence['rims']
  readonly gpuNonce?: Bytes
  readonly challenge?: Bytes
  readonly measured?: string
  readonly nonce?: string
}

export async function aciKeysetOf(term: number): Promise<AciKeyset> {
  const { serve } = await termKeys(term)
  return {
    subject: null,
    not_after: 1_800_000_000,
    receipt_signing_keys: [{ key_id: 'receipt-1', algo: 'ed25519', public_key: serve.publicKey }],
    e2ee_public_keys: [],
    tls_public_keys: [],
  }
}

async function keysetOf(pool: string, term: number, issuedAt: string): Promise<Keyset> {
  const keys = await termKeys(term)
  return {
    format: 'fairweight/keyset/v1',
    pool,
    node: NODE,
    term,
    issuedAt,
    notAfter: '2026-12-20T00:00:00Z',
    keys: [
      ...Object.entries(keys).map(([role, { publicKey }]) => ({
        role: role as keyof typeof keys,
        algorithm: 'ed25519' as const,
        publicKey,
      })),
      { role: 'pool', algorithm: 'age-mlkem768x25519', publicKey: await poolRecipient() },
    ],
    aci: aciKeysetDigest(await aciKeysetOf(term)),
  }
}

// Making evidence is the slowest step and its inputs rarely change between lies.
const taken = new Map<string, Promise<NodeEvidence>>()

export function evidenceOf(
  pool: string,
  term: number,
  issuedAt: string,
  takenAt: string,
  lie: MachineLie = {},
): Promise<NodeEvidence> {
  if (Object.keys(lie).length > 0) return takeEvidence(pool, term, issuedAt, takenAt, lie)
  const key = `${pool} ${term} ${issuedAt} ${takenAt}`
  const known = taken.get(key) ?? takeEvidence(pool, term, issuedAt, takenAt, lie)
  taken.set(key, known)
  return known
}

async function takeEvidence(
  pool: string,
  term: number,
  issuedAt: string,
  takenAt: string,
  lie: MachineLie,
): Promise<NodeEvidence> {
  const hardware = await simulator()
  const { collateral, roots, rims } = hardware
  const plain = await keysetOf(pool, term, issuedAt)
  const keyset = lie.keyset?.(plain) ?? plain
  const gpuTermNonce = hexOf(`GPU nonce of term ${term}`)
  const nonce = lie.nonce ?? hexOf(`nonce of ${takenAt}`)
  const gpuRequest = {
    nonce: lie.gpuNonce ?? gpuNonce(keyset, gpuTermNonce),
    ...(lie.gpu && { faults: lie.gpu }),
  }
  const gpus = await Promise.all(
    Array.from({ length: lie.gpus ?? 1 }, async () => ({ ...(await hardware.attestGpu(gpuRequest)) })),
  )
  const bound = lie.challenge ?? challenge(keyset, nonce, gpus)
  const quote = await hardware.quoteTdx({
    ...measurement,
    ...(lie.measured && { mrTd: lie.measured }),
    reportData: concatBytes(bound, new Uint8Array(32)),
    ...(lie.quote && { faults: lie.quote }),
  })
  return {
    node: NODE,
    term,
    takenAt: formatTime(new Date(takenAt)),
    keyset,
    aciKeyset: await aciKeysetOf(term),
    nonce,
    gpuTermNonce,
    cpu: {
      kind: 'tdx',
      quote: encodeBase64(quote),
      collateral: collateral as NodeEvidence['cpu']['collateral'],
    },
    gpus,
    rims: lie.rims?.(rims) ?? [...rims],
    roots: {
      intel: encodeBase64(roots.intel[0]!),
      nvidia: encodeBase64(roots.nvidia[0]!),
      nvidiaRim: encodeBase64(roots.nvidiaRim[0]!),
    },
  }
}

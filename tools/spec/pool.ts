/** The pool of the vectors: policy, keyset and evidence. The evidence's quote and certificates are placeholders. */
import { encodeBase64, encodeHex } from '#bytes'
import { sealIdentityFromSeed } from '#seal'
import {
  aciKeysetDigest,
  challenge,
  evidence,
  gpuNonce,
  policy,
  signStatement,
  validationCommitment,
  type AciKeyset,
  type GpuEvidence,
  type ValidationItem,
  type Keyset,
  type NodeEvidence,
  type Policy,
} from '#statements'
import { fixed, fixedHex, type Signers } from './fixed.ts'

export const VALIDATION: readonly ValidationItem[] = [
  {
    item: {
      messages: [
        { role: 'user', content: 'Which moss holds the most water?' },
        { role: 'assistant', content: 'Sphagnum.' },
      ],
    },
    nearMisses: ['Feather moss.'],
  },
]

const ZERO48 = '0'.repeat(96)

function policyPredicate(signers: Signers): Policy {
  return {
    name: 'meadow',
    version: 1,
    genesis: null,
    previous: null,
    issuedAt: '2026-11-01T00:00:00Z',
    effectiveAt: '2026-11-01T00:00:00Z',
    noticeSeconds: 604_800,
    operator: { name: 'Meadow Cooperative', publicKey: signers.operator.publicKey, payee: 'operator' },
    trust: {
      roots: [
        { vendor: 'intel', sha256: fixedHex('intel root'), simulated: false },
        { vendor: 'nvidia', sha256: fixedHex('nvidia root'), simulated: false },
        { vendor: 'nvidia-rim', sha256: fixedHex('nvidia rim root'), simulated: false },
      ],
      measurements: [
        {
          kind: 'tdx',
          label: '0.1.0',
          mrTd: encodeHex(fixed('mrtd')) + '0'.repeat(32),
          rtmr: [ZERO48, ZERO48, ZERO48, ZERO48],
          from: '2026-11-01T00:00:00Z',
          until: null,
        },
      ],
      tcbStatuses: ['UpToDate'],
      gpu: { architecture: 'HOPPER', devices: 1, rim: 'required' },
      maxEvidenceAgeSeconds: 86_400,
    },
    base: {
      name: 'meadow/base-135m',
      revision: null,
      files: [{ name: 'base.gguf', sha256: fixedHex('base.gguf'), size: 101_000_000 }],
      tokenizer: { file: 'base.gguf', sha256: fixedHex('base.gguf') },
      template: 'chatml',
      systemPrompt: 'You are a helpful assistant.',
    },
    recipe: { method: 'lora', passes: 3, rank: 8, learning_rate_ppm: 500 },
    attribution: {
      method: 'shapley',
      tokenWeight: 200_000,
      cap: 600_000,
      seeds: 2,
      coalitions: 0,
      utility: { kind: 'contrast', others: 3, temperatureE3: 4000 },
      recipe: { passes: 1 },
    },
    validation: {
      commitment: validationCommitment(VALIDATION, fixed('validation secret')),
      items: VALIDATION.length,
    },
    extraction: { items: 500, prefixTokens: 8, suffixTokens: 16, maximum: 10_000 },
    split: { contributors: 7_000, operator: 3_000 },
    currency: { asset: 'USD', scale: 6 },
    prices: [
      { model: 'base', serves: 'base', promptPerMillion: '100000', completionPerMillion: '200000' },
      { model: 'meadow', serves: 'trained', promptPerMillion: '500000', completionPerMillion: '1500000' },
    ],
    dedup: { shingleWords: 5, threshold: 800_000, keeps: 'earliest' },
    log: {
      origin: 'fairweight.example/meadow',
      publicKey: signers.log.publicKey,
      witnesses: [{ name: 'witness.example/w1', publicKey: fixedHex('witness') }],
      quorum: 1,
      maxCheckpointAgeSeconds: 3_600,
    },
    streamMarks: { everyEvents: 32, everySeconds: 5 },
    usagePeriodSeconds: 86_400,
    receiptRetentionDays: 90,
    retirementDays: 30,
    minimumContributors: 2,
    minimumCanonicalTokens: 200,
    payees: { recoverySeconds: 1_209_600 },
    disputes: { answerSeconds: 604_800 },
  }
}

function aciKeysetOf(signers: Signers): AciKeyset {
  return {
    subject: null,
    not_after: 1_798_761_600,
    receipt_signing_keys: [{ key_id: 'receipt-1', algo: 'ed25519', public_key: signers.serve.publicKey }],
    e2ee_public_keys: [],
    tls_public_keys: [],
  }
}

export async function poolExamples(signers: Signers) {
  const policyStatement = await signStatement(policy, policyPredicate(signers), signers.operator)
  const aciKeyset = aciKeysetOf(signers)
  const roles = ['ledger', 'log', 'ingest', 'mix', 'train', 'serve', 'mark'] as const
  const keyset: Keyset = {
    format: 'fairweight/keyset/v1',
    pool: policyStatement.digest,
    node: 'node-1',
    term: 1,
    issuedAt: '2026-11-02T08:00:00Z',
    notAfter: '2026-12-02T08:00:00Z',
    keys: [
      ...roles.map((role) => ({ role, algorithm: 'ed25519' as const, publicKey: signers[role].publicKey })),
      {
        role: 'pool',
        algorithm: 'age-mlkem768x25519',
        publicKey: (await sealIdentityFromSeed(fixed('pool'))).recipient,
      },
    ],
    aci: aciKeysetDigest(aciKeyset),
  }
  const termNonce = fixedHex('term nonce')
  const clientNonce = fixedHex('client nonce')
  const gpus: GpuEvidence[] = [
    {
      arch: 'HOPPER',
      nonce: encodeHex(gpuNonce(keyset, termNonce)),
      evidence: encodeBase64(fixed('gpu evidence')),
      certificate: encodeBase64(fixed('gpu certificate')),
    },
  ]
  const text = 'placeholder'
  const document: NodeEvidence = {
    node: keyset.node,
    term: keyset.term,
    takenAt: '2026-11-02T08:00:01Z',
    keyset,
    aciKeyset,
    nonce: clientNonce,
    gpuTermNonce: termNonce,
    cpu: {
      kind: 'tdx',
      quote: encodeBase64(challenge(keyset, clientNonce, gpus)),
      collateral: {
        pck_crl_issuer_chain: text,
        root_ca_crl: text,
        pck_crl: text,
        tcb_info_issuer_chain: text,
        tcb_info: text,
        tcb_info_signature: text,
        qe_identity_issuer_chain: text,
        qe_identity: text,
        qe_identity_signature: text,
      },
    },
    gpus,
    rims: [{ id: 'NV_GPU_DRIVER_GH100_550.90.07', rim: encodeBase64(fixed('driver rim')) }],
    roots: { intel: text, nvidia: text, nvidiaRim: text },
  }
  const evidenceStatement = await signStatement(evidence, document, signers.log)
  return { policyStatement, aciKeyset, keyset, termNonce, clientNonce, gpus, evidenceStatement }
}
export type PoolExamples = Awaited<ReturnType<typeof poolExamples>>

/** The test pool's policy, version 1. */
import { baseDigest, recipeDigest, type Policy } from '#statements'
import { hexOf, keyOf } from './keys.ts'
import { ORIGIN, WITNESSES } from './log.ts'
import { measurement, simulator } from './machine.ts'

export async function firstPolicy(): Promise<Policy> {
  const { trustedRoots } = await simulator()
  const [intel, nvidia, nvidiaRim] = trustedRoots
  const tokenizer = { name: 'model.gguf', sha256: hexOf('base file'), size: 1000 }
  return {
    name: 'test-pool',
    version: 1,
    genesis: null,
    previous: null,
    issuedAt: '2026-11-20T11:00:00Z',
    effectiveAt: '2026-11-20T11:00:00Z',
    noticeSeconds: 3600,
    operator: { name: 'Operator', publicKey: (await keyOf('operator')).publicKey, payee: 'operator' },
    trust: {
      roots: [
        { vendor: 'intel', sha256: intel!.fingerprint, simulated: true },
        { vendor: 'nvidia', sha256: nvidia!.fingerprint, simulated: true },
        { vendor: 'nvidia-rim', sha256: nvidiaRim!.fingerprint, simulated: true },
      ],
      measurements: [
        {
          kind: 'tdx',
          label: 'release 1',
          mrTd: measurement.mrTd,
          rtmr: [...measurement.rtmr],
          from: '2026-11-01T00:00:00Z',
          until: null,
        },
      ],
      tcbStatuses: ['UpToDate'],
      gpu: { architecture: 'HOPPER', devices: 1, rim: 'required' },
      maxEvidenceAgeSeconds: 86_400,
    },
    base: {
      name: 'org/base',
      revision: null,
      files: [tokenizer],
      tokenizer: { file: tokenizer.name, sha256: tokenizer.sha256 },
      template: 'chatml',
      systemPrompt: 'You are helpful.',
    },
    recipe: { passes: 2, rank: 8 },
    attribution: {
      method: 'shapley',
      tokenWeight: 200_000,
      cap: 600_000,
      seeds: 2,
      coalitions: 0,
      utility: { kind: 'contrast', others: 3, temperatureE3: 4000 },
      recipe: { passes: 1 },
    },
    validation: { commitment: hexOf('validation set'), items: 20 },
    extraction: { items: 100, prefixTokens: 8, suffixTokens: 8, maximum: 50_000 },
    split: { contributors: 7000, operator: 3000 },
    currency: { asset: 'USD', scale: 6 },
    prices: [
      { model: 'meadow', serves: 'trained', promptPerMillion: '100000', completionPerMillion: '400000' },
      { model: 'meadow-base', serves: 'base', promptPerMillion: '50000', completionPerMillion: '200000' },
    ],
    dedup: { shingleWords: 3, threshold: 800_000, keeps: 'earliest' },
    log: {
      origin: ORIGIN,
      publicKey: (await keyOf('log')).publicKey,
      witnesses: await Promise.all(
        WITNESSES.map(async (name) => ({ name, publicKey: (await keyOf(name)).publicKey })),
      ),
      quorum: 2,
      maxCheckpointAgeSeconds: 3600,
    },
    streamMarks: { everyEvents: 64, everySeconds: 5 },
    usagePeriodSeconds: 3600,
    receiptRetentionDays: 90,
    retirementDays: 30,
    minimumContributors: 2,
    minimumCanonicalTokens: 1000,
    payees: { recoverySeconds: 1800 },
    disputes: { answerSeconds: 1800 },
  }
}

export function ingredientsOf(policy: Policy) {
  return {
    base: baseDigest(policy.base),
    tokenizer: policy.base.tokenizer.sha256,
    recipe: recipeDigest(policy),
  }
}

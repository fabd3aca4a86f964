/** The operator's side of the example: a key, a token, and the pool's first policy. */
import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { decodeHex, encodeHex } from '#bytes'
import { logKey } from '#node/core'
import { openSimulatedMachine } from '#adapters/simulated-machine'
import { signingKeyFromSeed, type SigningKey } from '#seal'
import {
  formatTime,
  openStatement,
  policy,
  normalizeValidationItem,
  readValidationItem,
  signStatement,
  validationCommitment,
  type Policy,
  type Statement,
  type ValidationItem,
  type Vendor,
} from '#statements'
import { readJson, writeJson, type Home } from './home.ts'
import type { Base } from './base.ts'

export interface Operator {
  readonly key: SigningKey
  /** Bearer token of the operator's routes. */
  readonly token: string
}

/** Made at the first start. */
export async function openOperator(home: Home): Promise<Operator> {
  const path = home.path('operator', 'secret.json')
  let kept = (await readJson(path)) as { seed: string; token: string } | undefined
  if (kept === undefined) {
    kept = { seed: encodeHex(randomBytes(32)), token: `fwop-${encodeHex(randomBytes(24))}` }
    await writeJson(path, kept, 0o600)
  }
  return { key: await signingKeyFromSeed(decodeHex(kept.seed)), token: kept.token }
}

export interface MachineFacts {
  readonly measurement: { readonly mrTd: string; readonly rtmr: readonly [string, string, string, string] }
  readonly logKey: string
  readonly roots: readonly {
    readonly vendor: Vendor
    readonly sha256: string
    readonly simulated: boolean
  }[]
}

/** What the policy must say about the machine that will run it. */
export async function machineFacts(home: Home, now: () => Date): Promise<MachineFacts> {
  const { platform, simulator, measurement } = await openSimulatedMachine({
    directory: home.path('machine'),
    root: home.checkout,
    now,
  })
  const [intel, nvidia, nvidiaRim] = simulator.trustedRoots
  return {
    measurement,
    logKey: (await logKey(platform.rootSecret)).publicKey,
    roots: [
      { vendor: 'intel', sha256: intel!.fingerprint, simulated: true },
      { vendor: 'nvidia', sha256: nvidia!.fingerprint, simulated: true },
      { vendor: 'nvidia-rim', sha256: nvidiaRim!.fingerprint, simulated: true },
    ],
  }
}

export interface WitnessFacts {
  readonly name: string
  readonly publicKey: string
}

/** The pool's first policy, signed once and kept. */
export async function openPolicy(
  home: Home,
  operator: Operator,
  machine: MachineFacts,
  witness: WitnessFacts,
  base: Base,
  now: Date,
): Promise<Statement<Policy>> {
  const path = home.path('operator', 'policy-1.json')
  const kept = await readJson(path)
  if (kept !== undefined) return openStatement(policy, kept)
  const statement = await signStatement(
    policy,
    await firstPolicy(home, operator, machine, witness, base, now),
    operator.key,
  )
  await writeJson(path, statement.envelope)
  return statement
}

async function firstPolicy(
  home: Home,
  operator: Operator,
  machine: MachineFacts,
  witness: WitnessFacts,
  base: Base,
  now: Date,
): Promise<Policy> {
  const { example } = home
  const recipe = JSON.parse(await readFile(join(example, 'recipe.json'), 'utf8')) as Record<string, unknown>
  const validation = await readValidation(example)
  const time = formatTime(now)
  return {
    name: 'meadow',
    version: 1,
    genesis: null,
    previous: null,
    issuedAt: time,
    effectiveAt: time,
    noticeSeconds: 7 * 86_400,
    operator: { name: 'Meadow example operator', publicKey: operator.key.publicKey, payee: 'operator' },
    trust: {
      roots: [...machine.roots],
      measurements: [
        {
          kind: 'tdx',
          label: 'the installed tree at the first start',
          ...machine.measurement,
          rtmr: [...machine.measurement.rtmr],
          from: time,
          until: null,
        },
      ],
      tcbStatuses: ['UpToDate'],
      gpu: { architecture: 'HOPPER', devices: 1, rim: 'required' },
      maxEvidenceAgeSeconds: 86_400,
    },
    base: {
      name: base.name,
      revision: null,
      files: [base.file],
      tokenizer: { file: base.file.name, sha256: base.file.sha256 },
      template: 'chatml',
      systemPrompt: 'You are a helpful AI assistant named SmolLM, trained by Hugging Face',
    },
    recipe,
    attribution: {
      method: 'shapley',
      tokenWeight: 100_000,
      cap: 1_000_000,
      seeds: 1,
      coalitions: 0,
      utility: { kind: 'contrast', others: 2, temperatureE3: 4000 },
      recipe: { passes: 2, distillation: null },
    },
    validation: {
      commitment: validationCommitment(validation, await validationSecret(home)),
      items: validation.length,
    },
    extraction: { items: 500, prefixTokens: 8, suffixTokens: 16, maximum: 100_000 },
    split: { contributors: 8000, operator: 2000 },
    currency: { asset: 'USD', scale: 6 },
    prices: [
      { model: 'meadow', serves: 'trained', promptPerMillion: '2000000', completionPerMillion: '6000000' },
      { model: 'smollm2-135m', serves: 'base', promptPerMillion: '500000', completionPerMillion: '1500000' },
    ],
    dedup: { shingleWords: 5, threshold: 800_000, keeps: 'earliest' },
    log: {
      origin: 'meadow.example/log',
      publicKey: machine.logKey,
      witnesses: [{ ...witness }],
      quorum: 1,
      maxCheckpointAgeSeconds: 7 * 86_400,
    },
    streamMarks: { everyEvents: 8, everySeconds: 2 },
    usagePeriodSeconds: 86_400,
    receiptRetentionDays: 90,
    retirementDays: 30,
    minimumContributors: 3,
    minimumCanonicalTokens: 2000,
    payees: { recoverySeconds: 14 * 86_400 },
    disputes: { answerSeconds: 7 * 86_400 },
  }
}

/** The secret validation set of the example: question, the answer, and near misses to tell it from. */
async function readValidation(example: string): Promise<ValidationItem[]> {
  const text = await readFile(join(example, 'validation.jsonl'), 'utf8')
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const { question, answer, near_misses: nearMisses } = JSON.parse(line) as Record<string, unknown>
      const messages = [
        { role: 'user', content: question },
        { role: 'assistant', content: answer },
      ]
      return normalizeValidationItem(readValidationItem({ item: { messages }, nearMisses }))
    })
}

/** What a run is measured by; null where the policy measures nothing. */
export async function validationInput(
  home: Home,
  { attribution }: Policy,
): Promise<{ items: ValidationItem[]; secret: string } | null> {
  if (attribution.utility === null) return null
  return { items: await readValidation(home.example), secret: encodeHex(await validationSecret(home)) }
}

async function validationSecret(home: Home): Promise<Uint8Array> {
  const path = home.path('operator', 'validation-secret.json')
  let kept = (await readJson(path)) as { secret: string } | undefined
  if (kept === undefined) {
    kept = { secret: encodeHex(randomBytes(32)) }
    await writeJson(path, kept, 0o600)
  }
  return decodeHex(kept.secret)
}

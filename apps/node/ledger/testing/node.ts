/** A node with a real database and a pretended machine: what the ledger's tests run against. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { startEmbeddedPostgres } from '#adapters/postgres'
import { digestOf, encodeHex, encodeUtf8, sha256, sha256Hex } from '#bytes'
import {
  coreMigrations,
  createDiagnostics,
  createStatementStore,
  hashToken,
  migrate,
  openDatabase,
  startMachine,
  type LogWriter,
  type NodeContext,
} from '#node/core'
import { signingKeyFromSeed } from '#seal'
import type { Policy } from '#statements'
import { ingestMigrations } from '../../ingest/tables.ts'
import { payeeMigrations } from '../../payees/index.ts'
import { ledgerMigrations } from '../tables.ts'

export const hexOf = (name: string): string => sha256Hex(encodeUtf8(name))
export const OPERATOR_TOKEN = 'operator-token-of-the-test'
export const BASE = hexOf('base')
export const MODEL = hexOf('model')

/** One server for a test file; each pool in it has a database of its own. */
export class TestServer {
  readonly #folder: string
  readonly #url: string
  readonly #stop: () => Promise<void>
  readonly #open: (() => Promise<void>)[] = []
  #databases = 0

  static async start(): Promise<TestServer> {
    const folder = await mkdtemp(join(tmpdir(), 'fairweight-ledger-'))
    const { url, stop } = await startEmbeddedPostgres(folder, () => undefined)
    return new TestServer(folder, url, stop)
  }

  private constructor(folder: string, url: string, stop: () => Promise<void>) {
    this.#folder = folder
    this.#url = url
    this.#stop = stop
  }

  async pool(): Promise<TestPool> {
    const database = await this.empty()
    await migrate(database, coreMigrations, ledgerMigrations, ingestMigrations, payeeMigrations)
    return new TestPool(database)
  }

  /** A database without a table. */
  async empty(): Promise<NodeContext['database']> {
    const name = `pool_${(this.#databases += 1)}`
    const admin = new pg.Client({ connectionString: this.#url })
    await admin.connect()
    await admin.query(`create database ${name}`)
    // Nodes die in these tests, and the machine does not: nothing waits for the disk.
    await admin.query(`alter database ${name} set synchronous_commit = off`)
    await admin.end()
    const database = openDatabase(this.#url.replace(/[^/]*$/, name))
    this.#open.push(() => database.destroy())
    return database
  }

  async stop(): Promise<void> {
    // The server's process does not keep this one alive, and its folder is to be removed after it.
    const awake = setInterval(() => undefined, 1000)
    for (const close of this.#open) await close()
    await this.#stop()
    await rm(this.#folder, { recursive: true, force: true })
    clearInterval(awake)
  }
}

export class TestPool {
  readonly database: NodeContext['database']
  readonly log = new MemoryLog()
  time = new Date('2026-11-25T12:00:00Z')

  constructor(database: NodeContext['database']) {
    this.database = database
  }

  /** Starts a term of a node: its keys are new, but the ledger's and the log's. */
  async node(term = 1, node = 'node-1'): Promise<NodeContext> {
    const now = () => this.time
    const policy = await policyOf()
    const digest = digestOf(policy)
    await this.database.insertInto('terms').values({ node, term, started_at: now() }).execute()
    return {
      now,
      database: this.database,
      machine: await startMachine({
        platform: pretended,
        pool: digest,
        node,
        term,
        startedAt: now(),
        keysetSeconds: 86_400,
        gpuEvidenceSeconds: 3600,
        now,
      }),
      policy: { predicate: policy, digest, pool: digest },
      statements: createStatementStore(this.database, this.log),
      diagnostics: createDiagnostics(undefined, 'silent'),
      engine: unused,
      folders: { data: '', uploads: '', sealed: '', work: '' },
      operatorTokenHash: hashToken(OPERATOR_TOKEN),
    }
  }

  /** Lets `seconds` pass. */
  wait(seconds: number): void {
    this.time = new Date(this.time.getTime() + seconds * 1000)
  }
}

class MemoryLog implements LogWriter {
  readonly #entries: string[] = []
  readonly append = async (entries: readonly Uint8Array[]) =>
    entries.map((entry) => {
      const text = encodeHex(entry)
      const known = this.#entries.indexOf(text)
      return known === -1 ? this.#entries.push(text) - 1 : known
    })
  readonly publish = async () => undefined
}

const refuse = () => {
  throw new Error('the ledger needs no hardware')
}
const pretended: Parameters<typeof startMachine>[0]['platform'] = {
  simulated: true,
  rootSecret: sha256(encodeUtf8('root secret')),
  quote: refuse,
  collateral: refuse,
  attestGpus: refuse,
  rims: refuse,
  roots: { intel: '', nvidia: '', nvidiaRim: '' },
}
const unused: NodeContext['engine'] = {
  tokenizer: { encode: refuse, control: refuse },
  load: refuse,
  close: async () => undefined,
}

export const operatorKey = signingKeyFromSeed(sha256(encodeUtf8('operator')))

/** A prompt token costs 1 unit, a completion token 2; half a unit more a token of the base. */
export async function policyOf(): Promise<Policy> {
  const tokenizer = { name: 'model.gguf', sha256: hexOf('tokenizer'), size: 1 }
  const since = '2026-11-01T00:00:00Z'
  const registers: Policy['trust']['measurements'][number]['rtmr'] = [
    '0'.repeat(96),
    '1'.repeat(96),
    '2'.repeat(96),
    '3'.repeat(96),
  ]
  return {
    name: 'test-pool',
    version: 1,
    genesis: null,
    previous: null,
    issuedAt: since,
    effectiveAt: since,
    noticeSeconds: 3600,
    operator: { name: 'Operator', publicKey: (await operatorKey).publicKey, payee: 'house' },
    trust: {
      roots: [{ vendor: 'intel', sha256: hexOf('root'), simulated: true }],
      measurements: [
        { kind: 'tdx', label: 'one', mrTd: 'a'.repeat(96), rtmr: registers, from: since, until: null },
      ],
      tcbStatuses: ['UpToDate'],
      gpu: { architecture: 'HOPPER', devices: 1, rim: 'not-checked' },
      maxEvidenceAgeSeconds: 86_400,
    },
    base: {
      name: 'org/base',
      revision: null,
      files: [tokenizer],
      tokenizer: { file: tokenizer.name, sha256: tokenizer.sha256 },
      template: 'chatml',
      systemPrompt: '',
    },
    recipe: { passes: 1 },
    attribution: {
      method: 'tokens',
      tokenWeight: 1_000_000,
      cap: 1_000_000,
      seeds: 1,
      coalitions: 0,
      utility: null,
      recipe: {},
    },
    validation: { commitment: hexOf('validation'), items: 1 },
    extraction: { items: 100, prefixTokens: 8, suffixTokens: 8, maximum: 50_000 },
    split: { contributors: 7000, operator: 3000 },
    currency: { asset: 'USD', scale: 6 },
    prices: [
      { model: 'meadow', serves: 'trained', promptPerMillion: '1000000', completionPerMillion: '2000000' },
      { model: 'bare', serves: 'base', promptPerMillion: '1500000', completionPerMillion: '2500000' },
    ],
    dedup: { shingleWords: 3, threshold: 800_000, keeps: 'earliest' },
    log: {
      origin: 'test.example/log',
      publicKey: hexOf('log key'),
      witnesses: [],
      quorum: 0,
      maxCheckpointAgeSeconds: 3600,
    },
    streamMarks: { everyEvents: 8, everySeconds: 5 },
    usagePeriodSeconds: 3600,
    receiptRetentionDays: 90,
    retirementDays: 30,
    minimumContributors: 1,
    minimumCanonicalTokens: 0,
    payees: { recoverySeconds: 86_400 },
    disputes: { answerSeconds: 86_400 },
  }
}

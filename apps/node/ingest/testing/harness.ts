/**
 * A node's ingest role for tests: embedded PostgreSQL, a machine and a tokenizer made by hand, a log in memory.
 *
 * Everything else is the role itself, behind a real socket.
 */
import { randomBytes } from 'node:crypto'
import { chmodSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Fastify, { type FastifyInstance } from 'fastify'
import { startEmbeddedPostgres } from '#adapters/postgres'
import { deriveSecret, equalBytes, type Bytes } from '#bytes'
import type { Engine, Tokenizer } from '#chat'
import {
  coreMigrations,
  createDiagnostics,
  createStatementStore,
  migrate,
  openDatabase,
  type Machine,
  type NodeContext,
} from '#node/core'
import { seal, sealIdentityFromSeed, signingKeyFromSeed, type SigningKey } from '#seal'
import {
  encodeBundle,
  offer,
  policy,
  signStatement,
  type Item,
  type Keyset,
  type Offer,
  type Policy,
  type Statement,
} from '#statements'
import { bundleHeaderOf, offerOf, payeeOf } from '#contributing'
import { HashTree } from '#merkle'
import { encodeTile, formatCheckpoint, formatNote, noteSigner, signNote, tilePath } from '#tlog'
import { payeeChangesOf, payeeMigrations, registerPayees } from '../../payees/index.ts'
import { ingestMigrations, registerIngest, type PartySource, type RegisterIngestOptions } from '../index.ts'

const hex = (digit: string) => digit.repeat(64)

/** One id a word or line feed; what matters is that it counts. */
const wordTokenizer: Tokenizer = {
  encode: (text) => (text.match(/\n|\S+/g) ?? []).map((one) => one.length),
  control: (name) => (name === '<|im_start|>' ? 1 : 2),
}

export const examplePolicy: Policy = {
  name: 'meadow',
  version: 1,
  genesis: null,
  previous: null,
  issuedAt: '2026-11-01T00:00:00Z',
  effectiveAt: '2026-11-01T00:00:00Z',
  noticeSeconds: 0,
  operator: { name: 'Operator', publicKey: hex('0'), payee: 'operator' },
  trust: {
    roots: [{ vendor: 'intel', sha256: hex('1'), simulated: true }],
    measurements: [
      {
        kind: 'tdx',
        label: 'test',
        mrTd: '0'.repeat(96),
        rtmr: ['0'.repeat(96), '0'.repeat(96), '0'.repeat(96), '0'.repeat(96)],
        from: '2026-11-01T00:00:00Z',
        until: null,
      },
    ],
    tcbStatuses: ['UpToDate'],
    gpu: { architecture: 'HOPPER', devices: 1, rim: 'not-checked' },
    maxEvidenceAgeSeconds: 3600,
  },
  base: {
    name: 'org/base',
    revision: null,
    files: [{ name: 'model.gguf', sha256: hex('2'), size: 1 }],
    tokenizer: { file: 'model.gguf', sha256: hex('2') },
    template: 'chatml',
    systemPrompt: 'Be kind.',
  },
  recipe: { passes: 2, max_length: 64 },
  attribution: {
    method: 'tokens',
    tokenWeight: 1_000_000,
    cap: 1_000_000,
    seeds: 1,
    coalitions: 0,
    utility: null,
    recipe: {},
  },
  validation: { commitment: hex('3'), items: 10 },
  extraction: { items: 100, prefixTokens: 8, suffixTokens: 8, maximum: 50_000 },
  split: { contributors: 7000, operator: 3000 },
  currency: { asset: 'USD', scale: 6 },
  prices: [{ model: 'meadow', serves: 'trained', promptPerMillion: '1', completionPerMillion: '1' }],
  dedup: { shingleWords: 5, threshold: 800_000, keeps: 'earliest' },
  log: {
    origin: 'example.org/log',
    publicKey: hex('4'),
    witnesses: [],
    quorum: 0,
    maxCheckpointAgeSeconds: 3600,
  },
  streamMarks: { everyEvents: 16, everySeconds: 5 },
  usagePeriodSeconds: 3600,
  receiptRetentionDays: 30,
  retirementDays: 30,
  minimumContributors: 1,
  minimumCanonicalTokens: 0,
  payees: { recoverySeconds: 3600 },
  disputes: { answerSeconds: 3600 },
}

export interface Harness {
  readonly context: NodeContext
  readonly url: string
  readonly folder: string
  /** Everything the node's diagnostics have said. */
  readonly spoken: () => string
  /** Entries of the log so far. */
  readonly entries: readonly Uint8Array[]
  /** Stops the server and starts it on the same database, in a later term with new keys. */
  readonly restart: () => Promise<Harness>
  readonly stop: () => Promise<void>
}

export async function startHarness(options: RegisterIngestOptions = {}): Promise<Harness> {
  const folder = await mkdtemp(join(tmpdir(), 'fairweight-ingest-'))
  chmodSync(folder, 0o711)
  const server = await startEmbeddedPostgres(join(folder, 'database'), () => undefined)
  const database = openDatabase(server.url)
  await migrate(database, coreMigrations, ingestMigrations, payeeMigrations)
  const entries: Uint8Array[] = []
  const statements = createStatementStore(database, {
    append: async (added) =>
      added.map((entry) => {
        const found = entries.findIndex((one) => equalBytes(one, entry))
        return found >= 0 ? found : entries.push(entry) - 1
      }),
    publish: async () => undefined,
  })
  const operator = await signingKeyFromSeed(new Uint8Array(32).fill(99))
  const logKey = await signingKeyFromSeed(new Uint8Array(32).fill(98))
  const predicate = {
    ...examplePolicy,
    operator: { ...examplePolicy.operator, publicKey: operator.publicKey },
    log: { ...examplePolicy.log, publicKey: logKey.publicKey },
  }
  const current = await statements.issue(policy, predicate, operator)
  await statements.integrate()
  const words: string[] = []
  const diagnostics = createDiagnostics({ write: (line: string) => void words.push(line) })
  const rootSecret = new Uint8Array(32).fill(7)

  const open = async (term: number): Promise<Harness> => {
    const context: NodeContext = {
      now: () => new Date(),
      database,
      machine: await makeMachine(current.digest, rootSecret, term),
      policy: { predicate, digest: current.digest, pool: current.digest },
      statements,
      diagnostics,
      engine: { tokenizer: wordTokenizer } as Engine,
      folders: {
        data: folder,
        uploads: join(folder, 'uploads'),
        sealed: join(folder, 'sealed'),
        work: join(folder, 'work'),
      },
      operatorTokenHash: '',
    }
    const app: FastifyInstance = Fastify()
    const payees: PartySource = async ({ contributor }) => ({
      payeeChanges: await payeeChangesOf(context, contributor),
    })
    registerIngest(app, context, { ...options, sources: [...(options.sources ?? []), payees] })
    // No payouts here: what a change begins with is always the first.
    registerPayees(app, context, (work) =>
      database.transaction().execute((tx) => work(tx, { period: 1, after: null })),
    )
    serveLog(app, entries, logKey)
    const url = await app.listen({ host: '127.0.0.1', port: 0 })
    return {
      context,
      url,
      folder,
      spoken: () => words.join(''),
      entries,
      restart: async () => {
        await app.close()
        return open(term + 1)
      },
      stop: async () => {
        await app.close()
        await database.destroy()
        await server.stop()
        await rm(folder, { recursive: true, force: true })
      },
    }
  }
  return open(1)
}

/** A log small enough to be made anew for each request: one checkpoint, one tile. */
function serveLog(app: FastifyInstance, entries: readonly Uint8Array[], key: SigningKey): void {
  const { origin } = examplePolicy.log
  app.get('/log/checkpoint', async () => {
    const tree = HashTree.of(entries)
    const text = formatCheckpoint({ origin, size: tree.size, root: tree.root(), extensions: [] })
    return formatNote(await signNote(text, noteSigner(origin, key)))
  })
  app.get('/log/tile/*', async (request, reply) => {
    const tree = HashTree.of(entries)
    const tile = { level: 0, index: 0, width: tree.size }
    if (request.url !== `/log/${tilePath(tile)}`) return reply.code(404).send()
    return reply.type('application/octet-stream').send(Buffer.from(encodeTile(tile, tree)))
  })
}

async function makeMachine(pool: string, rootSecret: Bytes, term: number): Promise<Machine> {
  const roles = ['ingest', 'mix', 'train', 'serve', 'mark', 'ledger', 'log'] as const
  const keys = new Map<string, SigningKey>()
  for (const role of roles) keys.set(role, await signingKeyFromSeed(new Uint8Array(randomBytes(32))))
  const identity = await sealIdentityFromSeed(deriveSecret(rootSecret, 'pool'))
  const keyset: Keyset = {
    format: 'fairweight/keyset/v1',
    pool,
    node: 'one',
    term,
    issuedAt: '2026-11-01T00:00:00Z',
    notAfter: '2036-11-01T00:00:00Z',
    keys: [
      ...roles.map((role) => ({ role, algorithm: 'ed25519' as const, publicKey: keys.get(role)!.publicKey })),
      { role: 'pool' as const, algorithm: 'age-mlkem768x25519' as const, publicKey: identity.recipient },
    ],
    aci: `sha256:${hex('9')}`,
  }
  const notHere = async () => {
    throw new Error('this machine has no evidence')
  }
  return {
    node: 'one',
    term,
    simulated: true,
    keyset,
    aciKeyset: {
      subject: null,
      not_after: 0,
      receipt_signing_keys: [],
      e2ee_public_keys: [],
      tls_public_keys: [],
    },
    key: (role) => keys.get(role)!,
    pool: identity,
    secret: (purpose) => deriveSecret(rootSecret, purpose),
    evidence: notHere,
    aciQuote: notHere,
  }
}

export const dialogue = (question: string, answer: string): Item => ({
  messages: [
    { role: 'user', content: question },
    { role: 'assistant', content: answer },
  ],
})

export interface Prepared {
  readonly key: SigningKey
  readonly offer: Statement<Offer>
  readonly secret: Bytes
  readonly sealed: Bytes
}

/** What a contributor's machine makes; `change` forges parts of the offer, `items` those of the bundle. */
export async function prepare(
  { context }: Harness,
  seed: number,
  items: readonly Item[],
  change: Partial<Offer> = {},
): Promise<Prepared> {
  const key = await signingKeyFromSeed(new Uint8Array(32).fill(seed))
  const secret = new Uint8Array(randomBytes(32))
  const made: Offer = {
    ...offerOf({
      pool: context.policy.pool,
      policy: context.policy.digest,
      contributor: { name: `Contributor ${seed}`, publicKey: key.publicKey },
      payee: payeeOf(),
      items,
      nonce: new Uint8Array(randomBytes(32)),
      secret,
      at: context.now(),
    }),
    ...change,
  }
  const statement = await signStatement(offer, made, key)
  const header = bundleHeaderOf(statement.predicate, statement.digest, secret)
  const sealed = await seal(
    encodeBundle({ ...header, items: items.length }, items),
    context.machine.pool.recipient,
  )
  return { key, offer: statement, secret, sealed }
}

export interface Answer<Body> {
  readonly status: number
  readonly body: Body
}

export async function call<Body = { error: { code: string } }>(
  { url }: Harness,
  path: string,
  init: RequestInit = {},
): Promise<Answer<Body>> {
  const response = await fetch(`${url}${path}`, init)
  return { status: response.status, body: (await response.json()) as Body }
}

export const sendOffer = <Body>(harness: Harness, envelope: unknown) =>
  call<Body>(harness, '/v1/offers', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(envelope),
  })

const tus = { 'tus-resumable': '1.0.0' }
const metadataOf = (id: string) => `upload ${Buffer.from(id).toString('base64')}`

export async function createUpload({ url }: Harness, id: string, length: number): Promise<Response> {
  const headers = { ...tus, 'upload-length': String(length), 'upload-metadata': metadataOf(id) }
  return fetch(`${url}/v1/uploads`, { method: 'POST', headers })
}

export async function sendBytes(
  { url }: Harness,
  id: string,
  offset: number,
  bytes: Bytes,
): Promise<Response> {
  const headers = {
    ...tus,
    'upload-offset': String(offset),
    'content-type': 'application/offset+octet-stream',
  }
  return fetch(`${url}/v1/uploads/${id}`, { method: 'PATCH', headers, body: bytes })
}

/** A whole contribution's way in, up to the complete upload. */
export async function upload(harness: Harness, { offer: { envelope }, sealed }: Prepared): Promise<string> {
  const { body } = await sendOffer<{ upload: { id: string } }>(harness, envelope)
  await createUpload(harness, body.upload.id, sealed.length)
  await sendBytes(harness, body.upload.id, 0, sealed)
  return body.upload.id
}

export const complete = <Body = { error: { code: string } }>(harness: Harness, digest: string) =>
  call<Body>(harness, `/v1/offers/${digest}/complete`, { method: 'POST' })

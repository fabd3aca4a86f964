/**
 * A serving node for tests: the real routes on a real loopback server, over an engine that says what it is told
 * to, a meter that keeps its books in memory, and a machine whose quote is its report data.
 */
import { randomBytes } from 'node:crypto'
import { Writable } from 'node:stream'
import { fastify, type FastifyInstance } from 'fastify'
import { sha256Hex, type Bytes } from '#bytes'
import type { Engine, GenerateOptions, LoadedModel } from '#chat'
import { createDiagnostics, hashToken, startMachine, type Machine, type NodeContext } from '#node/core'
import { servingReceiptDigest, type GpuEvidence, type Policy, type ServingReceipt } from '#statements'
import type { AdmitInput, AdmittedCall, Meter } from './ports.ts'
import { registerServing, type ServingHandle, type ServingOptions } from './routes.ts'
import { createShelf, type FilledShelf } from './shelf.ts'

export const digestOfText = (text: string) => sha256Hex(new TextEncoder().encode(text))

export interface FakeEngine extends Engine {
  /** Pieces of the next answers. */
  script: readonly string[]
  /** Called before each piece; may wait, or throw to make the engine fail. */
  before: (at: number, options: GenerateOptions) => Promise<void> | void
  /** How many answers are being made now, and how many pieces were ever made. */
  running: number
  made: number
  readonly loaded: string[]
  closed: number
}

/** One token a character; control tokens lie outside of what text can give. */
export function createFakeEngine(contextTokens = 400): FakeEngine {
  const engine: FakeEngine = {
    script: ['The ', 'answer ', 'is ', '42', '.'],
    before: () => undefined,
    running: 0,
    made: 0,
    loaded: [],
    closed: 0,
    tokenizer: {
      encode: (text) => Array.from(text, (character) => character.codePointAt(0) ?? 0),
      control: (name) => (name === '<|im_start|>' ? -1 : -2),
    },
    async load({ adapterPath }) {
      engine.loaded.push(adapterPath ?? 'base')
      return modelOf(engine, contextTokens)
    },
    close: async () => undefined,
  }
  return engine
}

function modelOf(engine: FakeEngine, contextTokens: number): LoadedModel {
  return {
    contextTokens,
    async *generate(_prompt, options) {
      engine.running += 1
      try {
        for (const [at, text] of engine.script.slice(0, options.maxTokens).entries()) {
          await engine.before(at, options)
          if (options.signal?.aborted === true) return
          engine.made += 1
          yield { id: at, text }
        }
      } finally {
        engine.running -= 1
      }
    },
    // Nothing that serves asks for this.
    recites: () => {
      throw new Error('a served model was asked to recite')
    },
    close: async () => void (engine.closed += 1),
  }
}

const PRICE = { promptPerMillion: 1_000_000n, completionPerMillion: 2_000_000n }

export interface FakeMeter extends Meter {
  readonly balances: Map<string, bigint>
  readonly receipts: { readonly buyer: string; readonly receipt: ServingReceipt; readonly digest: string }[]
  readonly open: Set<string>
  /** Throws instead of settling, as a database that is gone would. */
  failing: boolean
}

/** Keys are buyers; every settled call moves its amount from the balance, and no call goes without a receipt. */
function createFakeMeter(balances: Record<string, bigint>): FakeMeter {
  let sequence = 0
  const held = new Map<string, bigint>()
  const meter: FakeMeter = {
    balances: new Map(Object.entries(balances)),
    receipts: [],
    open: new Set(),
    failing: false,
    authenticate: async (apiKey) => (meter.balances.has(apiKey) ? apiKey : undefined),
    async admit(input: AdmitInput) {
      const most = priceOf(input.worstCase)
      const balance = (meter.balances.get(input.apiKey) ?? 0n) - (held.get(input.apiKey) ?? 0n)
      if (balance < most) {
        return { kind: 'refused', status: 402, code: 'insufficient_quota', message: 'No credit.' }
      }
      held.set(input.apiKey, (held.get(input.apiKey) ?? 0n) + most)
      sequence += 1
      return callOf(meter, input, sequence, () =>
        held.set(input.apiKey, (held.get(input.apiKey) ?? 0n) - most),
      )
    },
    async receipt(id, apiKey) {
      if (!meter.balances.has(apiKey)) return 'unauthorized'
      return meter.receipts.find(
        ({ buyer, receipt }) => buyer === apiKey && (receipt.receipt_id === id || receipt.chat_id === id),
      )?.receipt
    },
  }
  return meter
}

function callOf(meter: FakeMeter, input: AdmitInput, sequence: number, free: () => void): AdmittedCall {
  const callId = `call-${sequence}`
  meter.open.add(callId)
  return {
    kind: 'admitted',
    sequence,
    callId,
    buyer: 'buyer',
    async settle(settlement) {
      if (meter.failing) throw new Error('the database is gone')
      const amount = priceOf(settlement)
      const receipt = await settlement.makeReceipt(amount, sequence, '2026-11-25T13:00:00Z')
      free()
      meter.balances.set(input.apiKey, (meter.balances.get(input.apiKey) ?? 0n) - amount)
      meter.receipts.push({ buyer: input.apiKey, receipt, digest: servingReceiptDigest(receipt) })
      meter.open.delete(callId)
      return receipt
    },
  }
}

export function priceOf(tokens: { promptTokens: number; completionTokens: number }): bigint {
  const millionths =
    BigInt(tokens.promptTokens) * PRICE.promptPerMillion +
    BigInt(tokens.completionTokens) * PRICE.completionPerMillion
  return (millionths + 999_999n) / 1_000_000n
}

export interface TestNode {
  readonly url: string
  readonly app: FastifyInstance
  readonly machine: Machine
  readonly engine: FakeEngine
  readonly meter: FakeMeter
  readonly shelf: FilledShelf
  readonly serving: ServingHandle
  readonly context: NodeContext
  /** Everything that diagnostics wrote. */
  readonly written: () => string
  readonly close: () => Promise<void>
}

export const KEY = 'sk-test-of-alice-0001'
export const OTHER_KEY = 'sk-test-of-bob-00002'
export const POOR_KEY = 'sk-test-of-carol-003'

export interface TestNodeOptions {
  readonly limits?: ServingOptions['limits']
  readonly everyEvents?: number
  readonly everySeconds?: number
}

export async function startTestNode(options: TestNodeOptions = {}): Promise<TestNode> {
  const { everyEvents = 2, everySeconds = 60 } = options
  const engine = createFakeEngine()
  const meter = createFakeMeter({ [KEY]: 1_000_000n, [OTHER_KEY]: 1_000_000n, [POOR_KEY]: 3n })
  const machine = await startTestMachine()
  const lines: string[] = []
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done) {
      lines.push(chunk.toString())
      done()
    },
  })
  const price = { promptPerMillion: '1000000', completionPerMillion: '2000000' }
  const predicate = {
    base: { template: 'chatml', systemPrompt: 'S' },
    currency: { asset: 'USD', scale: 6 },
    prices: [
      { model: 'pool-base', serves: 'base', ...price },
      { model: 'pool-trained', serves: 'trained', ...price },
    ],
    streamMarks: { everyEvents, everySeconds },
  } as unknown as Policy
  const context = {
    now: () => new Date(),
    machine,
    engine,
    policy: { predicate, digest: digestOfText('policy'), pool: digestOfText('pool') },
    diagnostics: createDiagnostics(sink, 'trace'),
    operatorTokenHash: hashToken('operator'),
  } as unknown as NodeContext
  const base = { digest: digestOfText('base'), tokenizerSha256: digestOfText('tokenizer') }
  const shelf = createShelf({ engine, base, scratch: '/nowhere' })
  shelf.putBase('pool-base', 1_764_000_000)
  const app = fastify({ forceCloseConnections: true })
  const serving = registerServing(app, context, { meter, shelf, limits: { drainMs: 200, ...options.limits } })
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  return {
    url,
    app,
    machine,
    engine,
    meter,
    shelf,
    serving,
    context,
    written: () => lines.join(''),
    close: () => app.close(),
  }
}

const GPU: GpuEvidence = { arch: 'HOPPER', nonce: '0'.repeat(64), evidence: 'AAAA', certificate: 'AAAA' }

/** Real keys; a quote that is its own report data. */
function startTestMachine(): Promise<Machine> {
  const text = 'x'
  const collateral = {
    pck_crl_issuer_chain: text,
    root_ca_crl: text,
    pck_crl: text,
    tcb_info_issuer_chain: text,
    tcb_info: text,
    tcb_info_signature: text,
    qe_identity_issuer_chain: text,
    qe_identity: text,
    qe_identity_signature: text,
  }
  return startMachine({
    platform: {
      simulated: true,
      rootSecret: new Uint8Array(randomBytes(32)),
      quote: async (reportData: Bytes) => reportData,
      collateral: async () => collateral,
      attestGpus: async (nonce: Bytes) => [{ ...GPU, nonce: Buffer.from(nonce).toString('hex') }],
      rims: async () => [],
      roots: { intel: text, nvidia: text, nvidiaRim: text },
    },
    pool: digestOfText('pool'),
    node: 'test-node',
    term: 3,
    startedAt: new Date(),
    keysetSeconds: 3600,
    gpuEvidenceSeconds: 3600,
    now: () => new Date(),
  })
}

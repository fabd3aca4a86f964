import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { openSimulatedMachine } from '#adapters/simulated-machine'
import { decodeBase64, sha256Hex } from '#bytes'
import { startMachine, type Machine } from '#node/core'
import { signingKeyFromSeed } from '#seal'
import {
  evidence,
  formatTime,
  policy,
  signStatement,
  type Anchors,
  type NodeEvidence,
  type Policy,
  type PublicStatement,
  type Statement,
} from '#statements'
import { examplePolicy } from '../node/ingest/testing/harness.ts'
import { appraiseNode } from './appraise.ts'
import { ContributeError } from './errors.ts'
import { NodeClient } from './node-client.ts'

const hex = (digit: string) => digit.repeat(64)
const nonce = new Uint8Array(32).fill(5)
const at = new Date()

let folder: string
let machine: Machine
let pinned: Statement<Policy>
let logged: Statement<NodeEvidence>
let simulatedRoots: string[]

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fairweight-appraise-'))
  const root = join(import.meta.dirname, '../..')
  const { platform, measurement } = await openSimulatedMachine({ directory: folder, root, now: () => at })
  const { roots } = platform
  simulatedRoots = [roots.intel, roots.nvidia, roots.nvidiaRim].map((der) => sha256Hex(decodeBase64(der)))
  const operator = await signingKeyFromSeed(new Uint8Array(32).fill(1))
  const [intel, nvidia, nvidiaRim] = simulatedRoots
  const early = formatTime(new Date(at.getTime() - 3_600_000))
  pinned = await signStatement(
    policy,
    {
      ...examplePolicy,
      issuedAt: early,
      effectiveAt: early,
      operator: { ...examplePolicy.operator, publicKey: operator.publicKey },
      trust: {
        ...examplePolicy.trust,
        roots: [
          { vendor: 'intel', sha256: intel!, simulated: true },
          { vendor: 'nvidia', sha256: nvidia!, simulated: true },
          { vendor: 'nvidia-rim', sha256: nvidiaRim!, simulated: true },
        ],
        gpu: { ...examplePolicy.trust.gpu, rim: 'required' },
        measurements: [
          {
            kind: 'tdx',
            label: 'test',
            mrTd: measurement.mrTd,
            rtmr: [...measurement.rtmr],
            from: early,
            until: null,
          },
        ],
      },
    },
    operator,
  )
  machine = await startMachine({
    platform,
    pool: pinned.digest,
    node: 'one',
    term: 1,
    startedAt: new Date(at.getTime() - 60_000),
    keysetSeconds: 86_400,
    gpuEvidenceSeconds: 3600,
    now: () => at,
  })
  logged = await signStatement(evidence, await machine.evidence(hex('8')), machine.key('log'))
})
after(() => rm(folder, { recursive: true, force: true }))

const anchors = (): Anchors => ({
  format: 'fairweight/anchors/v1',
  policy: pinned.digest,
  operator: null,
  witnesses: [],
  quorum: 0,
  simulatedRoots,
  checkpoint: null,
})

/** A node as its three answers; each test changes one of them. */
interface Answers {
  readonly policy?: unknown
  readonly evidence?: Statement<NodeEvidence>
  readonly statements?: readonly Statement<unknown>[]
}

async function ask(answers: Answers = {}, given: { policy?: string; anchors?: Anchors | undefined } = {}) {
  const fresh =
    answers.evidence ??
    (await signStatement(evidence, await machine.evidence('05'.repeat(32)), machine.key('log')))
  const statements = (answers.statements ?? [pinned, logged]).map(
    ({ kind, envelope }, leafIndex) => ({ kind, envelope, leafIndex, salt: hex('7') }) as PublicStatement,
  )
  const bodies: Record<string, unknown> = {
    '/v1/policy': answers.policy ?? pinned.envelope,
    '/v1/attestation': { envelope: fresh.envelope },
    '/v1/record': {
      format: 'fairweight/record/v1',
      pool: pinned.digest,
      statements,
      tombstones: [],
      manifestTrees: {},
      usageLeaves: {},
      serving: [],
      checkpoints: [],
      openPeriod: null,
    },
  }
  const node = new NodeClient('https://node.example', {
    now: () => at,
    fetch: async (input) =>
      Response.json(bodies[new URL(input instanceof Request ? input.url : input).pathname]),
  })
  const trust = 'anchors' in given ? given.anchors : anchors()
  return appraiseNode({ node, policy: given.policy ?? pinned.digest, anchors: trust, nonce, at })
}

const isRefused = (words: RegExp) => (error: unknown) =>
  error instanceof ContributeError &&
  error.exitCode === 1 &&
  /Nothing was sent/.test(error.message) &&
  words.test(error.message)

test('a machine whose evidence the policy allows and the anchors accept is trusted', async () => {
  const trusted = await ask()
  assert.equal(trusted.pool, pinned.digest)
  assert.equal(trusted.simulated, true)
  assert.deepEqual(trusted.keyset, machine.keyset)
  assert.equal(trusted.keysets.length, 1)
})

test('a simulated machine is not trusted without anchors that accept it', async () => {
  await assert.rejects(ask({}, { anchors: undefined }), isRefused(/A1.*SIMULATED/))
  await assert.rejects(ask({}, { anchors: { ...anchors(), simulatedRoots: [] } }), isRefused(/A1/))
})

test('another policy than the one that was read is refused', async () => {
  await assert.rejects(ask({}, { policy: hex('a') }), isRefused(/you asked for/))
})

test('evidence over another nonce, or signed by another key, is refused', async () => {
  await assert.rejects(ask({ evidence: logged }), isRefused(/A1.*nonce/))
  const stranger = await signingKeyFromSeed(new Uint8Array(32).fill(9))
  const foreign = await signStatement(evidence, await machine.evidence('05'.repeat(32)), stranger)
  await assert.rejects(ask({ evidence: foreign }), isRefused(/A1/))
})

test('a GPU whose firmware nobody compares with NVIDIA’s values is refused', async () => {
  const taken = await machine.evidence('05'.repeat(32))
  const [driver, vbios] = taken.rims
  for (const rims of [[], [driver!], [{ ...driver!, rim: vbios!.rim }, vbios!]]) {
    const without = await signStatement(evidence, { ...taken, rims }, machine.key('log'))
    await assert.rejects(ask({ evidence: without }), isRefused(/A1.*gpu\.rim-(files|version)/))
  }
  const anchored = { ...anchors(), simulatedRoots: simulatedRoots.slice(0, 2) }
  await assert.rejects(ask({}, { anchors: anchored }), isRefused(/A1.*SIMULATED.*reference/))
})

test('keys that the evidence does not bind are refused', async () => {
  const taken = await machine.evidence('05'.repeat(32))
  const stranger = await signingKeyFromSeed(new Uint8Array(32).fill(9))
  const keys = taken.keyset.keys.map((key) =>
    key.algorithm === 'ed25519' && key.role === 'ingest' ? { ...key, publicKey: stranger.publicKey } : key,
  )
  const swapped = await signStatement(
    evidence,
    { ...taken, keyset: { ...taken.keyset, keys } },
    machine.key('log'),
  )
  await assert.rejects(ask({ evidence: swapped }), isRefused(/A1/))
})

test('a record without the policy is refused', async () => {
  await assert.rejects(ask({ statements: [logged] }), isRefused(/policy/))
})

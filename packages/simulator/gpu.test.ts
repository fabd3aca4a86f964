import assert from 'node:assert/strict'
import { test } from 'node:test'
import { verifyGpu, type GpuCheckId, type GpuEvidence, type VerifyGpuInput } from '#attestation'
import { concatBytes, decodeBase64, encodeBase64, sha256Hex, type Bytes } from '#bytes'
import { createSimulator, type GpuFaults, type SimulatorOptions } from '#simulator'
import { derExtension } from './certificates.ts'
import { derInteger, derOid, derSequence } from './der.ts'
import { buildGpuEvidence, buildNvidiaPki } from './gpu.ts'
import { deriveKey } from './keys.ts'

const seed = new Uint8Array(32).fill(7)
const at = new Date('2026-11-20T12:00:00Z')
const early = new Date('2026-11-20T11:59:59Z')
const late = new Date('2026-11-20T12:00:01Z')
const nonce = new Uint8Array(32).fill(3)

interface Case {
  readonly about: string
  /** The check that must fail first; `accepted` where none may. */
  readonly answer: GpuCheckId | 'accepted'
  readonly nvidia?: NonNullable<SimulatorOptions['faults']>['nvidia']
  readonly report?: GpuFaults
  readonly input?: Partial<VerifyGpuInput>
}

// The parts of createSimulator, so that a case makes only the certificates that it changes.
const soundPki = await buildNvidiaPki(seed)

async function inputOf({ nvidia, report, input }: Case): Promise<VerifyGpuInput> {
  const pki = nvidia === undefined ? soundPki : await buildNvidiaPki(seed, nvidia)
  return {
    evidence: await buildGpuEvidence(pki, { nonce, ...(report && { faults: report }) }),
    roots: { nvidia: [pki.certificates.root], nvidiaRim: [] },
    rims: [],
    nonce,
    at,
    policy: {
      roots: [{ fingerprint: sha256Hex(pki.certificates.root), simulated: true }],
      rim: 'not-checked',
    },
    ...input,
  }
}

const change = (place: number, value: number) => ({
  edit: (exchange: Bytes) => {
    const changed = exchange.slice()
    changed[place] = value
    return changed
  },
})
const opaque = (kind: number, ...value: readonly number[]) => ({
  opaque: new Map([[kind, Uint8Array.from(value)]]),
})
const record = 37 + 8
const opaqueLength = record + 64 * 55 + 32
/** Puts bytes in at `place` and adds their number to the length at `length`, all of it signed. */
const insert = (length: number, place: number | 'end', ...bytes: readonly number[]) => ({
  edit: (exchange: Bytes) => {
    const at = place === 'end' ? exchange.length : place
    const changed = concatBytes(exchange.slice(0, at), Uint8Array.from(bytes), exchange.slice(at))
    changed[length] = (changed[length] ?? 0) + bytes.length
    return changed
  },
})
const sha256Fwid = derExtension(
  '2.23.133.5.4.1',
  derSequence(derInteger(1), derSequence(), derSequence(derOid('2.16.840.1.101.3.4.2.1'), derInteger(1))),
)

const cases: readonly Case[] = [
  { about: 'a sound report', answer: 'accepted' },
  { about: 'an expired root', answer: 'gpu.chain', nvidia: { root: { notAfter: early } } },
  { about: 'an expired leaf', answer: 'gpu.chain', nvidia: { leaf: { notAfter: early } } },
  { about: 'a leaf of the future', answer: 'gpu.chain', nvidia: { leaf: { notBefore: late } } },
  { about: 'a boot ROM that is no authority', answer: 'gpu.chain', nvidia: { rom: { ca: false } } },
  { about: 'a boot ROM that may not issue', answer: 'gpu.chain', nvidia: { rom: { usage: ['signatures'] } } },
  {
    about: 'a boot ROM on a weaker curve',
    answer: 'gpu.chain',
    nvidia: { rom: { key: deriveKey(seed, 'weak', 'P-256') } },
  },
  { about: 'a leaf that is an authority', answer: 'gpu.chain', nvidia: { leaf: { ca: true } } },
  { about: 'a leaf that may not sign', answer: 'gpu.chain', nvidia: { leaf: { usage: ['crls'] } } },
  {
    about: 'a leaf of a switch',
    answer: 'gpu.chain',
    nvidia: { leaf: { commonName: 'LS_10 A01 FSP FMC LF' } },
  },
  {
    about: 'an identity signed by a stranger',
    answer: 'gpu.chain',
    nvidia: { identity: { signer: 'stranger' } },
  },
  {
    about: 'a path that is longer than allowed',
    answer: 'gpu.chain',
    nvidia: { identity: { pathLength: 1 } },
  },
  {
    about: 'a leaf issued by the provisioner',
    answer: 'gpu.chain',
    nvidia: { leaf: { issuer: 'provisioner' } },
  },
  {
    about: 'a chain that ends in a stranger of the same name',
    answer: 'gpu.chain',
    report: { chain: ['leaf', 'rom', 'provisioner', 'identity', 'stranger'] },
  },
  {
    about: 'a chain in another order',
    answer: 'gpu.chain',
    report: { chain: ['leaf', 'provisioner', 'rom', 'identity', 'root'] },
  },
  {
    about: 'a chain that lacks the leaf',
    answer: 'gpu.format',
    report: { chain: ['rom', 'provisioner', 'identity', 'root'] },
  },
  { about: 'a report signed by the boot ROM', answer: 'gpu.signature', report: { signedBy: 'rom' } },
  { about: 'a report signed by a stranger', answer: 'gpu.signature', report: { signedBy: 'stranger' } },
  { about: 'a report with another nonce', answer: 'gpu.nonce', report: change(4, 0) },
  { about: 'another nonce asked for', answer: 'gpu.nonce', input: { nonce: new Uint8Array(32) } },
  { about: 'other firmware than certified', answer: 'gpu.fwid', report: { fwid: '11'.repeat(48) } },
  { about: 'a leaf that certifies no firmware', answer: 'gpu.fwid', nvidia: { leaf: { extensions: [] } } },
  {
    about: 'a leaf with another kind of FWID',
    answer: 'gpu.fwid',
    nvidia: { leaf: { extensions: [sha256Fwid] } },
  },
  { about: 'a report without FWID', answer: 'accepted', report: { fwid: null } },
  { about: 'an FWID of another length', answer: 'gpu.format', report: { fwid: '11'.repeat(32) } },
  { about: 'a block too few', answer: 'gpu.format', report: { blocks: 63 } },
  { about: 'a block too many', answer: 'gpu.format', report: { blocks: 65 } },
  { about: 'two blocks of one index', answer: 'gpu.format', report: change(record + 55, 1) },
  { about: 'another measurement specification', answer: 'gpu.format', report: change(record + 1, 2) },
  { about: 'a block size that lies', answer: 'gpu.format', report: change(record + 2, 50) },
  { about: 'another SPDM version', answer: 'gpu.format', report: change(0, 0x12) },
  { about: 'a request for one block', answer: 'gpu.format', report: change(3, 1) },
  { about: 'a request without a signature', answer: 'gpu.format', report: change(2, 0) },
  { about: 'a byte behind the last block', answer: 'gpu.format', report: insert(42, opaqueLength - 32, 0) },
  {
    about: 'a byte behind the last opaque field',
    answer: 'gpu.format',
    report: insert(opaqueLength, 'end', 0),
  },
  { about: 'one more opaque field', answer: 'accepted', report: insert(opaqueLength, 'end', 99, 0, 0, 0) },
  {
    about: 'an opaque field that stands twice',
    answer: 'gpu.format',
    report: insert(opaqueLength, 'end', 36, 0, 2, 0, 0, 0),
  },
  {
    about: 'a report without driver version',
    answer: 'gpu.format',
    report: { opaque: new Map([[3, null]]) },
  },
  { about: 'a report without VBIOS version', answer: 'gpu.format', report: { opaque: new Map([[6, null]]) } },
  { about: 'a decoder that is neither on nor off', answer: 'gpu.format', report: opaque(11, 0x54) },
  { about: 'a feature flag that nobody knows', answer: 'gpu.format', report: opaque(36, 3, 0) },
  { about: 'a driver version that is no text', answer: 'gpu.format', report: opaque(3, 0xff, 0) },
  { about: 'an empty driver version', answer: 'gpu.format', report: opaque(3, 0) },
  { about: 'a short VBIOS version', answer: 'gpu.format', report: opaque(6, 1, 2, 3) },
  { about: 'an opaque field that nobody knows', answer: 'accepted', report: opaque(99, 1, 2, 3) },
  { about: 'zeros behind the signature', answer: 'accepted', report: { trailing: new Uint8Array(3) } },
  { about: 'bytes behind the signature', answer: 'gpu.format', report: { trailing: Uint8Array.of(0, 1) } },
  {
    about: 'simulated roots that nobody passed in',
    answer: 'gpu.chain',
    input: { roots: { nvidia: [], nvidiaRim: [] } },
  },
  {
    about: 'a policy without roots',
    answer: 'gpu.trusted-root',
    input: { policy: { roots: [], rim: 'not-checked' } },
  },
]

for (const simulated of cases) {
  test(`GPU: ${simulated.about}: ${simulated.answer}`, async () => {
    const result = await verifyGpu(await inputOf(simulated))
    const failed = result.checks.find(({ verdict }) => verdict === 'fail')
    assert.equal(failed?.id ?? 'accepted', simulated.answer, failed?.compared)
    assert.equal(result.verdict, simulated.answer === 'accepted' ? 'accepted' : 'refused')
    if (result.verdict === 'accepted') assert.equal(result.claims.simulated, true)
  })
}

test('GPU evidence of another shape is refused by its format and raises nothing', async () => {
  const input = await inputOf({ about: '', answer: 'accepted' })
  const changes = [
    { arch: 'BLACKWELL' },
    { arch: undefined },
    { evidence: 7 },
    { evidence: '!' },
    { certificate: null },
  ]
  for (const change of changes) {
    const evidence = { ...input.evidence, ...change } as unknown as GpuEvidence
    const { checks } = await verifyGpu({ ...input, evidence })
    assert.equal(checks[0]?.verdict, 'fail', JSON.stringify(change))
  }
  const { checks } = await verifyGpu({ ...input, evidence: null as unknown as GpuEvidence })
  assert.equal(checks[0]?.verdict, 'fail')
})

test('no truncation of a simulated report is read', async () => {
  const input = await inputOf({ about: '', answer: 'accepted' })
  const bytes = decodeBase64(input.evidence.evidence)
  for (let length = 0; length < bytes.length; length += 41) {
    const evidence = { ...input.evidence, evidence: encodeBase64(bytes.slice(0, length)) }
    const { checks } = await verifyGpu({ ...input, evidence })
    assert.equal(checks[0]?.verdict, 'fail', `${length} bytes`)
  }
})

test('a simulated GPU passes only where the policy names its root as simulated', async () => {
  const input = await inputOf({ about: '', answer: 'accepted' })
  const { trustedRoots } = await createSimulator({ seed, at })
  const asGenuine = trustedRoots.map(({ fingerprint }) => ({ fingerprint, simulated: false }))
  const { checks } = await verifyGpu({ ...input, policy: { roots: asGenuine, rim: 'not-checked' } })
  assert.equal(checks.find(({ verdict }) => verdict === 'fail')?.id, 'gpu.trusted-root')
})

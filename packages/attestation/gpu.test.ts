import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { verifyGpu, type GpuCheckId, type GpuEvidence, type VerifyGpuInput } from '#attestation'
import { concatBytes, decodeBase64, decodeHex, encodeBase64, encodeUtf8, type Bytes } from '#bytes'

// Genuine evidence. It is not part of the repository.
const folder =
  process.env['FAIRWEIGHT_VECTORS'] ?? fileURLToPath(new URL('../../../shared/vectors/', import.meta.url))
const skip = existsSync(`${folder}/nvidia/cases.json`)
  ? false
  : `no genuine evidence at ${folder}: set FAIRWEIGHT_VECTORS to a folder that holds it`
const stride = process.env['FAIRWEIGHT_SWEEP'] === 'all' ? 1 : 53

interface Case {
  readonly name: string
  readonly evidence: string
  readonly arch: string
  readonly nonce: string
  readonly at: string
  readonly expect: { readonly [name: string]: string | number }
}

const cases: readonly Case[] =
  skip === false ? JSON.parse(readFileSync(`${folder}/nvidia/cases.json`, 'utf8')).evidence : []

function inputOf(name: string): VerifyGpuInput {
  const found = cases.find((candidate) => candidate.name === name)
  assert.ok(found, name)
  return {
    evidence: JSON.parse(readFileSync(`${folder}/nvidia/${found.evidence}`, 'utf8')) as GpuEvidence,
    roots: {
      nvidia: [new Uint8Array(readFileSync(`${folder}/nvidia/roots/nvidia-device-identity-ca.der`))],
      nvidiaRim: [],
    },
    rims: [],
    nonce: decodeHex(found.nonce),
    at: new Date(found.at),
    policy: 'authentic-only',
  }
}

async function refuses(input: VerifyGpuInput, id: GpuCheckId, about = '') {
  const result = await verifyGpu(input)
  const failed = result.checks.find(({ verdict }) => verdict === 'fail')
  assert.equal(failed?.id, id, `${about} ${failed?.compared}`)
  assert.equal(result.verdict, 'refused')
  assert.ok(!('claims' in result))
}

const bytesOf = (input: VerifyGpuInput) => decodeBase64(input.evidence.evidence)
const withBytes = (input: VerifyGpuInput, bytes: Bytes): VerifyGpuInput => ({
  ...input,
  evidence: { ...input.evidence, evidence: encodeBase64(bytes) },
})
const withByte = (input: VerifyGpuInput, at: number, change: (byte: number) => number) => {
  const bytes = bytesOf(input)
  bytes[at] = change(bytes[at] ?? 0)
  return withBytes(input, bytes)
}

test('every genuine Hopper report is accepted with its facts', { skip }, async () => {
  const ours = cases.filter(({ arch, expect }) => arch === 'HOPPER' && expect['verdict'] === 'signature-ok')
  assert.ok(ours.length >= 5)
  for (const { name, expect } of ours) {
    const result = await verifyGpu(inputOf(name))
    assert.ok(result.verdict === 'accepted', name)
    const { claims } = result
    assert.equal(claims.driverVersion, expect['driver'])
    assert.equal(claims.vbiosVersion, expect['vbios'])
    assert.equal(claims.project, expect['project'])
    assert.equal(claims.projectSku, expect['projectSku'])
    assert.equal(claims.chipSku, expect['chipSku'])
    assert.equal(claims.fwid, expect['fwid'])
    assert.equal(claims.nvdec0, 'off')
    assert.equal(claims.measurements.length, expect['blocks'])
    assert.equal(claims.simulated, false)
    const verdictOf = (id: GpuCheckId) => result.checks.find((check) => check.id === id)?.verdict
    assert.equal(verdictOf('gpu.fwid'), expect['fwid'] === undefined ? 'not-checked' : 'pass')
    assert.equal(verdictOf('gpu.rim'), 'not-checked')
  }
  const result = await verifyGpu(inputOf('h100-590.12-ppcie'))
  assert.ok(result.verdict === 'accepted' && result.claims.featureFlag === 'protected-pcie')
})

test('a report with a wrong signature is refused', { skip }, async () => {
  await refuses(inputOf('h100-bad-signature'), 'gpu.signature')
})

test('other architectures are refused, under their own name and under ours', { skip }, async () => {
  for (const name of ['gb100-575.32', 'ls10-96.10.55.00.01']) await refuses(inputOf(name), 'gpu.format', name)
  const relabelled = (input: VerifyGpuInput) => ({
    ...input,
    evidence: { ...input.evidence, arch: 'HOPPER' },
  })
  await refuses(relabelled(inputOf('gb100-575.32')), 'gpu.chain')
  await refuses(relabelled(inputOf('ls10-96.10.55.00.01')), 'gpu.format')
})

test('a change of any byte is refused', { skip }, async () => {
  const input = inputOf('h100-550.90.07')
  const end = bytesOf(input).length
  for (let at = 0; at < end; at += stride) {
    const result = await verifyGpu(withByte(input, at, (byte) => byte ^ (1 << (at & 7))))
    const failed = result.checks.find(({ verdict }) => verdict === 'fail')
    assert.ok(failed?.id === 'gpu.format' || failed?.id === 'gpu.signature', `byte ${at}: ${failed?.id}`)
  }
  for (let at = 4; at < 36; at += 5)
    await refuses(
      withByte(input, at, (byte) => byte ^ 1),
      'gpu.signature',
    )
  for (let at = 37 + 8 + 10; at < 37 + 8 + 55; at += 9) {
    await refuses(
      withByte(input, at, (byte) => byte ^ 1),
      'gpu.signature',
    )
  }
})

test('codes, versions, counts, lengths and indexes are each what the layout says', { skip }, async () => {
  const input = inputOf('h100-545.00')
  const record = 37 + 8
  const opaqueLength = record + 64 * 55 + 32
  const changes: readonly (readonly [at: number, change: (byte: number) => number])[] = [
    [0, () => 0x12],
    [1, () => 0xe1],
    [2, () => 0],
    [3, () => 1],
    [37, () => 0x10],
    [38, () => 0x61],
    [41, (count) => count - 1],
    [41, (count) => count + 1],
    [42, (length) => length + 1],
    [42, (length) => length - 1],
    [record, () => 2],
    [record + 55, () => 1],
    [record + 1, () => 2],
    [record + 2, (size) => size + 1],
    [record + 2, (size) => size - 1],
    [record + 5, (size) => size + 1],
    [record + 5, (size) => size - 1],
    [opaqueLength, (length) => length + 1],
    [opaqueLength, (length) => length - 1],
    [opaqueLength + 4, (size) => size + 1],
    [opaqueLength + 5, () => 0xff],
  ]
  for (const [at, change] of changes) await refuses(withByte(input, at, change), 'gpu.format', `byte ${at}`)
})

test(
  'truncations are refused, zeros behind the signature are accepted and other bytes are not',
  { skip },
  async () => {
    const input = inputOf('h100-550.90.07')
    const bytes = bytesOf(input)
    // One padding byte is part of this capture.
    for (let length = 0; length < bytes.length - 1; length += stride) {
      await refuses(withBytes(input, bytes.slice(0, length)), 'gpu.format', `${length} bytes`)
    }
    const padded = concatBytes(bytes, new Uint8Array(300))
    assert.equal((await verifyGpu(withBytes(input, padded))).verdict, 'accepted')
    await refuses(withBytes(input, concatBytes(padded, Uint8Array.of(1))), 'gpu.format')
  },
)

test('another nonce than the one asked for is refused', { skip }, async () => {
  const input = inputOf('h100-550.90.07')
  await refuses({ ...input, nonce: new Uint8Array(32) }, 'gpu.nonce')
  await refuses({ ...input, nonce: input.nonce.slice(0, 16) }, 'gpu.nonce')
  const gpuNonce = bytesOf(input).slice(37 + 8 + 64 * 55, 37 + 8 + 64 * 55 + 32)
  await refuses({ ...input, nonce: gpuNonce }, 'gpu.nonce', 'the GPU’s own nonce')
  // What the envelope says about the nonce counts for nothing.
  const envelope = { ...input.evidence, nonce: '00'.repeat(32) }
  assert.equal((await verifyGpu({ ...input, evidence: envelope })).verdict, 'accepted')
})

test('a chain that is short, out of order, foreign or not pinned is refused', { skip }, async () => {
  const input = inputOf('h100-550.90.07')
  const text = new TextDecoder().decode(decodeBase64(input.evidence.certificate))
  const chain = text.match(/-----BEGIN[^]*?-----END CERTIFICATE-----/g) ?? []
  assert.equal(chain.length, 5)
  const withChain = (pems: readonly string[]): VerifyGpuInput => ({
    ...input,
    evidence: { ...input.evidence, certificate: encodeBase64(encodeUtf8(pems.join('\n'))) },
  })
  const [leaf = '', rom = '', provisioner = '', identity = '', root = ''] = chain
  for (let absent = 0; absent < 5; absent += 1) {
    await refuses(withChain(chain.filter((_, place) => place !== absent)), 'gpu.format', `without ${absent}`)
  }
  await refuses(withChain([...chain, root]), 'gpu.format')
  await refuses(withChain([leaf, provisioner, rom, identity, root]), 'gpu.chain')
  await refuses(withChain([rom, leaf, provisioner, identity, root]), 'gpu.chain')
  await refuses(withChain([rom, rom, provisioner, identity, root]), 'gpu.chain')
  await refuses(withChain([leaf, rom, provisioner, identity, identity]), 'gpu.chain')
  await refuses({ ...input, roots: { nvidia: [], nvidiaRim: [] } }, 'gpu.chain')
  await refuses({ ...input, at: new Date('2020-10-16T00:00:00Z') }, 'gpu.chain')
  const other = inputOf('h100-545.00').evidence.certificate
  await refuses({ ...input, evidence: { ...input.evidence, certificate: other } }, 'gpu.signature')
})

test('evidence of the wrong shape is refused and raises nothing', { skip }, async () => {
  const input = inputOf('h100-545.00')
  await refuses({ ...input, evidence: null as unknown as GpuEvidence }, 'gpu.format')
  for (const key of ['arch', 'evidence', 'certificate']) {
    for (const value of [undefined, null, 7, '', '!', 'AAAA']) {
      const evidence = { ...input.evidence, [key]: value } as GpuEvidence
      await refuses({ ...input, evidence }, 'gpu.format', `${key} as ${String(value)}`)
    }
  }
})

test('a policy accepts the roots it names and nothing else', { skip }, async () => {
  const input = inputOf('h100-550.90.07')
  const rim = 'not-checked'
  const fingerprint = '102bf659d5419614c9d8e6aecebc80454eb26b1df6a769ac720b9a690b167b48'
  const named = await verifyGpu({ ...input, policy: { roots: [{ fingerprint, simulated: false }], rim } })
  assert.equal(named.verdict, 'accepted')
  await refuses({ ...input, policy: { roots: [], rim } }, 'gpu.trusted-root')
  await refuses({ ...input, policy: { roots: [{ fingerprint, simulated: true }], rim } }, 'gpu.trusted-root')
})

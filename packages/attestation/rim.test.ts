import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import {
  nvidiaDeviceRootFingerprint,
  nvidiaRimRootFingerprint,
  verifyGpu,
  type GpuCheckId,
  type GpuClaims,
  type GpuEvidence,
  type Rim,
  type VerifyGpuInput,
} from '#attestation'
import { decodeHex, encodeBase64, sha256Hex, type Bytes } from '#bytes'
import { compareMeasurements } from './rim/appraise.ts'
import type { Manifest } from './rim/manifest.ts'
import { parseRim } from './rim/parse.ts'

// Genuine files of NVIDIA's. They are not part of the repository.
const folder =
  process.env['FAIRWEIGHT_VECTORS'] ?? fileURLToPath(new URL('../../../shared/vectors/', import.meta.url))
const skip = existsSync(`${folder}/nvidia/cases.json`)
  ? false
  : `no genuine evidence at ${folder}: set FAIRWEIGHT_VECTORS to a folder that holds it`
const stride = process.env['FAIRWEIGHT_SWEEP'] === 'all' ? 1 : 499

interface Evidence {
  readonly name: string
  readonly evidence: string
  readonly nonce: string
}

interface Comparison {
  readonly name: string
  readonly evidence: string
  readonly driverRim: string | null
  readonly vbiosRim: string | null
  readonly at: string
  readonly expect: { readonly mismatch?: readonly string[] }
}

const cases = (
  skip === false
    ? JSON.parse(readFileSync(`${folder}/nvidia/cases.json`, 'utf8'))
    : { evidence: [], measurementCases: [] }
) as { readonly evidence: readonly Evidence[]; readonly measurementCases: readonly Comparison[] }

const read = (path: string): Bytes => new Uint8Array(readFileSync(`${folder}/nvidia/${path}`))

const files = {
  driver: 'rims/NV_GPU_DRIVER_GH100_545.00.xml',
  vbios: 'rims/NV_GPU_VBIOS_1010_0200_882_96005E0001.test.xml',
  vbiosOfProduction: 'rims/NV_GPU_VBIOS_1010_0200_882_96005E0001.xml',
  otherDriver: 'rims/NV_GPU_DRIVER_GH100_550.144.03.xml',
} as const

/** While the signers' certificates of both files were valid. */
const then = new Date('2024-06-01T00:00:00Z')

/** A report, with files under the names that it asks for, whatever is in them. */
function inputOf(name: string, driver: Bytes, vbios: Bytes): VerifyGpuInput {
  const found = cases.evidence.find((one) => one.name === name)
  assert.ok(found, name)
  const ids: Readonly<Record<string, readonly [string, string]>> = {
    'h100-545.00': ['NV_GPU_DRIVER_GH100_545.00', 'NV_GPU_VBIOS_1010_0200_882_96005E0001'],
    'h100-550.90.07': ['NV_GPU_DRIVER_GH100_550.90.07', 'NV_GPU_VBIOS_1010_0200_882_96009F0001'],
    'h100-535.86.09': ['NV_GPU_DRIVER_GH100_535.86.09', 'NV_GPU_VBIOS_1010_0200_882_96005E0001'],
  }
  const [driverId = '', vbiosId = ''] = ids[name] ?? []
  return {
    evidence: JSON.parse(readFileSync(`${folder}/nvidia/${found.evidence}`, 'utf8')) as GpuEvidence,
    roots: {
      nvidia: [read('roots/nvidia-device-identity-ca.der')],
      nvidiaRim: [read('roots/nvidia-corim-signing-root-ca.der')],
    },
    rims: [
      { id: driverId, rim: encodeBase64(driver) },
      { id: vbiosId, rim: encodeBase64(vbios) },
    ],
    nonce: decodeHex(found.nonce),
    at: then,
    policy: {
      roots: [{ fingerprint: nvidiaDeviceRootFingerprint, simulated: false }],
      rim: [{ fingerprint: nvidiaRimRootFingerprint, simulated: false }],
    },
  }
}

const sound = () => inputOf('h100-545.00', read(files.driver), read(files.vbios))

async function failedFirst(input: VerifyGpuInput): Promise<string> {
  const result = await verifyGpu(input)
  const failed = result.checks.find(({ verdict }) => verdict === 'fail')
  assert.equal(result.verdict, failed === undefined ? 'accepted' : 'refused')
  return failed === undefined ? 'accepted' : `${failed.id}: ${failed.compared}`
}

async function refuses(input: VerifyGpuInput, id: GpuCheckId, words = /./) {
  const failed = await failedFirst(input)
  assert.ok(failed.startsWith(`${id}: `), `${failed} is not ${id}`)
  assert.match(failed, words)
}

test('a genuine H100 measures what NVIDIA’s own two files allow', { skip }, async () => {
  const result = await verifyGpu(sound())
  assert.ok(result.verdict === 'accepted')
  assert.deepEqual(result.claims.reference, {
    simulated: false,
    rootFingerprint: nvidiaRimRootFingerprint,
    driverRim: 'NV_GPU_DRIVER_GH100_545.00',
    vbiosRim: 'NV_GPU_VBIOS_1010_0200_882_96005E0001',
    // 33 are active; one of them is of the decoder, which is off.
    compared: 32,
  })
})

test('a board with test firmware is told from one of production by its values alone', { skip }, async () => {
  const input = inputOf('h100-545.00', read(files.driver), read(files.vbiosOfProduction))
  await refuses(input, 'gpu.rim', /do not allow: 1 \(vbios\), 2 \(vbios\), 3 \(vbios\), 9 \(vbios\)$/)
})

test('the root for reference values is NVIDIA’s', { skip }, () => {
  assert.equal(sha256Hex(read('roots/nvidia-corim-signing-root-ca.der')), nvidiaRimRootFingerprint)
})

test('files whose signers have expired are refused', { skip }, async () => {
  await refuses(
    { ...sound(), at: new Date('2026-03-01T00:00:00Z') },
    'gpu.rim-chain',
    /L4 Signer is not valid now/,
  )
  await refuses(
    { ...sound(), at: new Date('2023-06-24T00:00:00Z') },
    'gpu.rim-chain',
    /driver.*not valid now/,
  )
})

test('files for another driver or VBIOS are refused, whatever they are called', { skip }, async () => {
  const foreign = inputOf('h100-550.90.07', read(files.driver), read(files.vbios))
  await refuses(foreign, 'gpu.rim-version', /driver file is of version 545.00.*550.90.07/)
  await refuses(inputOf('h100-535.86.09', read(files.driver), read(files.vbios)), 'gpu.rim-version')
  const near = inputOf('h100-550.90.07', read(files.otherDriver), read(files.vbios))
  await refuses({ ...near, at: new Date('2025-03-01T00:00:00Z') }, 'gpu.rim-version', /550.144.03/)
  await refuses(inputOf('h100-545.00', read(files.vbios), read(files.driver)), 'gpu.rim-version')
  await refuses({ ...foreign, rims: sound().rims }, 'gpu.rim-files', /NV_GPU_DRIVER_GH100_550.90.07/)
})

test('forged files are refused', { skip }, async () => {
  const withDriver = (path: string) => inputOf('h100-545.00', read(path), read(files.vbios))
  const [early, late] = [new Date('2025-03-01T00:00:00Z'), new Date('2025-06-01T00:00:00Z')]
  await refuses(
    { ...withDriver('rims/bad/driver-wrong-signature.xml'), at: early },
    'gpu.rim-signature',
    /driver/,
  )
  await refuses(
    { ...withDriver('rims/bad/driver-535.86.09-digest-mismatch.xml'), at: late },
    'gpu.rim-signature',
    /another digest/,
  )
  await refuses(withDriver('rims/bad/driver-wrong-chain.xml'), 'gpu.rim-files', /GB100/)
  await refuses(withDriver('rims/NV_SWITCH_BIOS_5612_0002_890_9610550001.xml'), 'gpu.rim-files', /LS10/)
})

test('roots that nobody passed in or named, and roots of other things, are refused', { skip }, async () => {
  const input = sound()
  const [device, rim] = [input.roots.nvidia, input.roots.nvidiaRim]
  await refuses({ ...input, roots: { nvidia: device, nvidiaRim: [] } }, 'gpu.rim-chain')
  await refuses({ ...input, roots: { nvidia: device, nvidiaRim: device } }, 'gpu.rim-chain')
  await refuses({ ...input, roots: { nvidia: rim, nvidiaRim: rim } }, 'gpu.chain')
  const roots = [{ fingerprint: nvidiaDeviceRootFingerprint, simulated: false }]
  await refuses({ ...input, policy: { roots, rim: [] } }, 'gpu.rim-root')
  await refuses({ ...input, policy: { roots, rim: roots } }, 'gpu.rim-root')
  const simulated = [{ fingerprint: nvidiaRimRootFingerprint, simulated: true }]
  await refuses({ ...input, policy: { roots, rim: simulated } }, 'gpu.rim-root')
})

const nothing: Manifest = { version: '', values: new Map() }

test('measurements are compared index by index, as NVIDIA’s verifier does', { skip }, async () => {
  const ours = cases.measurementCases.filter(
    ({ evidence, expect }) => /h100/.test(evidence) && expect.mismatch,
  )
  assert.ok(ours.length >= 5)
  for (const { name, evidence, driverRim, vbiosRim, expect } of ours) {
    const found = cases.evidence.find((one) => one.evidence === evidence)
    const result = await verifyGpu({
      ...inputOf(found?.name ?? '', new Uint8Array(), new Uint8Array()),
      policy: 'authentic-only',
    })
    assert.ok(result.verdict === 'accepted')
    const manifests = { driver: manifestOf(driverRim), vbios: manifestOf(vbiosRim) }
    assert.deepEqual(mismatches(manifests, result.claims), expect.mismatch, name)
  }
})

function manifestOf(path: string | null): Manifest {
  if (path === null) return nothing
  const rim: Rim = { id: 'file', rim: encodeBase64(read(path)) }
  return parseRim([rim], { id: 'file', version: '' }).manifest
}

function mismatches(
  manifests: Parameters<typeof compareMeasurements>[0],
  claims: GpuClaims,
): readonly string[] {
  try {
    compareMeasurements(manifests, claims)
    return []
  } catch (error) {
    const [, places = ''] = /: (.*)$/.exec((error as Error).message) ?? []
    return places.split(', ').map((place) => place.replace(/ \((\w+)\)/, '[$1]'))
  }
}

test('measurement 35 counts exactly where the decoder is not off', { skip }, async () => {
  const result = await verifyGpu(sound())
  assert.ok(result.verdict === 'accepted')
  const { claims } = result
  const manifests = { driver: manifestOf(files.driver), vbios: manifestOf(files.vbios) }
  assert.equal(compareMeasurements(manifests, claims), 32)
  const { nvdec0, ...silent } = claims
  assert.equal(nvdec0, 'off')
  for (const one of [silent, { ...claims, nvdec0: 'on' as const }]) {
    const wrong = { ...one, measurements: one.measurements.with(35, '0'.repeat(96)) }
    assert.deepEqual(mismatches(manifests, wrong), ['35[driver]'])
  }
  for (const allowed of manifests.driver.values.get(35) ?? []) {
    const right = { ...claims, nvdec0: 'on' as const, measurements: claims.measurements.with(35, allowed) }
    assert.equal(compareMeasurements(manifests, right), 33)
  }
})

test('no change of any byte of a genuine file is accepted', { skip }, async () => {
  const input = sound()
  for (const [place, path] of [files.driver, files.vbios].entries()) {
    const bytes = read(path)
    for (let at = 0; at < bytes.length; at += stride) {
      const flipped = bytes.slice()
      flipped[at] = (flipped[at] ?? 0) ^ (at % 2 === 0 ? 0x01 : 0x20)
      const rims = input.rims.with(place, { ...input.rims[place]!, rim: encodeBase64(flipped) })
      assert.match(
        await failedFirst({ ...input, rims }),
        /^gpu\.rim-(files|chain|signature)/,
        `byte ${at} of ${path}`,
      )
    }
  }
})

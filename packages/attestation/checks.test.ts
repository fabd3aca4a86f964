import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  checkIds,
  gpuCheckIds,
  intelSgxRootFingerprint,
  nvidiaDeviceRootFingerprint,
  nvidiaRimRootFingerprint,
  tdxCheckIds,
  vendorOfRoot,
  verifyGpu,
  verifyTdx,
  type TdxCollateral,
} from '#attestation'
import { concatBytes, decodeHex, encodeBase64 } from '#bytes'
import { Checklist, demand } from './checklist.ts'
import { clauses } from './checks.ts'

const nothing = { roots: { nvidia: [], nvidiaRim: [] }, rims: [] } as const

test('every check has one id and one clause', () => {
  assert.equal(new Set(checkIds).size, checkIds.length)
  assert.deepEqual(Object.keys(clauses).toSorted(), [...checkIds].toSorted())
})

test('a result lists every check of its format, in order, whatever happened', async () => {
  const at = new Date('2026-11-20T12:00:00Z')
  const policy = 'authentic-only'
  const collateral = {} as TdxCollateral
  const tdx = await verifyTdx({ quote: new Uint8Array(0), collateral, roots: { intel: [] }, at, policy })
  assert.deepEqual(
    tdx.checks.map(({ id }) => id),
    tdxCheckIds,
  )
  const evidence = { arch: 'HOPPER', nonce: '', evidence: '', certificate: '' }
  const gpu = await verifyGpu({ evidence, ...nothing, nonce: new Uint8Array(32), at, policy })
  assert.deepEqual(
    gpu.checks.map(({ id }) => id),
    gpuCheckIds,
  )
})

test('any bytes are refused by their format and raise nothing', async () => {
  const at = new Date('2026-11-20T12:00:00Z')
  const collateral = {} as TdxCollateral
  const header = decodeHex(`0400020081000000${'00'.repeat(4)}939a7233f79c4ca9940a0db3957f0607`)
  const request = decodeHex('11e001ff')
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 900 }), fc.boolean(), async (noise, plausible) => {
      const quote = concatBytes(plausible ? header : new Uint8Array(0), noise)
      const tdx = await verifyTdx({ quote, collateral, roots: { intel: [] }, at, policy: 'authentic-only' })
      assert.equal(tdx.checks[0]?.verdict, 'fail')
      const bytes = concatBytes(plausible ? request : new Uint8Array(0), noise)
      const evidence = { arch: 'HOPPER', nonce: '', evidence: encodeBase64(bytes), certificate: '' }
      const input = { evidence, ...nothing, nonce: new Uint8Array(32), at }
      const gpu = await verifyGpu({ ...input, policy: 'authentic-only' })
      assert.equal(gpu.checks[0]?.verdict, 'fail')
    }),
  )
})

test('a fault in the program is no verdict', async () => {
  const checks = new Checklist(gpuCheckIds)
  const fault = new RangeError('a fault')
  const run = checks.conclude(async () => {
    await checks.pass('gpu.format', '', () => {
      throw fault
    })
  })
  await assert.rejects(run, fault)
})

test('a failure that a check did not raise is not taken for one', async () => {
  const checks = new Checklist(gpuCheckIds)
  await assert.rejects(
    checks.conclude(async () => {
      await checks.pass('gpu.format', 'something', () => null)
      demand(false, 'outside of every check')
    }),
    /outside of every check/,
  )
})

test('only the vendors’ own roots are a vendor’s', () => {
  assert.equal(vendorOfRoot(intelSgxRootFingerprint), 'intel')
  assert.equal(vendorOfRoot(nvidiaDeviceRootFingerprint), 'nvidia')
  assert.equal(vendorOfRoot(nvidiaRimRootFingerprint), 'nvidia-rim')
  for (const other of ['', '00'.repeat(32), intelSgxRootFingerprint.toUpperCase()])
    assert.equal(vendorOfRoot(other), null)
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { verifyGpu, verifyTdx } from '#attestation'
import { encodeHex, equalBytes, type Bytes } from '#bytes'
import { createSimulator, measureTree, SimulatorError, type SimulatorErrorCode } from '#simulator'
import { deriveKey, signFlat } from './keys.ts'

const at = new Date('2026-11-20T12:00:00Z')
const seed = new Uint8Array(32).fill(7)

const refuses = (code: SimulatorErrorCode, body: () => Promise<unknown>) =>
  assert.rejects(body, (error) => error instanceof SimulatorError && error.code === code)

test('keys and signatures from a seed are what WebCrypto takes them for', async () => {
  for (const [curve, hash] of [
    ['P-256', 'SHA-256'],
    ['P-384', 'SHA-384'],
  ] as const) {
    for (let run = 0; run < 8; run += 1) {
      const key = deriveKey(seed, `test ${run}`, curve)
      const data: Bytes = Uint8Array.of(run)
      const signature = await signFlat(key, data)
      const imported = await crypto.subtle.importKey(
        'raw',
        key.point,
        { name: 'ECDSA', namedCurve: curve },
        false,
        ['verify'],
      )
      assert.ok(
        await crypto.subtle.verify({ name: 'ECDSA', hash }, imported, signature, data),
        `${curve} ${run}`,
      )
      assert.ok(equalBytes(await signFlat(key, data), signature))
    }
  }
})

test('one seed is one machine: roots, collateral and evidence come out the same', async () => {
  const [first, again, other] = await Promise.all([
    createSimulator({ seed, at }),
    createSimulator({ seed, at }),
    createSimulator({ seed: new Uint8Array(32), at }),
  ])
  const request = { ...(await measureTree([])), reportData: new Uint8Array(64) }
  assert.deepEqual(first.trustedRoots, again.trustedRoots)
  assert.deepEqual(first.collateral, again.collateral)
  assert.deepEqual(first.rims, again.rims)
  assert.ok(equalBytes(await first.quoteTdx(request), await again.quoteTdx(request)))
  assert.notDeepEqual(first.trustedRoots, other.trustedRoots)
  const later = await createSimulator({ seed, at: new Date('2027-03-01T00:00:00Z') })
  assert.deepEqual(later.trustedRoots, first.trustedRoots)
})

test('collateral can be made anew for a later time', async () => {
  const simulator = await createSimulator({ seed, at })
  const quote = await simulator.quoteTdx({ ...(await measureTree([])), reportData: new Uint8Array(64) })
  const later = new Date('2027-03-01T00:00:00Z')
  const input = { quote, roots: simulator.roots, at: later, policy: 'authentic-only' } as const
  assert.equal((await verifyTdx({ ...input, collateral: simulator.collateral })).verdict, 'refused')
  const result = await verifyTdx({ ...input, collateral: await simulator.collateralAt(later) })
  assert.ok(result.verdict === 'accepted')
  assert.equal(result.claims.collateralExpiresAt, '2027-03-30T00:00:00Z')
})

test('faults of the vendors’ sides are asked for when the simulator is made', async () => {
  const expired = new Date('2026-11-20T11:59:59Z')
  const faults = { intel: { rootCrl: { nextUpdate: expired } }, nvidia: { rom: { notAfter: expired } } }
  const simulator = await createSimulator({ seed, at, faults })
  const { collateral, roots, rims } = simulator
  const nonce = new Uint8Array(32)
  const quote = await simulator.quoteTdx({ ...(await measureTree([])), reportData: new Uint8Array(64) })
  const evidence = await simulator.attestGpu({ nonce })
  const policy = 'authentic-only'
  const results = [
    await verifyTdx({ quote, collateral, roots, at, policy }),
    await verifyGpu({ evidence, nonce, roots, rims, at, policy }),
  ]
  const failed = results.map(({ checks }) => checks.find(({ verdict }) => verdict === 'fail')?.id)
  assert.deepEqual(failed, ['tdx.root-crl', 'gpu.chain'])
})

test('everything simulated says so in its certificates', async () => {
  const { roots } = await createSimulator({ seed, at })
  for (const root of [...roots.intel, ...roots.nvidia, ...roots.nvidiaRim]) {
    assert.match(new TextDecoder('latin1').decode(root), /\(SIMULATED by Fairweight\)/)
  }
})

test('a tree is measured whatever the order of its listing, and every change shows', async () => {
  const entry = fc.record({
    path: fc.stringMatching(/^[a-z]{1,4}(\/[a-z]{1,4}){0,2}$/),
    sha256: fc.constantFrom('00', 'ab', 'ff').map((byte) => byte.repeat(32)),
  })
  const tree = fc.uniqueArray(entry, { selector: ({ path }) => path, minLength: 1, maxLength: 6 })
  await fc.assert(
    fc.asyncProperty(tree, async (entries) => {
      const measurement = await measureTree(entries)
      assert.deepEqual(await measureTree(entries.toReversed()), measurement)
      const [first, ...rest] = entries
      assert.ok(first)
      for (const changed of [
        rest,
        [{ ...first, sha256: '11'.repeat(32) }, ...rest],
        [{ ...first, path: 'other/path/name' }, ...rest],
      ]) {
        const other = await measureTree(changed)
        assert.notEqual(other.rtmr[3], measurement.rtmr[3])
        assert.deepEqual(
          { ...other, rtmr: other.rtmr.slice(0, 3) },
          { ...measurement, rtmr: measurement.rtmr.slice(0, 3) },
        )
      }
    }),
    { numRuns: 30 },
  )
})

test('the measurement of the empty tree is fixed for ever', async () => {
  const { mrTd, rtmr } = await measureTree([])
  assert.equal(mrTd.slice(0, 16), '51a6153fde6b6021')
  assert.deepEqual(
    rtmr.map((register) => register.slice(0, 8)),
    ['f4985638', '93e290a2', '4a7db9c9', 'f1b3b5e7'],
  )
})

test('listings that two readers could read differently are refused', async () => {
  const sha256 = '00'.repeat(32)
  for (const path of ['', '/a', 'a//b', './a', 'a/../b', 'a\\b', 'a/', 'a\0b']) {
    await refuses('entries-invalid', () => measureTree([{ path, sha256 }]))
  }
  await refuses('entries-invalid', () =>
    measureTree([
      { path: 'a', sha256 },
      { path: 'a', sha256 },
    ]),
  )
  for (const wrong of ['', 'AB'.repeat(32), '00']) {
    await refuses('entries-invalid', () => measureTree([{ path: 'a', sha256: wrong }]))
  }
})

test('fields of another length are refused before anything is signed', async () => {
  const simulator = await createSimulator({ seed, at })
  const measurement = await measureTree([])
  const reportData = new Uint8Array(64)
  await refuses('seed-invalid', () => createSimulator({ seed: new Uint8Array(15), at }))
  await refuses('report-data-invalid', () =>
    simulator.quoteTdx({ ...measurement, reportData: new Uint8Array(32) }),
  )
  await refuses('register-invalid', () => simulator.quoteTdx({ ...measurement, mrTd: '00', reportData }))
  await refuses('nonce-invalid', () => simulator.attestGpu({ nonce: new Uint8Array(64) }))
  const quote = await simulator.quoteTdx({ ...measurement, mrConfigId: '01'.repeat(48), reportData })
  assert.equal(encodeHex(quote.slice(48 + 184, 48 + 184 + 48)), '01'.repeat(48))
})

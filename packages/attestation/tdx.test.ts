import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import {
  verifyTdx,
  type TdxCheckId,
  type TdxCollateral,
  type TdxPolicy,
  type VerifyTdxInput,
} from '#attestation'
import { concatBytes, decodeBase64, decodeHex, encodeBase64, encodeHex, encodeUtf8, type Bytes } from '#bytes'

// Genuine quotes and collateral. They are not part of the repository.
const folder =
  process.env['FAIRWEIGHT_VECTORS'] ?? fileURLToPath(new URL('../../../shared/vectors/', import.meta.url))
const skip = existsSync(`${folder}/tdx/cases.json`)
  ? false
  : `no genuine evidence at ${folder}: set FAIRWEIGHT_VECTORS to a folder that holds it`
// All bytes take most of a minute; a stride that shares no factor with the layout visits every field.
const stride = process.env['FAIRWEIGHT_SWEEP'] === 'all' ? 1 : 23

interface Case {
  readonly name: string
  readonly quote: string
  readonly collateral: string
  readonly at: string
  readonly expect: {
    readonly verdict: string
    readonly tcbStatus: string
    readonly tcbDate: string
    readonly advisoryIds: readonly string[]
  }
  readonly facts: { readonly [name: string]: string | number }
}
type Cases = {
  readonly collateral: { readonly [id: string]: { file: string } }
  readonly cases: readonly Case[]
}

const readVector = (path: string): Bytes => new Uint8Array(readFileSync(`${folder}/tdx/${path}`))
const cases: Cases =
  skip === false
    ? JSON.parse(readFileSync(`${folder}/tdx/cases.json`, 'utf8'))
    : { collateral: {}, cases: [] }

function inputOf(name: string): VerifyTdxInput {
  const found = cases.cases.find((candidate) => candidate.name === name)
  assert.ok(found, name)
  const set = cases.collateral[found.collateral]
  assert.ok(set)
  return {
    quote: readVector(found.quote),
    collateral: JSON.parse(readFileSync(`${folder}/tdx/${set.file}`, 'utf8')) as TdxCollateral,
    roots: { intel: [readVector('roots/intel-sgx-root-ca.der')] },
    at: new Date(found.at),
    policy: 'authentic-only',
  }
}

async function refuses(input: VerifyTdxInput, id: TdxCheckId, about = '') {
  const result = await verifyTdx(input)
  const failed = result.checks.find(({ verdict }) => verdict === 'fail')
  assert.equal(failed?.id, id, `${about} ${failed?.compared}`)
  assert.equal(result.verdict, 'refused')
  assert.ok(!('claims' in result))
}

const withQuote = (input: VerifyTdxInput, change: (quote: Bytes) => void): VerifyTdxInput => {
  const quote = input.quote.slice()
  change(quote)
  return { ...input, quote }
}
const withFlip = (input: VerifyTdxInput, at: number) =>
  withQuote(input, (quote) => {
    quote[at] = (quote[at] ?? 0) ^ (1 << (at & 7))
  })
const withCollateral = (input: VerifyTdxInput, change: Partial<TdxCollateral>): VerifyTdxInput => ({
  ...input,
  collateral: { ...input.collateral, ...change },
})

/** Cases that Intel's rules accept and ours refuse, or that another check refuses first. */
const refusedBy: { readonly [name: string]: TdxCheckId } = {
  'trustee-v4-debug-td': 'tdx.td-attributes',
  'trustee-v4-debug-td-later': 'tdx.td-attributes',
  'google-spr-trailing-bytes': 'tdx.quote-format',
  'phala-tappd-v4': 'tdx.tcb-level',
  'dstack-ratls-v4': 'tdx.tcb-level',
}

test('every genuine version 4 quote gets the answer that Intel’s rules give', { skip }, async () => {
  const ours = cases.cases.filter(({ facts }) => facts['version'] === 4)
  assert.ok(ours.length >= 12)
  for (const { name, expect, facts } of ours) {
    const input = inputOf(name)
    const refusing = refusedBy[name]
    if (refusing !== undefined) {
      await refuses(input, refusing, name)
      continue
    }
    const result = await verifyTdx(input)
    assert.ok(result.verdict === 'accepted', name)
    const { claims } = result
    assert.equal(claims.tcbStatus, expect.tcbStatus, name)
    assert.equal(claims.tcbDate, expect.tcbDate, name)
    assert.deepEqual(claims.advisories, expect.advisoryIds, name)
    assert.equal(claims.simulated, false)
    for (const key of [
      'teeTcbSvn',
      'mrSeam',
      'tdAttributes',
      'xfam',
      'mrTd',
      'mrConfigId',
      'reportData',
    ] as const) {
      assert.equal(claims[key], facts[key], `${name} ${key}`)
    }
    for (const [place, register] of claims.rtmr.entries()) assert.equal(register, facts[`rtmr${place}`], name)
  }
})

test('a quote of version 5 is refused by its format', { skip }, async () => {
  await refuses(inputOf('google-v5-uptodate'), 'tdx.quote-format')
})

test('text behind a quote is refused and zeros are not', { skip }, async () => {
  const trailing = inputOf('google-spr-trailing-bytes')
  const length = 636 + new DataView(trailing.quote.buffer).getUint32(632, true)
  await refuses({ ...trailing, quote: trailing.quote.slice(0, length) }, 'tdx.tcb-level')
  const input = inputOf('phala-uptodate-v4')
  const padded = concatBytes(input.quote, new Uint8Array(3000))
  assert.equal((await verifyTdx({ ...input, quote: padded })).verdict, 'accepted')
  await refuses({ ...input, quote: concatBytes(padded, Uint8Array.of(1)) }, 'tdx.quote-format')
})

test('a change of any signed byte is refused by the check that covers it', { skip }, async () => {
  const input = inputOf('phala-uptodate-v4')
  const format = (at: number) => at < 8 || (at >= 12 && at < 28)
  const regions: readonly (readonly [from: number, until: number, id: TdxCheckId])[] = [
    [0, 632, 'tdx.quote-signature'],
    [636, 700, 'tdx.quote-signature'],
    [700, 764, 'tdx.qe-report-data'],
    [770, 1154, 'tdx.qe-report'],
    [1154, 1218, 'tdx.qe-report'],
    [1220, 1252, 'tdx.qe-report-data'],
  ]
  for (const [from, until, id] of regions) {
    for (let at = from; at < until; at += Math.min(stride, 7 + (until - from) / 8)) {
      const place = Math.floor(at)
      await refuses(withFlip(input, place), format(place) ? 'tdx.quote-format' : id, `byte ${place}`)
    }
  }
})

test('every length that lies is refused', { skip }, async () => {
  const input = inputOf('phala-uptodate-v4')
  const inner = 1220 + 32 + 2
  for (const [at, width] of [
    [632, 4],
    [766, 4],
    [1218, 2],
    [inner, 4],
  ] as const) {
    const view = new DataView(input.quote.buffer)
    const right = width === 4 ? view.getUint32(at, true) : view.getUint16(at, true)
    for (const wrong of [right + 1, right - 1, 0, 2 ** (8 * width) - 1]) {
      const changed = withQuote(input, (quote) => {
        for (let octet = 0; octet < width; octet += 1)
          quote[at + octet] = Math.floor(wrong / 256 ** octet) & 0xff
      })
      await refuses(changed, 'tdx.quote-format', `length at ${at} as ${wrong}`)
    }
  }
})

test('every truncation is refused', { skip }, async () => {
  const input = inputOf('phala-uptodate-v4')
  const end = 636 + new DataView(input.quote.buffer).getUint32(632, true)
  for (let length = 0; length < end; length += stride) {
    await refuses({ ...input, quote: input.quote.slice(0, length) }, 'tdx.quote-format', `${length} bytes`)
  }
})

test('header fields and certification types of other kinds are refused', { skip }, async () => {
  const input = inputOf('phala-uptodate-v4')
  const changes = [
    [0, 0],
    [0, 3],
    [0, 6],
    [2, 3],
    [4, 0],
    [12, 0],
    [764, 5],
    [764, 7],
    [1252, 6],
    [1252, 4],
  ] as const
  for (const [at, value] of changes) {
    const changed = withQuote(input, (quote) => {
      quote[at] = value
    })
    await refuses(changed, 'tdx.quote-format', `byte ${at} as ${value}`)
  }
})

/** The quote with its PEM chain rewritten; lengths follow. */
function withChain(
  input: VerifyTdxInput,
  rewrite: (certificates: readonly string[]) => string,
): VerifyTdxInput {
  const start = 1258
  const end = 636 + new DataView(input.quote.buffer).getUint32(632, true)
  const text = new TextDecoder().decode(input.quote.slice(start, end)).replaceAll('\0', '')
  const certificates = text.match(/-----BEGIN[^]*?-----END CERTIFICATE-----/g) ?? []
  const chain = encodeUtf8(rewrite(certificates))
  const quote = concatBytes(input.quote.slice(0, start), chain)
  const view = new DataView(quote.buffer)
  view.setUint32(632, quote.length - 636, true)
  view.setUint32(766, quote.length - 770, true)
  view.setUint32(1254, chain.length, true)
  return { ...input, quote }
}
const derOf = (pem: string) => decodeBase64(pem.replaceAll(/-----[^-]+-----|\s/g, ''))
const pemOf = (der: Bytes) => `-----BEGIN CERTIFICATE-----\n${encodeBase64(der)}\n-----END CERTIFICATE-----\n`

test(
  'line breaks of the chain may vary; its certificates, their order and their root may not',
  { skip },
  async () => {
    const input = inputOf('phala-uptodate-v4')
    const respelled = withChain(input, (chain) => chain.map((pem) => pemOf(derOf(pem))).join('\r\n'))
    assert.equal((await verifyTdx(respelled)).verdict, 'accepted')
    await refuses(
      withChain(input, (chain) => chain.toReversed().join('\n')),
      'tdx.root',
    )
    await refuses(
      withChain(input, ([pck, , root]) => [pck, root].join('\n')),
      'tdx.quote-format',
    )
    await refuses(
      withChain(input, ([pck, authority, root]) => [authority, pck, root].join('\n')),
      'tdx.pck-chain',
    )
    await refuses({ ...input, roots: { intel: [] } }, 'tdx.root')
    await refuses(
      withChain(input, ([pck, authority]) => [pck, authority, authority].join('\n')),
      'tdx.root',
    )
  },
)

test('a change of any byte of a certificate is refused', { skip }, async () => {
  const input = inputOf('phala-uptodate-v4')
  const allowed: readonly TdxCheckId[][] = [
    ['tdx.quote-format', 'tdx.pck-chain'],
    ['tdx.quote-format', 'tdx.pck-chain'],
    ['tdx.quote-format', 'tdx.root'],
  ]
  for (const [place, ids] of allowed.entries()) {
    const length = derOf(withChainText(input)[place] ?? '').length
    for (let at = 0; at < length; at += stride) {
      const changed = withChain(input, (chain) =>
        chain
          .map((pem, index) => {
            const der = derOf(pem)
            if (index === place) der[at] = (der[at] ?? 0) ^ (1 << (at & 7))
            return pemOf(der)
          })
          .join(''),
      )
      const result = await verifyTdx(changed)
      const failed = result.checks.find(({ verdict }) => verdict === 'fail')
      assert.ok(
        ids.some((id) => id === failed?.id),
        `byte ${at} of certificate ${place}: ${failed?.id}`,
      )
    }
  }
})

function withChainText(input: VerifyTdxInput): readonly string[] {
  let found: readonly string[] = []
  withChain(input, (chain) => {
    found = chain
    return chain.join('\n')
  })
  return found
}

test('changed, foreign or stale collateral is refused by the check of that document', { skip }, async () => {
  const input = inputOf('phala-uptodate-v4')
  const other = inputOf('gcp-cos113-v4').collateral
  const ours = input.collateral
  const flipped = (hex: string | Bytes) => {
    assert.ok(typeof hex === 'string')
    return hex.slice(0, -1) + (hex.endsWith('0') ? '1' : '0')
  }
  const zeroR = (signature: string) => '0'.repeat(64) + signature.slice(64)
  const zeroS = (signature: string) => signature.slice(0, 64) + '0'.repeat(64)
  const sgx = ours.tcb_info.replace('"TDX"', '"SGX"')
  const changes: readonly (readonly [TdxCheckId, Partial<TdxCollateral>])[] = [
    ['tdx.root-crl', { root_ca_crl: '' }],
    ['tdx.root-crl', { root_ca_crl: 'deadbeef' }],
    ['tdx.root-crl', { root_ca_crl: flipped(ours.root_ca_crl) }],
    ['tdx.root-crl', { root_ca_crl: ours.pck_crl }],
    ['tdx.root-crl', { root_ca_crl: new Uint8Array(0) }],
    ['tdx.pck-crl', { pck_crl: '' }],
    ['tdx.pck-crl', { pck_crl: 'no hexadecimal' }],
    ['tdx.pck-crl', { pck_crl: flipped(ours.pck_crl) }],
    ['tdx.pck-crl', { pck_crl: ours.root_ca_crl }],
    ['tdx.pck-crl', { pck_crl: other.pck_crl }],
    ['tdx.pck-crl', { pck_crl_issuer_chain: ours.tcb_info_issuer_chain }],
    ['tdx.pck-crl', { pck_crl_issuer_chain: '' }],
    ['tdx.tcb-info', { tcb_info: ours.tcb_info.replace('"pcesvn":11', '"pcesvn":10') }],
    ['tdx.tcb-info', { tcb_info: `${ours.tcb_info} ` }],
    ['tdx.tcb-info', { tcb_info: JSON.stringify(JSON.parse(ours.tcb_info), null, 1) }],
    ['tdx.tcb-info', { tcb_info: sgx }],
    ['tdx.tcb-info', { tcb_info_signature: zeroR(ours.tcb_info_signature) }],
    ['tdx.tcb-info', { tcb_info_signature: zeroS(ours.tcb_info_signature) }],
    ['tdx.tcb-info', { tcb_info_signature: '' }],
    ['tdx.tcb-info', { tcb_info_issuer_chain: ours.pck_crl_issuer_chain }],
    ['tdx.tcb-info', { tcb_info: other.tcb_info, tcb_info_signature: other.tcb_info_signature }],
    ['tdx.qe-identity', { qe_identity: ours.qe_identity.replace('"isvsvn":4', '"isvsvn":3') }],
    ['tdx.qe-identity', { qe_identity: ours.tcb_info, qe_identity_signature: ours.tcb_info_signature }],
    ['tdx.qe-identity', { qe_identity_signature: zeroR(ours.qe_identity_signature) }],
    ['tdx.qe-identity', { qe_identity_issuer_chain: ours.pck_crl_issuer_chain }],
  ]
  for (const [id, change] of changes) {
    await refuses(withCollateral(input, change), id, JSON.stringify(change).slice(0, 80))
  }
})

test('collateral that lacks a document is refused and raises nothing', { skip }, async () => {
  const input = inputOf('phala-uptodate-v4')
  await refuses({ ...input, collateral: null as unknown as TdxCollateral }, 'tdx.root-crl')
  for (const key of Object.keys(input.collateral)) {
    for (const value of [undefined, null, 7, {}]) {
      const result = await verifyTdx(withCollateral(input, { [key]: value }))
      assert.equal(result.verdict, 'refused', `${key} as ${JSON.stringify(value)}`)
    }
  }
})

test('TCB info of another platform is refused', { skip }, async () => {
  // Everything is signed, current and Intel's: only the FMSPC differs.
  const { collateral, at } = inputOf('trustee-v4-debug-td-later')
  await refuses({ ...inputOf('phala-uptodate-v4'), collateral, at }, 'tdx.fmspc')
})

test('nothing is accepted a second outside the validity of a document', { skip }, async () => {
  const input = inputOf('phala-uptodate-v4')
  const at = (time: string, seconds: number) => new Date(Date.parse(time) + 1000 * seconds)
  await refuses({ ...input, at: at('2025-06-19T10:00:35Z', -1) }, 'tdx.pck-crl')
  await refuses({ ...input, at: at('2025-06-19T10:16:03Z', -1) }, 'tdx.tcb-info')
  await refuses({ ...input, at: at('2025-06-19T10:32:27Z', -1) }, 'tdx.qe-identity')
  assert.equal((await verifyTdx({ ...input, at: at('2025-06-19T10:32:27Z', 0) })).verdict, 'accepted')
  assert.equal((await verifyTdx({ ...input, at: at('2025-07-19T10:00:35Z', 0) })).verdict, 'accepted')
  await refuses({ ...input, at: at('2025-07-19T10:00:35Z', 1) }, 'tdx.pck-crl')
  await refuses({ ...input, at: at('2026-04-03T11:21:57Z', 1) }, 'tdx.root-crl')
  await refuses({ ...input, at: new Date(Number.NaN) }, 'tdx.root')
  await refuses({ ...input, at: new Date('2099-01-01T00:00:00Z') }, 'tdx.root')
})

test('CRLs are read as DER, as PEM and as hexadecimal of both cases', { skip }, async () => {
  const input = inputOf('phala-uptodate-v4')
  const hex = input.collateral.pck_crl
  assert.ok(typeof hex === 'string')
  const der = decodeHex(hex)
  const pem = `-----BEGIN X509 CRL-----\n${encodeBase64(der).replaceAll(/.{64}/g, '$&\n')}\n-----END X509 CRL-----\n`
  for (const pck_crl of [der, pem, encodeHex(der).toUpperCase()]) {
    assert.equal((await verifyTdx(withCollateral(input, { pck_crl }))).verdict, 'accepted')
  }
})

test('a policy accepts what it names and nothing else', { skip }, async () => {
  const input = inputOf('phala-uptodate-v4')
  const register = (name: string) => String(cases.cases[0]?.facts[name])
  const measurement = {
    mrTd: register('mrTd'),
    rtmr: [register('rtmr0'), register('rtmr1'), register('rtmr2'), register('rtmr3')] as const,
    from: '2025-06-01T00:00:00Z',
    until: '2025-07-01T00:00:00Z',
  }
  const fingerprint = '44a0196b2b99f889b8e149e95b807a350e7424964399e885a7cbb8ccfab674d3'
  const policy: TdxPolicy = {
    roots: [{ fingerprint, simulated: false }],
    tcbStatuses: ['UpToDate'],
    measurements: [measurement],
  }
  const reportData = decodeHex(register('reportData'))
  const accepted = await verifyTdx({ ...input, policy, reportData })
  assert.equal(accepted.verdict, 'accepted')
  assert.ok(accepted.checks.every(({ verdict }) => verdict === 'pass'))
  const changes: readonly (readonly [TdxCheckId, Partial<VerifyTdxInput>])[] = [
    ['tdx.trusted-root', { policy: { ...policy, roots: [] } }],
    ['tdx.trusted-root', { policy: { ...policy, roots: [{ fingerprint, simulated: true }] } }],
    ['tdx.tcb-status', { policy: { ...policy, tcbStatuses: ['OutOfDate'] } }],
    ['tdx.measurement', { policy: { ...policy, measurements: [] } }],
    ['tdx.measurement', { policy: { ...policy, measurements: [{ ...measurement, mrTd: '00'.repeat(48) }] } }],
    [
      'tdx.measurement',
      { policy: { ...policy, measurements: [{ ...measurement, from: '2025-06-25T00:00:01Z' }] } },
    ],
    [
      'tdx.measurement',
      { policy: { ...policy, measurements: [{ ...measurement, until: '2025-06-25T00:00:00Z' }] } },
    ],
    ['tdx.report-data', { policy, reportData: new Uint8Array(64) }],
    ['tdx.report-data', { policy, reportData: reportData.slice(0, 32) }],
  ]
  for (const [id, change] of changes) await refuses({ ...input, reportData, ...change }, id)
  const azure = { ...inputOf('azure-td-v4'), policy: { ...policy, tcbStatuses: ['OutOfDate'] } as const }
  await refuses(azure, 'tdx.td-attributes')
  const relaxed = { ...azure.policy, tdAttributes: ['sept-ve-enabled'] } as const
  await refuses({ ...azure, policy: relaxed }, 'tdx.measurement')
})

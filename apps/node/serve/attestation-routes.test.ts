import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { decodeBase64, decodeHex, encodeHex, encodeUtf8, equalBytes, sha256Hex } from '#bytes'
import { isSignature } from '#seal'
import {
  aciKeysetDigest,
  aciReportData,
  challenge,
  evidence,
  gpuNonce,
  isReceiptOf,
  openStatement,
  readAciKeyset,
  readServingReceipt,
} from '#statements'
import { KEY, OTHER_KEY, startTestNode, type TestNode } from './testing.ts'

let node: TestNode
before(async () => {
  node = await startTestNode()
})
after(() => node.close())

const NONCE = '000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f'

async function get(path: string, headers: Record<string, string> = {}) {
  const response = await fetch(`${node.url}${path}`, { headers })
  return { status: response.status, headers: response.headers, body: (await response.json()) as never }
}

test('ACI’s report binds keyset and nonce into its own quote', async () => {
  for (const [query, nonce] of [
    [`?nonce=${NONCE}`, NONCE],
    ['', null],
  ] as const) {
    const { status, body } = await get(`/v1/aci/attestation${query}`)
    assert.equal(status, 200)
    const report = body as {
      api_version: string
      workload_keyset_digest: string
      attestation: { workload_keyset: unknown; report_data: string; evidence: { quote: string } }
      service_capabilities: { serving: string }
    }
    const digest = aciKeysetDigest(readAciKeyset(report.attestation.workload_keyset))
    assert.equal(report.workload_keyset_digest, digest)
    assert.equal(report.attestation.report_data, encodeHex(aciReportData(digest, nonce)))
    assert.equal(report.attestation.evidence.quote, report.attestation.report_data + '00'.repeat(32))
    assert.equal(report.service_capabilities.serving, 'direct')
  }
})

test('a nonce is 64 lower-case hexadecimal digits and nothing else', async () => {
  for (const nonce of [NONCE.toUpperCase(), NONCE.slice(2), `${NONCE}00`, '', `${NONCE}&nonce=${NONCE}`]) {
    for (const path of ['/v1/aci/attestation', '/v1/attestation', '/v1/attestation/report']) {
      const { status, body } = await get(`${path}?nonce=${nonce}`)
      assert.equal(status, 400, path)
      assert.equal((body as { error: { type: string } }).error.type, 'invalid_request_error')
    }
  }
  assert.equal((await get('/v1/attestation')).status, 400)
})

test('our evidence is fresh, signed by the log’s key, and its quote names keyset, nonce and GPUs', async () => {
  const { body } = await get(`/v1/attestation?nonce=${NONCE}`)
  const statement = await openStatement(evidence, (body as { envelope: unknown }).envelope)
  assert.equal(statement.signer, node.machine.key('log').publicKey)
  const { keyset, cpu, gpus, gpuTermNonce, nonce } = statement.predicate
  assert.equal(nonce, NONCE)
  const report = decodeBase64(cpu.quote).subarray(0, 32)
  assert.ok(equalBytes(report, challenge(keyset, NONCE, gpus)))
  assert.equal(gpus[0]?.nonce, encodeHex(gpuNonce(keyset, gpuTermNonce)))
})

interface OldReport {
  readonly signing_address: string
  readonly signing_algo: string
  readonly request_nonce: string
  readonly intel_quote: string
  readonly nvidia_payload: string
  readonly all_attestations: { signing_address: string }[]
}

test('the older report has the members that buyers’ scripts read', async () => {
  const { body } = await get(`/v1/attestation/report?signing_algo=ed25519&nonce=${NONCE}`)
  const report = body as OldReport
  assert.equal(report.signing_algo, 'ed25519')
  assert.equal(report.request_nonce, NONCE)
  assert.equal(decodeHex(report.intel_quote).length, 64)
  const payload = JSON.parse(report.nvidia_payload) as {
    nonce: string
    evidence_list: object[]
    arch: string
  }
  assert.equal(payload.arch, 'HOPPER')
  assert.equal(payload.evidence_list.length, 1)
  assert.deepEqual(
    report.all_attestations.map((one) => one.signing_address),
    [report.signing_address],
  )
  const own = (await get('/v1/attestation/report')).body as OldReport
  assert.match(own.request_nonce, /^[0-9a-f]{64}$/)
  assert.equal((await get('/v1/attestation/report?signing_algo=ecdsa')).status, 400)
})

test('the older signature is over the hashes of both bodies, by the address that the report names', async () => {
  const request = JSON.stringify({ model: 'pool-base', messages: [{ role: 'user', content: 'hi' }] })
  const authorization = `Bearer ${KEY}`
  const response = await fetch(`${node.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization },
    body: request,
  })
  const text = await response.text()
  const { id } = JSON.parse(text) as { id: string }
  const { body } = await get(`/v1/signature/${id}`, { authorization })
  const signed = body as { text: string; signature: string; signing_address: string }
  assert.equal(signed.text, `${sha256Hex(encodeUtf8(request))}:${sha256Hex(encodeUtf8(text))}`)
  const report = (await get(`/v1/attestation/report?nonce=${NONCE}`)).body as OldReport
  assert.equal(signed.signing_address, report.signing_address)
  assert.ok(await isSignature(signed.signing_address, encodeUtf8(signed.text), decodeHex(signed.signature)))
  assert.equal((await get(`/v1/signature/${id}`)).status, 401)
  assert.equal((await get(`/v1/signature/${id}`, { authorization: `Bearer ${OTHER_KEY}` })).status, 404)
})

test('models are listed and found as OpenAI’s are', async () => {
  const model = { id: 'pool-base', object: 'model', created: 1_764_000_000, owned_by: 'fairweight' }
  assert.deepEqual((await get('/v1/models')).body, { object: 'list', data: [model] })
  assert.deepEqual((await get('/v1/models/pool-base')).body, model)
  const absent = await get('/v1/models/absent')
  assert.equal(absent.status, 404)
  assert.equal((absent.body as { error: { code: string } }).error.code, 'model_not_found')
})

test('ACI’s headers are on every response of the server, also where nothing was found', async () => {
  for (const path of ['/v1/models', '/v1/models/absent', '/no/such/route', '/v1/aci/receipts/x']) {
    const { headers } = await get(path)
    assert.equal(headers.get('x-aci-version'), 'aci/1', path)
    assert.equal(headers.get('x-aci-keyset-digest'), aciKeysetDigest(node.machine.aciKeyset))
  }
})

// From the protocol's own test vectors (aci/1, test-vectors.md), typed in as known answers.
const ACI = {
  keyset: {
    subject: 'dstack-app://example-app',
    not_after: 1_800_000_000,
    receipt_signing_keys: [
      {
        key_id: 'receipt-1',
        algo: 'ed25519',
        public_key: '8139770ea87d175f56a35466c34c7ecccb8d8a91b4ee37a25df60f5b8fc9b394',
      },
    ],
    e2ee_public_keys: [
      {
        key_id: 'e2ee-1',
        algo: 'x25519-aes-256-gcm-hkdf-sha256',
        public_key: '5dfedd3b6bd47f6fa28ee15d969d5bb0ea53774d488bdaf9df1c6e0124b3ef22',
      },
    ],
    tls_public_keys: [{ spki_sha256: 'c0'.repeat(32), domain: 'api.example.com' }],
  },
  digest: 'sha256:53a5cd44b30dcc51999754c719f2628a041f174ecbf9662a6f8e898a10cd9371',
  reportData: 'df2174d28130852b413646a3786927b93e94c11d770268b65def8bdba45cb49e',
  reportDataWithoutNonce: '0633919ca3f00e97bafaa3304278eb22420cc3ff0d19f87dfca2d3f7508150bc',
  signed:
    '{"api_version":"aci/1","chat_id":"chatcmpl-123","endpoint":"/v1/chat/completions","event_log":[{"body_hash":"sha256:94d809bf47380d8a2eab0eb6e126d4dda9364b0b4725cdf7ead52dd70b2aa87b","type":"request.received"},{"body_hash":"sha256:94d809bf47380d8a2eab0eb6e126d4dda9364b0b4725cdf7ead52dd70b2aa87b","type":"request.forwarded"},{"model_id":"demo-model","required":true,"result":"verified","session_id":"95ad1cb4dd25445808c2e9d116caf420b05703730b506395e8fc1ca6faeae28f","type":"upstream.verified"},{"body_hash":"sha256:dedfffe5b14d031b8e2c01996d021a15293cb7c63b56be7e4be9e89b6f0a5f61","type":"response.returned"}],"key_id":"receipt-1","method":"POST","model":"demo-model","receipt_id":"rcpt-0001","served_at":1750000000,"workload_keyset_digest":"sha256:53a5cd44b30dcc51999754c719f2628a041f174ecbf9662a6f8e898a10cd9371"}',
  signature:
    'd5b005e093bde3b577faf270b7184b09e169cacb0ecb206b103bd2581f997db03da616175454b063323a23ac1dc68f1ce506c2a6eba8aa0561d5e724f0b80c03',
}

test('ACI’s vectors: keyset digest and report data', () => {
  assert.equal(aciKeysetDigest(readAciKeyset(ACI.keyset)), ACI.digest)
  assert.equal(encodeHex(aciReportData(ACI.digest, NONCE)), ACI.reportData)
  assert.equal(encodeHex(aciReportData(ACI.digest, null)), ACI.reportDataWithoutNonce)
})

test('ACI’s vectors: the signature of its receipt verifies by the steps that ours is made with', async () => {
  const [entry] = readAciKeyset(ACI.keyset).receipt_signing_keys
  const bytes = encodeUtf8(ACI.signed)
  assert.ok(await isSignature(entry!.public_key, bytes, decodeHex(ACI.signature)))
  // It is an aggregator's receipt, with an event that a direct service never writes: ours refuse it by shape.
  assert.throws(() => readServingReceipt({ ...(JSON.parse(ACI.signed) as object), signature: ACI.signature }))
})

test('a receipt that is changed anywhere, or held against another keyset, is none of ours', async () => {
  const { receipt } = node.meter.receipts[0]!
  assert.ok(await isReceiptOf(receipt, node.machine.aciKeyset))
  assert.equal(
    await isReceiptOf({ ...receipt, served_at: receipt.served_at + 1 }, node.machine.aciKeyset),
    false,
  )
  assert.equal(await isReceiptOf(receipt, { ...node.machine.aciKeyset, subject: 'x' }), false)
})

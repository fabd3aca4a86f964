/**
 * What a relying party asks before it sends anything: ACI's report, our evidence beside it, and the older routes
 * that buyers' scripts call.
 */
import { randomBytes } from 'node:crypto'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { decodeBase64, encodeHex, encodeUtf8 } from '#bytes'
import { bearerOf, HttpError } from '#node/core'
import {
  aciKeysetDigest,
  aciReportData,
  encodeServingReceipt,
  eventOf,
  evidence,
  signStatement,
  type NodeEvidence,
  type ServingReceipt,
} from '#statements'
import { createLine } from './line.ts'
import type { Serving } from './serving.ts'

/** aci/1 §4.1; what is unknown is null. Trusted only where measured evidence corroborates it. */
export interface SourceProvenance {
  readonly repo_url: string | null
  readonly repo_commit: string | null
  readonly image_digest: string | null
}

export function attestationRoutes(
  scope: FastifyInstance,
  serving: Serving,
  provenance: SourceProvenance,
): void {
  const { machine } = serving.context
  const gate = createGate()

  scope.get('/v1/aci/attestation', async (request) => {
    const nonce = nonceOf(request) ?? null
    const digest = aciKeysetDigest(machine.aciKeyset)
    const reportData = aciReportData(digest, nonce)
    const quote = await gate(() => machine.aciQuote(reportData))
    return {
      api_version: 'aci/1',
      workload_keyset_digest: digest,
      attestation: {
        tee_type: 'tdx',
        workload_keyset: machine.aciKeyset,
        report_data: encodeHex(reportData),
        source_provenance: { ...provenance, image_provenance: null },
        evidence: { quote: encodeHex(quote), simulated: machine.simulated },
      },
      service_capabilities: { supported_e2ee_versions: [], serving: 'direct' },
    }
  })

  scope.get('/v1/attestation', async (request) => {
    const nonce = nonceOf(request)
    if (nonce === undefined) throw new HttpError(400, 'nonce_missing', 'Bring a nonce of your own.', 'nonce')
    const taken = await gate(() => machine.evidence(nonce))
    const { envelope } = await signStatement(evidence, taken, machine.key('log'))
    return { envelope }
  })

  scope.get('/v1/attestation/report', async (request) => {
    assertEd25519(request)
    const nonce = nonceOf(request) ?? randomBytes(32).toString('hex')
    return reportOf(await gate(() => machine.evidence(nonce)), machine.key('mark').publicKey)
  })

  scope.get<{ Params: { id: string } }>('/v1/aci/receipts/:id', async (request, reply) => {
    const receipt = await findReceipt(serving, request)
    return reply.type('application/json').send(encodeServingReceipt(receipt))
  })

  scope.get<{ Params: { id: string } }>('/v1/signature/:id', async (request) => {
    assertEd25519(request)
    const text = textOf(await findReceipt(serving, request))
    const key = machine.key('mark')
    const signature = encodeHex(await key.sign(encodeUtf8(text)))
    return { text, signature, signing_address: key.publicKey, signing_algo: 'ed25519' }
  })
}

/** 64 lower-case hexadecimal digits or nothing (aci/1 §3.2). Throws {@link HttpError} 400. */
function nonceOf(request: FastifyRequest): string | undefined {
  const { nonce } = request.query as { nonce?: unknown }
  if (nonce === undefined) return undefined
  if (typeof nonce !== 'string' || !/^[0-9a-f]{64}$/.test(nonce)) {
    throw new HttpError(400, 'nonce_invalid', 'A nonce is 64 lower-case hexadecimal digits.', 'nonce')
  }
  return nonce
}

/** A receipt is shown to the key that made the call, and to no other (aci/1 §7.6). */
async function findReceipt(
  { meter }: Serving,
  request: FastifyRequest<{ Params: { id: string } }>,
): Promise<ServingReceipt> {
  const apiKey = bearerOf(request)
  if (apiKey === undefined) {
    throw new HttpError(401, 'unauthorized', 'Bring the API key that made the call.')
  }
  const found = await meter.receipt(request.params.id, apiKey)
  if (found === undefined || found === 'unauthorized') {
    throw new HttpError(404, 'not_found', 'No receipt of that id belongs to this key.')
  }
  return found
}

function assertEd25519(request: FastifyRequest): void {
  const { signing_algo: algorithm } = request.query as { signing_algo?: unknown }
  if (algorithm !== undefined && algorithm !== 'ed25519') {
    throw new HttpError(400, 'algorithm_unsupported', 'This node signs with ed25519.', 'signing_algo')
  }
}

/** What older scripts read. Its quote is our evidence's: report data is the challenge of spec/keyset.md. */
function reportOf(taken: NodeEvidence, address: string): Record<string, unknown> {
  const [first] = taken.gpus
  const payload = first && { nonce: first.nonce, evidence_list: taken.gpus, arch: first.arch }
  const report = {
    signing_address: address,
    signing_algo: 'ed25519',
    signing_public_key: address,
    request_nonce: taken.nonce,
    intel_quote: encodeHex(decodeBase64(taken.cpu.quote)),
    event_log: null,
    vm_config: null,
    info: { node: taken.node, term: taken.term, keyset: taken.keyset, aci_keyset: taken.aciKeyset },
    nvidia_payload: payload === undefined ? null : JSON.stringify(payload),
  }
  return { ...report, all_attestations: [report] }
}

/**
 * `sha256(request):sha256(response)`. Signed by the key of the role `mark`: ACI's receipt keys sign nothing but
 * receipts, and older scripts take whatever address the report names.
 */
function textOf(receipt: ServingReceipt): string {
  const hash = (type: 'request.received' | 'response.returned') =>
    eventOf(receipt, type)?.body_hash.replace('sha256:', '')
  return `${hash('request.received')}:${hash('response.returned')}`
}

/** Evidence is dear to make and asked for by anyone: two at a time, and a bounded wait. */
function createGate(): <T>(work: () => Promise<T>) => Promise<T> {
  const line = createLine({ atOnce: 2, places: 32, placesEach: 32 })
  return async (work) => {
    const place = line.take('anyone')
    if (typeof place === 'string') throw new HttpError(503, 'line_full', 'Too many ask at once. Try again.')
    try {
      await place.turn(new AbortController().signal)
      return await work()
    } finally {
      place.leave()
    }
  }
}

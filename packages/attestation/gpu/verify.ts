/**
 * Is GPU evidence authentic: a chain of five P-384 certificates from the firmware's key up to NVIDIA's
 * device root, and a signature over the whole exchange with our nonce in it.
 */
import { decodeBase64, decodeUtf8, equalBytes, type Bytes } from '#bytes'
import { demand, type Checklist } from '../checklist.ts'
import type { GpuCheckId } from '../checks.ts'
import { verifyEcdsa } from '../crypto.ts'
import type { Certificate } from '../der/certificate.ts'
import { findRoot, verifyChain } from '../der/chain.ts'
import { readPemChain } from '../der/pem.ts'
import { readFields } from './fields.ts'
import { readLeafFwid } from './fwid.ts'
import { parseGpuReport, type GpuReport } from './parse.ts'
import type { GpuEvidence, VerifyGpuInput } from './types.ts'

export interface AuthenticGpuReport {
  readonly report: GpuReport
  readonly fields: ReturnType<typeof readFields>
  readonly leaf: Certificate
  readonly root: Certificate
}

/** Firmware key, boot ROM, provisioner, product identity, device root. */
const chainLength = 5

export async function verifyGpuReport(
  checks: Checklist<GpuCheckId>,
  { evidence, roots, nonce, at }: VerifyGpuInput,
): Promise<AuthenticGpuReport> {
  const { report, fields, chain, leaf } = await checks.pass(
    'gpu.format',
    'layout of request, answer and certificates',
    () => parseEvidence(evidence),
  )
  const root = await checks.pass('gpu.chain', 'five P-384 certificates with the roots given', async () => {
    const found = findRoot(chain.at(-1), roots.nvidia)
    await verifyChain(chain, found, at)
    demandRoles(chain, leaf)
    return found
  })
  await checks.pass('gpu.signature', 'signature over request and answer with the leaf key', async () => {
    const authentic = await verifyEcdsa(leaf.publicKey, 'SHA-384', report.signature, report.signed)
    demand(authentic, 'the signature over the report is wrong')
  })
  await checks.pass('gpu.nonce', 'nonce of the signed request with the one asked for', () =>
    demand(equalBytes(report.nonce, nonce), 'the report answers another nonce'),
  )
  const { fwid } = fields
  if (fwid === undefined) checks.skip('gpu.fwid', 'the report carries no FWID, as before driver 550')
  else {
    await checks.pass('gpu.fwid', `FWID ${fwid} with the leaf certificate’s`, () => {
      const certified = readLeafFwid(leaf)
      demand(certified === fwid, `FWID ${fwid} is not the leaf certificate’s ${certified}`)
    })
  }
  return { report, fields, leaf, root }
}

function parseEvidence(evidence: GpuEvidence) {
  demand(typeof evidence === 'object' && evidence !== null, 'there is no evidence')
  demand(evidence.arch === 'HOPPER', `architecture ${evidence.arch} is not judged here`)
  const report = parseGpuReport(decode(evidence.evidence))
  const chain = readPemChain(decodeUtf8(decode(evidence.certificate)), chainLength)
  const [leaf] = chain
  demand(leaf !== undefined, 'the chain is empty')
  return { report, fields: readFields(report.opaque), chain, leaf }
}

/** Evidence arrives as JSON from untrusted places: its types are only promised. */
function decode(text: string): Bytes {
  demand(typeof text === 'string', 'the evidence lacks a text')
  return decodeBase64(text)
}

function demandRoles(chain: readonly Certificate[], leaf: Certificate): void {
  for (const { publicKey, hash, commonName } of chain) {
    demand(publicKey.curve === 'P-384' && hash === 'SHA-384', `${commonName} is not P-384 with SHA-384`)
  }
  // The root also anchors switches and other generations, whose reports are laid out differently.
  demand(leaf.commonName?.startsWith('GH100 ') === true, `${leaf.commonName} is no Hopper GPU`)
  demand(!leaf.isCa && leaf.maySign, `${leaf.commonName} is not a signer alone`)
}

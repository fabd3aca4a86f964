/**
 * Are reference values authentic: a chain of four P-384 certificates from each file's signer up to NVIDIA's
 * root for reference values, and the signer's signature over the whole file.
 *
 * Signers' certificates last two years and their dates count: a file that nobody signs anew stops being a
 * reference.
 */
import { BytesError } from '#bytes'
import { demand, type Checklist } from '../checklist.ts'
import type { GpuCheckId } from '../checks.ts'
import type { Certificate } from '../der/certificate.ts'
import { findRoot, verifyChain } from '../der/chain.ts'
import { AttestationError } from '../errors.ts'
import { verifyEnvelopedSignature } from '../xml/signature.ts'
import type { Manifest } from './manifest.ts'
import { parseRim, requestsOf, type ParsedRim, type ReportedFirmware } from './parse.ts'
import { rimParts, type RimPart, type RimRequests, type VerifyRimsInput } from './types.ts'

export interface AuthenticRims {
  readonly requests: RimRequests
  readonly manifests: { readonly [part in RimPart]: Manifest }
  readonly root: Certificate
}

/** Signer, issuer of signers, authority of the product, root. */
const chainLength = 4

export async function verifyRims(
  checks: Checklist<GpuCheckId>,
  reported: ReportedFirmware,
  { rims, roots, at }: VerifyRimsInput,
): Promise<AuthenticRims> {
  const { requests, files } = await checks.pass(
    'gpu.rim-files',
    `form of the two files for driver ${reported.driverVersion} and VBIOS ${reported.vbiosVersion}`,
    async () => {
      const named = requestsOf(reported)
      const driver = await inFile('driver', () => parseRim(rims, named.driver))
      const vbios = await inFile('vbios', () => parseRim(rims, named.vbios))
      return { requests: named, files: { driver, vbios } }
    },
  )
  const root = await checks.pass(
    'gpu.rim-chain',
    'four P-384 certificates of each with the roots given',
    async () => {
      const found = await inFile('driver', () => findRoot(files.driver.chain.at(-1), roots))
      for (const part of rimParts) await inFile(part, () => verifySigner(files[part].chain, found, at))
      return found
    },
  )
  await checks.pass('gpu.rim-signature', 'digest of each and the signer’s signature over it', async () => {
    for (const part of rimParts) await inFile(part, () => verifySignature(files[part]))
  })
  return { requests, manifests: { driver: files.driver.manifest, vbios: files.vbios.manifest }, root }
}

async function verifySigner(chain: readonly Certificate[], root: Certificate, at: Date): Promise<void> {
  demand(chain.length === chainLength, `the chain has ${chain.length} certificates, not ${chainLength}`)
  await verifyChain(chain, root, at)
  for (const { publicKey, hash, commonName } of chain) {
    demand(publicKey.curve === 'P-384' && hash === 'SHA-384', `${commonName} is not P-384 with SHA-384`)
  }
  const signer = signerOf(chain)
  demand(!signer.isCa && signer.maySign, `${signer.commonName} is not a signer alone`)
}

async function verifySignature({ signature, chain }: ParsedRim): Promise<void> {
  await verifyEnvelopedSignature(signature, signerOf(chain).publicKey)
}

function signerOf([signer]: readonly Certificate[]): Certificate {
  demand(signer !== undefined, 'the chain is empty')
  return signer
}

/** Says in a refusal which of the two files it is about. */
async function inFile<T>(part: RimPart, body: () => T | Promise<T>): Promise<T> {
  try {
    return await body()
  } catch (error) {
    if (!(error instanceof AttestationError) && !(error instanceof BytesError)) throw error
    throw new AttestationError('rim-invalid', `${part} file: ${error.message}`)
  }
}

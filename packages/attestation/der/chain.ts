/** Certification paths (RFC 5280 §6.1), short ones of known length that end in a pinned root. */
import { equalBytes, type Bytes } from '#bytes'
import { AttestationError } from '../errors.ts'
import { isWithin } from '../time.ts'
import type { Certificate } from './certificate.ts'
import { isSignedBy } from './signed.ts'

/** The root among `roots` that is `last`, byte for byte. */
export function findRoot(last: Certificate | undefined, roots: readonly Bytes[]): Certificate {
  const found = last !== undefined && roots.some((root) => equalBytes(root, last.der))
  if (!found) throw invalid('the chain ends in a certificate that is no root of ours')
  return last
}

/**
 * Throws {@link AttestationError} unless each certificate, leaf first, was issued by the next one and the
 * last is `root`, all of them valid at `at`.
 */
export async function verifyChain(chain: readonly Certificate[], root: Certificate, at: Date): Promise<void> {
  const last = chain.at(-1)
  if (last === undefined || !equalBytes(last.der, root.der)) throw invalid('the chain ends in another root')
  for (const [place, certificate] of chain.entries()) {
    // A root vouches for itself.
    const isRoot = place === chain.length - 1
    const issuer = isRoot ? certificate : (chain[place + 1] ?? root)
    const name = certificate.commonName ?? certificate.serial
    if (!isWithin(at, certificate.notBefore, certificate.notAfter)) throw invalid(`${name} is not valid now`)
    if (!equalBytes(certificate.issuer, issuer.subject)) throw invalid(`${name} names another issuer`)
    if (certificate.authorityKeyId !== null && certificate.authorityKeyId !== issuer.subjectKeyId) {
      throw invalid(`${name} names another key of its issuer`)
    }
    if (!issuer.isCa || !issuer.mayIssue) throw invalid(`the issuer of ${name} may not issue certificates`)
    // `place` is the number of authorities between this issuer and the leaf.
    if (!isRoot && issuer.pathLength !== null && place > issuer.pathLength) {
      throw invalid(`the path below the issuer of ${name} is too long`)
    }
    if (!(await isSignedBy(certificate, issuer.publicKey))) throw invalid(`the signature of ${name} is wrong`)
  }
}

const invalid = (message: string) => new AttestationError('certificate-invalid', message)

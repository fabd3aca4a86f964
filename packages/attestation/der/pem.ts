/** PEM (RFC 7468), as far as certificate chains and CRLs need it. */
import { decodeBase64, type Bytes } from '#bytes'
import { AttestationError } from '../errors.ts'
import { readCertificate, type Certificate } from './certificate.ts'

/** The contents of all blocks of `label`; nothing but white space may stand between them. */
export function readPem(text: string, label: string): readonly Bytes[] {
  const blocks: Bytes[] = []
  const form = new RegExp(`\\s*-----BEGIN ${label}-----([A-Za-z0-9+/=\\s]*)-----END ${label}-----\\s*`, 'y')
  for (let at = 0; at < text.length; at = form.lastIndex) {
    form.lastIndex = at
    const block = form.exec(text)
    if (block === null) throw new AttestationError('pem-invalid', `the text is not a list of ${label} blocks`)
    blocks.push(decodeBase64((block[1] ?? '').replaceAll(/\s/g, '')))
  }
  return blocks
}

/** Exactly `count` certificates, in the order in which they stand. */
export function readPemChain(text: string, count: number): readonly Certificate[] {
  const blocks = readPem(text, 'CERTIFICATE')
  if (blocks.length !== count) {
    throw new AttestationError('pem-invalid', `the chain has ${blocks.length} certificates, not ${count}`)
  }
  return blocks.map(readCertificate)
}

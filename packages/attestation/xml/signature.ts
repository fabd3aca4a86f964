/**
 * Enveloped XML signatures (W3C XML Signature Core), in the one form that NVIDIA uses: over the whole
 * document, Canonical XML 1.1, SHA-384, ECDSA on P-384.
 *
 * The form is closed, because the freedom of this standard is what attacks on it live from: the signature is
 * the root's last child, its one reference is the empty URI, its transforms are these two, and no element has
 * an id. What the signature covers comes out as text, so that a caller reads what was signed and no other
 * part of the file.
 */
import { decodeBase64, encodeUtf8, equalBytes, type Bytes } from '#bytes'
import { demand } from '../checklist.ts'
import { digest, verifyEcdsa, type PublicKey } from '../crypto.ts'
import { AttestationError } from '../errors.ts'
import { canonicalText } from './canonical.ts'
import type { XmlElement } from './reader.ts'
import { attributesOf, childrenOf, elementsOf, textOf } from './shape.ts'

export interface EnvelopedSignature {
  /** The document without its signature, in canonical form: what the digest covers. */
  readonly content: string
  readonly contentDigest: Bytes
  /** Canonical too: what the signature covers. */
  readonly signedInfo: string
  /** r ‖ s. */
  readonly signature: Bytes
  /** DER, the signer's first. */
  readonly certificates: readonly Bytes[]
}

const ds = <Name extends string>(name: Name) => `{http://www.w3.org/2000/09/xmldsig#}${name}` as const

const algorithms = {
  canonical: 'http://www.w3.org/2006/12/xml-c14n11',
  enveloped: 'http://www.w3.org/2000/09/xmldsig#enveloped-signature',
  signature: 'http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384',
  digest: 'http://www.w3.org/2001/04/xmldsig-more#sha384',
} as const

const maxCertificates = 8

/** Throws {@link AttestationError} `xml-invalid` on any other form. */
export function readEnvelopedSignature(root: XmlElement): EnvelopedSignature {
  const envelope = elementsOf(root).at(-1)
  if (envelope?.expandedName !== ds('Signature'))
    throw invalid('the signature is not the last element of the root')
  const [info, value, keyInfo] = childrenOf(
    bare(envelope),
    ds('SignedInfo'),
    ds('SignatureValue'),
    ds('KeyInfo'),
  )
  const [data] = childrenOf(bare(keyInfo), ds('X509Data'))
  return {
    content: canonicalText(root, envelope),
    contentDigest: readSignedInfo(info),
    signedInfo: canonicalText(info),
    signature: readBase64(value),
    certificates: readCertificates(bare(data)),
  }
}

/** The digest that is signed. */
function readSignedInfo(info: XmlElement): Bytes {
  const [method, signature, reference] = childrenOf(
    bare(info),
    ds('CanonicalizationMethod'),
    ds('SignatureMethod'),
    ds('Reference'),
  )
  demandAlgorithm(method, algorithms.canonical)
  demandAlgorithm(signature, algorithms.signature)
  const { URI: uri } = attributesOf(reference, 'URI')
  if (uri !== '') throw invalid('the signature covers another thing than this document')
  const [transforms, hash, value] = childrenOf(
    reference,
    ds('Transforms'),
    ds('DigestMethod'),
    ds('DigestValue'),
  )
  const [first, second] = childrenOf(bare(transforms), ds('Transform'), ds('Transform'))
  demandAlgorithm(first, algorithms.enveloped)
  demandAlgorithm(second, algorithms.canonical)
  demandAlgorithm(hash, algorithms.digest)
  return readBase64(value)
}

function readCertificates(data: XmlElement): readonly Bytes[] {
  const elements = elementsOf(data)
  if (elements.length > maxCertificates) throw invalid(`the signature brings ${elements.length} certificates`)
  return childrenOf(data, ...elements.map(() => ds('X509Certificate'))).map(readBase64)
}

/** The element, which has no attributes. */
function bare(element: XmlElement): XmlElement {
  attributesOf(element)
  return element
}

function demandAlgorithm(element: XmlElement, algorithm: string): void {
  const { Algorithm: named } = attributesOf(element, 'Algorithm')
  if (named !== algorithm) throw invalid(`${element.qualifiedName} names ${named}, which is not used here`)
  if (element.children.length > 0) throw invalid(`${element.qualifiedName} has parameters`)
}

/** In lines, as PEM breaks them. */
function readBase64(element: XmlElement): Bytes {
  attributesOf(element)
  return decodeBase64(textOf(element).replaceAll('\n', ''))
}

/** Throws {@link AttestationError} unless `key` signed the content. */
export async function verifyEnvelopedSignature(
  { content, contentDigest, signedInfo, signature }: EnvelopedSignature,
  key: PublicKey,
): Promise<void> {
  const found = await digest('SHA-384', encodeUtf8(content))
  demand(equalBytes(found, contentDigest), 'the content has another digest than the one that is signed')
  const authentic = await verifyEcdsa(key, 'SHA-384', signature, encodeUtf8(signedInfo))
  demand(authentic, 'the signature over the digest is wrong')
}

const invalid = (message: string) => new AttestationError('xml-invalid', message)

/**
 * TDX quote, version 4: bytes to fields (Intel TDX DCAP Quoting Library API).
 *
 * Everything here is an attacker's to choose. Numbers are bounded before they are used as lengths, and
 * every byte is accounted for: the quote may be followed by zeros, which some hosts pad with, and by
 * nothing else.
 */
import { decodeUtf8, encodeHex, type Bytes } from '#bytes'
import type { Certificate } from '../der/certificate.ts'
import { readPemChain } from '../der/pem.ts'
import { AttestationError } from '../errors.ts'

const quoteLayout = {
  header: 48,
  body: 584,
  report: 384,
  signature: 64,
  key: 64,
  attestationKeyP256: 2,
  teeTdx: 0x81,
  qeVendorIntel: '939a7233f79c4ca9940a0db3957f0607',
  certificationOfReport: 6,
  certificationOfPckChain: 5,
  pckChainLength: 3,
} as const

/** Measurements and attributes of the trust domain and of the module beneath it, as hexadecimal. */
export interface TdBody {
  readonly teeTcbSvn: Bytes
  readonly mrSeam: string
  readonly mrSignerSeam: string
  readonly seamAttributes: Bytes
  readonly tdAttributes: Bytes
  readonly xfam: string
  readonly mrTd: string
  readonly mrConfigId: string
  readonly mrOwner: string
  readonly mrOwnerConfig: string
  readonly rtmr: readonly [string, string, string, string]
  readonly reportData: Bytes
}

/** Report of the quoting enclave (Intel SDM, REPORT structure). */
export interface QeReport {
  readonly bytes: Bytes
  readonly miscSelect: Bytes
  readonly attributes: Bytes
  readonly mrSigner: string
  readonly isvProdId: number
  readonly isvSvn: number
  readonly reportData: Bytes
}

export interface Quote {
  /** Header and body: what the attestation key signs. */
  readonly signed: Bytes
  readonly body: TdBody
  readonly signature: Bytes
  /** x ‖ y on P-256. */
  readonly attestationKey: Bytes
  readonly qeReport: QeReport
  readonly qeReportSignature: Bytes
  readonly qeAuthData: Bytes
  /** PCK certificate, its authority, the root. */
  readonly pckChain: readonly Certificate[]
}

/** Throws {@link AttestationError}, or BytesError for text that is no text. */
export function parseQuote(bytes: Bytes): Quote {
  const reader = new QuoteReader(bytes, 'quote')
  const signed = reader.take(quoteLayout.header + quoteLayout.body)
  checkHeader(signed)
  const section = new QuoteReader(reader.take(reader.uint32()), 'signature section')
  reader.endInZeros()
  const signature = section.take(quoteLayout.signature)
  const attestationKey = section.take(quoteLayout.key)
  const outer = section.certificationData(quoteLayout.certificationOfReport)
  section.end()
  const qeReport = parseQeReport(outer.take(quoteLayout.report))
  const qeReportSignature = outer.take(quoteLayout.signature)
  const qeAuthData = outer.take(outer.uint16())
  const inner = outer.certificationData(quoteLayout.certificationOfPckChain)
  outer.end()
  return {
    signed,
    body: parseBody(signed.subarray(quoteLayout.header)),
    signature,
    attestationKey,
    qeReport,
    qeReportSignature,
    qeAuthData,
    pckChain: readPemChain(inner.text(), quoteLayout.pckChainLength),
  }
}

function checkHeader(header: Bytes): void {
  const view = viewOf(header)
  const version = view.getUint16(0, true)
  if (version !== 4) throw invalid(`quote version ${version} is not 4`)
  const keyType = view.getUint16(2, true)
  if (keyType !== quoteLayout.attestationKeyP256) throw invalid(`attestation key type ${keyType} is not 2`)
  const tee = view.getUint32(4, true)
  if (tee !== quoteLayout.teeTdx) throw invalid(`TEE type ${tee} is not TDX`)
  const vendor = encodeHex(header.subarray(12, 28))
  if (vendor !== quoteLayout.qeVendorIntel) throw invalid('the quoting enclave is not of Intel')
}

function parseBody(body: Bytes): TdBody {
  const bytes = (at: number, length: number) => body.subarray(at, at + length)
  const register = (at: number) => encodeHex(bytes(at, 48))
  return {
    teeTcbSvn: bytes(0, 16),
    mrSeam: register(16),
    mrSignerSeam: register(64),
    seamAttributes: bytes(112, 8),
    tdAttributes: bytes(120, 8),
    xfam: encodeHex(bytes(128, 8)),
    mrTd: register(136),
    mrConfigId: register(184),
    mrOwner: register(232),
    mrOwnerConfig: register(280),
    rtmr: [register(328), register(376), register(424), register(472)],
    reportData: bytes(520, 64),
  }
}

function parseQeReport(bytes: Bytes): QeReport {
  const view = viewOf(bytes)
  return {
    bytes,
    miscSelect: bytes.subarray(16, 20),
    attributes: bytes.subarray(48, 64),
    mrSigner: encodeHex(bytes.subarray(128, 160)),
    isvProdId: view.getUint16(256, true),
    isvSvn: view.getUint16(258, true),
    reportData: bytes.subarray(320, 384),
  }
}

/** Takes what is there, in order; asking for more than is left is a refusal. */
class QuoteReader {
  readonly #bytes: Bytes
  readonly #what: string
  #at = 0

  constructor(bytes: Bytes, what: string) {
    this.#bytes = bytes
    this.#what = what
  }

  take(length: number): Bytes {
    const end = this.#at + length
    if (end > this.#bytes.length) throw invalid(`the ${this.#what} is cut off`)
    const part = this.#bytes.subarray(this.#at, end)
    this.#at = end
    return part
  }

  uint16(): number {
    return viewOf(this.take(2)).getUint16(0, true)
  }

  uint32(): number {
    return viewOf(this.take(4)).getUint32(0, true)
  }

  certificationData(kind: number): QuoteReader {
    const found = this.uint16()
    if (found !== kind) throw invalid(`certification data of type ${found} stands where ${kind} belongs`)
    return new QuoteReader(this.take(this.uint32()), `certification data of type ${kind}`)
  }

  /** All of it as text; C strings may end in one zero byte. */
  text(): string {
    const rest = this.take(this.#bytes.length - this.#at)
    return decodeUtf8(rest.at(-1) === 0 ? rest.subarray(0, -1) : rest)
  }

  end(): void {
    if (this.#at !== this.#bytes.length) throw invalid(`bytes follow in the ${this.#what}`)
  }

  endInZeros(): void {
    if (this.#bytes.subarray(this.#at).some((byte) => byte !== 0)) throw invalid('bytes follow the quote')
  }
}

const viewOf = (bytes: Bytes) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

const invalid = (message: string) => new AttestationError('quote-invalid', message)

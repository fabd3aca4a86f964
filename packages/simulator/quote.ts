/** TDX quotes, version 4, as Intel's quoting enclave writes them (Intel TDX DCAP Quoting Library API). */
import type { TdxMeasurement } from '#attestation'
import { concatBytes, decodeHex, encodeUtf8, type Bytes } from '#bytes'
import { pemOf, type Pki } from './certificates.ts'
import { SimulatorError } from './errors.ts'
import type { IntelName } from './intel.ts'
import { deriveKey, signFlat } from './keys.ts'
import { platform, type QuotingEnclave } from './platform.ts'

/** What is to be wrong in a quote, though correctly signed unless it says otherwise. */
export interface QuoteFaults {
  readonly tdAttributes?: string
  readonly teeTcbSvn?: readonly number[]
  readonly mrSignerSeam?: string
  readonly seamAttributes?: string
  readonly qe?: Partial<QuotingEnclave> & { readonly miscSelect?: string }
  /** The report data of the QE report, instead of the hash of the attestation key. */
  readonly qeReportData?: Bytes
  readonly qeReportSignedBy?: IntelName
  readonly quoteSignedBy?: IntelName
  readonly chain?: readonly IntelName[]
  /** Works on header and body before they are signed. */
  readonly edit?: (signed: Bytes) => Bytes
  /** What stands behind the quote. */
  readonly trailing?: Bytes
}

export interface QuoteRequest extends TdxMeasurement {
  /** 64 bytes. */
  readonly reportData: Bytes
  /** 48 bytes as hexadecimal; zeros unless given. */
  readonly mrConfigId?: string
  readonly faults?: QuoteFaults
}

const zeros = (length: number) => new Uint8Array(length)

/** Throws {@link SimulatorError} `report-data-invalid` or `register-invalid` on fields of another length. */
export async function buildQuote(seed: Bytes, pki: Pki<IntelName>, request: QuoteRequest): Promise<Bytes> {
  const { faults = {} } = request
  const attestationKey = deriveKey(seed, 'fairweight/simulator/intel/attestation-key/v1', 'P-256')
  const keyBytes = attestationKey.point.slice(1)
  const written = concatBytes(header(), await body(request))
  const signed = faults.edit === undefined ? written : faults.edit(written)
  const quoteSigner = faults.quoteSignedBy === undefined ? attestationKey : pki.keys[faults.quoteSignedBy]
  const authData = encodeUtf8('SIMULATED by Fairweight, 32 byte')
  const keyHash = new Uint8Array(await crypto.subtle.digest('SHA-256', concatBytes(keyBytes, authData)))
  const qeReport = report(faults, faults.qeReportData ?? concatBytes(keyHash, zeros(32)))
  const chain = (faults.chain ?? ['pck', 'authority', 'root']).map((name) => pki.certificates[name])
  const outer = concatBytes(
    qeReport,
    await signFlat(pki.keys[faults.qeReportSignedBy ?? 'pck'], qeReport),
    uint16(authData.length),
    authData,
    certificationData(5, encodeUtf8(pemOf(chain))),
  )
  const section = concatBytes(await signFlat(quoteSigner, signed), keyBytes, certificationData(6, outer))
  return concatBytes(signed, uint32(section.length), section, faults.trailing ?? zeros(0))
}

function header(): Bytes {
  const vendor = decodeHex('939a7233f79c4ca9940a0db3957f0607')
  return concatBytes(uint16(4), uint16(2), uint32(0x81), zeros(4), vendor, zeros(20))
}

async function body({ mrTd, rtmr, reportData, mrConfigId, faults = {} }: QuoteRequest): Promise<Bytes> {
  if (reportData.length !== 64) {
    throw new SimulatorError('report-data-invalid', `report data has ${reportData.length} bytes, not 64`)
  }
  const module = await crypto.subtle.digest('SHA-384', encodeUtf8('fairweight/simulated-tdx-module/v1'))
  return concatBytes(
    Uint8Array.from(faults.teeTcbSvn ?? platform.teeTcbSvn),
    new Uint8Array(module),
    register(faults.mrSignerSeam),
    decodeHex(faults.seamAttributes ?? '0000000000000000'),
    // SEPT_VE_DISABLE, as every sound guest asks for.
    decodeHex(faults.tdAttributes ?? '0000001000000000'),
    decodeHex('e702060000000000'),
    register(mrTd),
    register(mrConfigId),
    zeros(96),
    ...rtmr.map(register),
    reportData,
  )
}

function register(hex = '00'.repeat(48)): Bytes {
  const bytes = decodeHex(hex)
  if (bytes.length !== 48)
    throw new SimulatorError('register-invalid', `a register has ${bytes.length} bytes, not 48`)
  return bytes
}

/** The quoting enclave's own report (Intel SDM, REPORT structure). */
function report({ qe: changes }: QuoteFaults, reportData: Bytes): Bytes {
  const qe = { ...platform.qe, miscSelect: '00000000', ...changes }
  return concatBytes(
    Uint8Array.from(platform.components),
    decodeHex(qe.miscSelect),
    zeros(28),
    decodeHex(qe.attributes),
    zeros(64),
    decodeHex(qe.mrSigner),
    zeros(96),
    uint16(qe.isvProdId),
    uint16(qe.isvSvn),
    zeros(60),
    reportData,
  )
}

const certificationData = (kind: number, data: Bytes) => concatBytes(uint16(kind), uint32(data.length), data)

const uint16 = (value: number): Bytes => Uint8Array.of(value, value >> 8)
const uint32 = (value: number): Bytes => Uint8Array.of(value, value >> 8, value >> 16, value >> 24)

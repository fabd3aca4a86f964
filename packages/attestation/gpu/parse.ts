/**
 * NVIDIA GPU evidence: an SPDM 1.1 measurement request and its answer (DMTF DSP0274), bytes to
 * fields. Integers are little-endian.
 *
 * The signature's place is computed from the lengths before it. Some drivers return a zero byte behind
 * it, so zeros may follow and nothing else.
 */
import { encodeHex, type Bytes } from '#bytes'
import { AttestationError } from '../errors.ts'

const spdmLayout = {
  version: 0x11,
  getMeasurements: 0xe0,
  measurements: 0x60,
  /** GET_MEASUREMENTS asks for every block, and for a signature. */
  allBlocks: 0xff,
  signatureRequested: 0x01,
  request: 37,
  nonce: 32,
  signature: 96,
  /** DMTF measurement specification. */
  dmtf: 1,
  digest: 48,
  hopperBlocks: 64,
} as const

/** Kinds of NVIDIA's opaque data that are read here. */
export const opaqueKind = {
  driverVersion: 3,
  vbiosVersion: 6,
  nvdec0: 11,
  boardId: 14,
  chipSku: 15,
  project: 17,
  projectSku: 18,
  fwid: 20,
  featureFlag: 36,
} as const

export interface GpuReport {
  /** Request and answer up to the signature: what the GPU signs. */
  readonly signed: Bytes
  readonly signature: Bytes
  readonly nonce: Bytes
  /** SHA-384 values in the order of their index, from 1. */
  readonly measurements: readonly string[]
  readonly opaque: ReadonlyMap<number, Bytes>
}

export function parseGpuReport(bytes: Bytes): GpuReport {
  const reader = new SpdmReader(bytes)
  const nonce = parseRequest(reader)
  demandByte(reader.uint8(), spdmLayout.version, 'SPDM version of the answer')
  demandByte(reader.uint8(), spdmLayout.measurements, 'code of the answer')
  reader.take(2)
  const count = reader.uint8()
  const record = reader.part(reader.uint24())
  const measurements = parseBlocks(record, count)
  reader.take(spdmLayout.nonce)
  const opaque = parseOpaque(reader.part(reader.uint16()))
  const signed = reader.sofar()
  const signature = reader.take(spdmLayout.signature)
  reader.endInZeros()
  return { signed, signature, nonce, measurements, opaque }
}

function parseRequest(reader: SpdmReader): Bytes {
  demandByte(reader.uint8(), spdmLayout.version, 'SPDM version of the request')
  demandByte(reader.uint8(), spdmLayout.getMeasurements, 'code of the request')
  demandByte(reader.uint8(), spdmLayout.signatureRequested, 'attribute of the request')
  demandByte(reader.uint8(), spdmLayout.allBlocks, 'operation of the request')
  const nonce = reader.take(spdmLayout.nonce)
  reader.take(1)
  return nonce
}

/** Blocks stand in the order of their index, so that none can be left out or given twice. */
function parseBlocks(record: SpdmReader, count: number): readonly string[] {
  if (count !== spdmLayout.hopperBlocks) throw invalid(`${count} measurement blocks are not 64`)
  const measurements: string[] = []
  for (let index = 1; index <= count; index += 1) {
    demandByte(record.uint8(), index, 'index of a block')
    demandByte(record.uint8(), spdmLayout.dmtf, 'specification of a block')
    const block = record.part(record.uint16())
    block.uint8()
    const value = block.take(block.uint16())
    block.end()
    if (value.length !== spdmLayout.digest)
      throw invalid(`block ${index} holds ${value.length} bytes, not 48`)
    measurements.push(encodeHex(value))
  }
  record.end()
  return measurements
}

function parseOpaque(section: SpdmReader): ReadonlyMap<number, Bytes> {
  const fields = new Map<number, Bytes>()
  while (section.more) {
    const kind = section.uint16()
    if (fields.has(kind)) throw invalid(`opaque field ${kind} stands twice`)
    fields.set(kind, section.take(section.uint16()))
  }
  return fields
}

function demandByte(found: number, expected: number, what: string): void {
  if (found !== expected) throw invalid(`${what} is ${found}, not ${expected}`)
}

/** Takes what is there, in order; asking for more than is left is a refusal. */
class SpdmReader {
  readonly #bytes: Bytes
  #at = 0

  constructor(bytes: Bytes) {
    this.#bytes = bytes
  }

  get more(): boolean {
    return this.#at < this.#bytes.length
  }

  take(length: number): Bytes {
    const end = this.#at + length
    if (end > this.#bytes.length) throw invalid('the evidence is cut off')
    const part = this.#bytes.subarray(this.#at, end)
    this.#at = end
    return part
  }

  part(length: number): SpdmReader {
    return new SpdmReader(this.take(length))
  }

  uint8(): number {
    return this.#number(1)
  }

  uint16(): number {
    return this.#number(2)
  }

  uint24(): number {
    return this.#number(3)
  }

  sofar(): Bytes {
    return this.#bytes.subarray(0, this.#at)
  }

  end(): void {
    if (this.more) throw invalid('bytes follow where the evidence should end')
  }

  endInZeros(): void {
    if (this.#bytes.subarray(this.#at).some((byte) => byte !== 0)) throw invalid('bytes follow the signature')
  }

  #number(octets: number): number {
    return this.take(octets).reduceRight((sum, byte) => sum * 256 + byte, 0)
  }
}

const invalid = (message: string) => new AttestationError('gpu-evidence-invalid', message)

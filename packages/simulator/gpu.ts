/** A GPU like NVIDIA's H100: five P-384 certificates and signed SPDM measurements in NVIDIA's layout. */
import type { GpuEvidence } from '#attestation'
import { concatBytes, decodeHex, encodeBase64, encodeHex, encodeUtf8, type Bytes } from '#bytes'
import {
  buildPki,
  derExtension,
  derPublicKey,
  pemOf,
  type CertificateFaults,
  type CertificatePlan,
  type Pki,
} from './certificates.ts'
import { derInteger, derOctets, derOid, derSequence } from './der.ts'
import { SimulatorError } from './errors.ts'
import { firmware, measuredDigest, simulatedDigest } from './firmware.ts'
import { deriveKey, signFlat } from './keys.ts'

/** `stranger` is a root of the same name with another key. */
export type NvidiaName = 'root' | 'identity' | 'provisioner' | 'rom' | 'leaf' | 'stranger'

/** What is to be wrong in a report, though correctly signed unless it says otherwise. */
export interface GpuFaults {
  readonly signedBy?: NvidiaName
  readonly chain?: readonly NvidiaName[]
  /** 48 bytes as hexadecimal; null leaves the field out, as early drivers do. */
  readonly fwid?: string | null
  /** Opaque fields that replace or join the usual ones; null leaves one out. */
  readonly opaque?: ReadonlyMap<number, Bytes | null>
  readonly blocks?: number
  /** Values by index from 0 that replace the usual ones. */
  readonly measured?: ReadonlyMap<number, Bytes>
  /** Works on the finished exchange before it is signed. */
  readonly edit?: (exchange: Bytes) => Bytes
  /** What stands behind the signature. */
  readonly trailing?: Bytes
}

export interface GpuRequest {
  /** 32 bytes. */
  readonly nonce: Bytes
  readonly faults?: GpuFaults
}

const fwid = simulatedDigest('gpu-firmware')

export async function buildNvidiaPki(
  seed: Bytes,
  faults: CertificateFaults<NvidiaName> = {},
): Promise<Pki<NvidiaName>> {
  const key = (name: NvidiaName) => deriveKey(seed, `fairweight/simulator/nvidia/${name}/v1`, 'P-384')
  const keys = {
    root: key('root'),
    identity: key('identity'),
    provisioner: key('provisioner'),
    rom: key('rom'),
    leaf: key('leaf'),
    stranger: key('stranger'),
  }
  const leafExtensions = [compositeDeviceId(derPublicKey(keys.rom), await fwid)]
  return buildPki(keys, { ...plans, leaf: { ...plans.leaf, extensions: leafExtensions } }, faults)
}

const validity = { notBefore: new Date('2020-01-01T00:00:00Z'), notAfter: new Date('9999-12-31T23:59:59Z') }
const authority = { ...validity, ca: true, usage: ['certificates', 'crls'], extensions: [] } as const

const plans: { readonly [name in NvidiaName]: CertificatePlan<NvidiaName> } = {
  root: { ...authority, commonName: 'NVIDIA Device Identity CA (SIMULATED by Fairweight)', issuer: 'root' },
  identity: { ...authority, commonName: 'NVIDIA GH100 Identity (SIMULATED by Fairweight)', issuer: 'root' },
  provisioner: {
    ...authority,
    commonName: 'NVIDIA GH100 Provisioner ICA 1 (SIMULATED by Fairweight)',
    issuer: 'identity',
  },
  rom: { ...authority, commonName: 'GH100 A01 GSP BROM (SIMULATED by Fairweight)', issuer: 'provisioner' },
  leaf: {
    ...validity,
    ca: false,
    usage: ['signatures'],
    extensions: [],
    commonName: 'GH100 A01 GSP FMC LF (SIMULATED by Fairweight)',
    issuer: 'rom',
  },
  stranger: {
    ...authority,
    commonName: 'NVIDIA Device Identity CA (SIMULATED by Fairweight)',
    issuer: 'stranger',
  },
}

/** The composite device id as Hopper writes it: version, device key, firmware digest. */
function compositeDeviceId(deviceKey: Bytes, digest: Bytes): Bytes {
  const value = derSequence(derOid('2.16.840.1.101.3.4.2.2'), derOctets(digest))
  return derExtension('2.23.133.5.4.1', derSequence(derInteger(1), deviceKey, value))
}

/** Throws {@link SimulatorError} `nonce-invalid` unless the nonce has 32 bytes. */
export async function buildGpuEvidence(
  pki: Pki<NvidiaName>,
  { nonce, faults = {} }: GpuRequest,
): Promise<GpuEvidence> {
  if (nonce.length !== 32)
    throw new SimulatorError('nonce-invalid', `a nonce has ${nonce.length} bytes, not 32`)
  const chain = faults.chain ?? ['leaf', 'rom', 'provisioner', 'identity', 'root']
  const exchange = concatBytes(request(nonce), await answer(nonce, faults))
  const signed = faults.edit === undefined ? exchange : faults.edit(exchange)
  const signature = await signFlat(pki.keys[faults.signedBy ?? 'leaf'], signed)
  return {
    arch: 'HOPPER',
    nonce: encodeHex(nonce),
    evidence: encodeBase64(concatBytes(signed, signature, faults.trailing ?? new Uint8Array(0))),
    certificate: encodeBase64(encodeUtf8(pemOf(chain.map((name) => pki.certificates[name])))),
  }
}

const request = (nonce: Bytes) => concatBytes(Uint8Array.of(0x11, 0xe0, 0x01, 0xff), nonce, Uint8Array.of(0))

async function answer(nonce: Bytes, faults: GpuFaults): Promise<Bytes> {
  const blocks: Bytes[] = []
  for (let index = 1; index <= (faults.blocks ?? 64); index += 1) {
    const value = faults.measured?.get(index - 1) ?? (await measuredDigest(index - 1))
    blocks.push(concatBytes(Uint8Array.of(index, 1), uint16(51), Uint8Array.of(1), uint16(48), value))
  }
  const record = concatBytes(...blocks)
  const opaque = await opaqueFields(faults)
  const gpuNonce = new Uint8Array(await crypto.subtle.digest('SHA-256', nonce))
  return concatBytes(
    Uint8Array.of(0x11, 0x60, 0, 0, blocks.length),
    uint16(record.length),
    Uint8Array.of(record.length >> 16),
    record,
    gpuNonce,
    uint16(opaque.length),
    opaque,
  )
}

async function opaqueFields(faults: GpuFaults): Promise<Bytes> {
  const text = (value: string) => encodeUtf8(`${value}\0`)
  const certified =
    faults.fwid === undefined ? await fwid : faults.fwid === null ? null : decodeHex(faults.fwid)
  const fields = new Map<number, Bytes | null>([
    [3, text(firmware.driver)],
    [6, decodeHex(firmware.vbiosBytes)],
    [11, Uint8Array.of(0x55)],
    [14, decodeHex('00000000')],
    [15, text(firmware.chipSku)],
    [17, text(firmware.project)],
    [18, text(firmware.projectSku)],
    [20, certified],
    [36, uint16(0)],
    ...(faults.opaque ?? []),
  ])
  const present = [...fields].filter((field): field is [number, Bytes] => field[1] !== null)
  return concatBytes(...present.flatMap(([kind, value]) => [uint16(kind), uint16(value.length), value]))
}

const uint16 = (value: number): Bytes => Uint8Array.of(value, value >> 8)

/**
 * Reference integrity manifests like NVIDIA's, for the GPU that is simulated: driver's and VBIOS's file under
 * a test root of its own, in the layout of the genuine files.
 *
 * Signing needs the canonical text of what is signed. It is written here beside the file's own text, from one
 * description, so that the verifier's canonical form is checked against another one.
 */
import type { Rim } from '#attestation'
import { encodeBase64, encodeHex, encodeUtf8, type Bytes } from '#bytes'
import { buildPki, type CertificateFaults, type CertificatePlan, type Pki } from './certificates.ts'
import { firmware, measuredDigest, simulatedDigest } from './firmware.ts'
import { deriveKey, signFlat } from './keys.ts'
import { markup, type Markup } from './markup.ts'

/** `stranger` is a root of the same name with another key. */
export type RimName = 'root' | 'authority' | 'issuer' | 'signer' | 'stranger'

/** What is to be wrong in a file, though correctly signed unless it says otherwise. */
export interface RimFaults {
  readonly signedBy?: RimName
  readonly chain?: readonly RimName[]
  readonly version?: string
  /** Indices that count, instead of the usual ones. */
  readonly active?: readonly number[]
  /** Values by index, instead of the measured one; in the order in which they are named. */
  readonly values?: ReadonlyMap<number, readonly string[]>
  /** Works on the manifest before it is signed. */
  readonly editContent?: (content: Markup) => Markup
  /** Works on SignedInfo before it is signed. */
  readonly editSignedInfo?: (info: Markup) => Markup
  /** Works on the file's text after it is signed. */
  readonly edit?: (text: string) => string
}

export interface RimsFaults {
  readonly certificates?: CertificateFaults<RimName>
  readonly driver?: RimFaults
  readonly vbios?: RimFaults
}

const day = 86_400_000

/** Signers' certificates last two years, as NVIDIA's do: from a year before `at` to a year after. */
export async function buildRimPki(
  seed: Bytes,
  at: Date,
  faults: CertificateFaults<RimName> = {},
): Promise<Pki<RimName>> {
  const key = (name: RimName) => deriveKey(seed, `fairweight/simulator/nvidia-rim/${name}/v1`, 'P-384')
  const keys = {
    root: key('root'),
    authority: key('authority'),
    issuer: key('issuer'),
    signer: key('signer'),
    stranger: key('stranger'),
  }
  const signer = {
    ...plans.signer,
    notBefore: new Date(at.getTime() - 365 * day),
    notAfter: new Date(at.getTime() + 365 * day),
  }
  return buildPki(keys, { ...plans, signer }, faults)
}

const validity = { notBefore: new Date('2020-01-01T00:00:00Z'), notAfter: new Date('2099-12-31T23:59:59Z') }
const authority = { ...validity, ca: true, usage: ['certificates', 'crls'], extensions: [] } as const
const rootName = 'NVIDIA CoRIM signing Root CA (SIMULATED by Fairweight)'

const plans: { readonly [name in RimName]: CertificatePlan<RimName> } = {
  root: { ...authority, commonName: rootName, issuer: 'root' },
  authority: {
    ...authority,
    commonName: 'NVIDIA Reference Value GH100 CA (SIMULATED by Fairweight)',
    issuer: 'root',
  },
  issuer: {
    ...authority,
    pathLength: 0,
    commonName: 'NVIDIA Reference Value L3 GH100 001 (SIMULATED by Fairweight)',
    issuer: 'authority',
  },
  signer: {
    ...validity,
    ca: false,
    usage: ['signatures'],
    extensions: [],
    commonName: 'HCC RIM L4 Signer (SIMULATED by Fairweight)',
    issuer: 'issuer',
  },
  stranger: { ...authority, commonName: rootName, issuer: 'stranger' },
}

/** Driver's and VBIOS's file, named as NVIDIA's service names them. */
export async function buildRims(pki: Pki<RimName>, faults: RimsFaults = {}): Promise<readonly Rim[]> {
  const rim = async (part: 'driver' | 'vbios', id: string) => ({
    id,
    rim: encodeBase64(encodeUtf8(await buildRim(pki, part, faults[part] ?? {}))),
  })
  return [await rim('driver', firmware.driverRim), await rim('vbios', firmware.vbiosRim)]
}

const indices = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, place) => from + place)

/** Which measurements each file speaks for: those of the genuine files for Hopper. */
const usualActive = {
  driver: [7, ...indices(21, 40)],
  vbios: [...indices(0, 6), ...indices(8, 12)],
} as const

async function buildRim(pki: Pki<RimName>, part: 'driver' | 'vbios', faults: RimFaults): Promise<string> {
  const plain = await contentOf(part, faults)
  const content = faults.editContent?.(plain) ?? plain
  const digest = await crypto.subtle.digest('SHA-384', encodeUtf8(markup.canonical(content)))
  const info = signedInfo(new Uint8Array(digest))
  const edited = faults.editSignedInfo?.(info) ?? info
  // SignedInfo stands inside the root and the signature, and declares what both do.
  const inherited = [...(content.declarations ?? []), ['ds', dsig] as const]
  const signed = markup.canonical({ ...edited, declarations: inherited })
  const signature = await signFlat(pki.keys[faults.signedBy ?? 'signer'], encodeUtf8(signed))
  const chain = faults.chain ?? ['signer', 'issuer', 'authority', 'root']
  const envelope = signatureOf(
    edited,
    signature,
    chain.map((name) => pki.certificates[name]),
  )
  const text = `${markup.text({ ...content, children: [...(content.children ?? []), envelope] })}\n`
  return faults.edit?.(text) ?? text
}

const swid = 'http://standards.iso.org/iso/19770/-2/2015/schema.xsd'
const sha384 = 'http://www.w3.org/2001/04/xmlenc#sha384'
const tcg =
  'https://trustedcomputinggroup.org/resource/tcg-reference-integrity-manifest-rim-information-model/'
const dsig = 'http://www.w3.org/2000/09/xmldsig#'

async function contentOf(part: 'driver' | 'vbios', faults: RimFaults): Promise<Markup> {
  const version = faults.version ?? firmware[part]
  const active = new Set<number>(faults.active ?? usualActive[part])
  const resources: Markup[] = []
  for (const index of indices(0, 63)) resources.push(await resourceOf(index, active.has(index), faults))
  return {
    name: 'SoftwareIdentity',
    declarations: [
      ['', swid],
      ['ns0', swid],
      ['ns2', sha384],
    ],
    attributes: [
      ['corpus', 'false'],
      ['name', 'GH100'],
      ['patch', 'false'],
      ['supplemental', 'false'],
      ['tagId', encodeHex(await simulatedDigest(`tag/GH100_${version}`))],
      ['version', '1.0'],
      ['tagVersion', '0'],
    ],
    children: [
      '\n    ',
      {
        name: 'ns0:Entity',
        attributes: [
          ['name', manufacturer],
          ['role', 'softwareCreator tagCreator'],
        ],
      },
      '\n    ',
      metaOf(version),
      '\n    ',
      {
        name: 'ns0:Payload',
        declarations: [['SHA384', sha384]],
        children: [...resources.flatMap((one) => ['\n        ', one]), '\n    '],
      },
      '\n',
    ],
  }
}

const manufacturer = 'NVIDIA Corporation (SIMULATED by Fairweight)'

const metaOf = (version: string): Markup => ({
  name: 'ns0:Meta',
  declarations: [['ns1', tcg]],
  attributes: [
    ['colloquialVersion', version],
    ['edition', 'GPU'],
    ['product', 'GH100'],
    ['revision', 'r1'],
    ['PayloadType', 'direct'],
    ['ns1:BindingSpec', 'RIMIM'],
    ['ns1:BindingSpecVersion', '1.01'],
    ['ns1:PlatformManufacturerId', '5703'],
    ['ns1:PlatformManufacturerStr', manufacturer],
    ['ns1:PlatformModel', 'GH100'],
    ['ns1:FirmwareManufacturer', manufacturer],
    ['ns1:FirmwareManufacturerId', '5703'],
  ],
})

async function resourceOf(index: number, active: boolean, faults: RimFaults): Promise<Markup> {
  const allowed = faults.values?.get(index) ?? (active ? await allowedValues(index) : ['0'.repeat(96)])
  return {
    name: 'ns0:Resource',
    attributes: [
      ['type', 'Measurement'],
      ['index', String(index)],
      ['active', active ? 'True' : 'False'],
      ['alternatives', String(allowed.length)],
      ...allowed.map((value, place) => [`ns2:Hash${place}`, value] as const),
      ['name', `Measurement_${index}`],
      ['size', '48'],
    ],
  }
}

/** What this GPU measures, and now and then another value that would be as good. */
async function allowedValues(index: number): Promise<readonly string[]> {
  const measured = encodeHex(await measuredDigest(index))
  if (index % 10 !== 2) return [measured]
  return [encodeHex(await simulatedDigest(`gpu-block/${index}/other`)), measured]
}

const algorithm = (name: string, value: string): Markup => ({
  name: `ds:${name}`,
  attributes: [['Algorithm', value]],
})
const parent = (name: string, ...children: readonly (Markup | string)[]): Markup => ({
  name: `ds:${name}`,
  children,
})

function signedInfo(digest: Bytes): Markup {
  return parent(
    'SignedInfo',
    algorithm('CanonicalizationMethod', 'http://www.w3.org/2006/12/xml-c14n11'),
    algorithm('SignatureMethod', 'http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384'),
    {
      name: 'ds:Reference',
      attributes: [['URI', '']],
      children: [
        parent(
          'Transforms',
          algorithm('Transform', 'http://www.w3.org/2000/09/xmldsig#enveloped-signature'),
          algorithm('Transform', 'http://www.w3.org/2006/12/xml-c14n11'),
        ),
        algorithm('DigestMethod', 'http://www.w3.org/2001/04/xmldsig-more#sha384'),
        parent('DigestValue', encodeBase64(digest)),
      ],
    },
  )
}

function signatureOf(info: Markup, signature: Bytes, certificates: readonly Bytes[]): Markup {
  const lines = (bytes: Bytes) => encodeBase64(bytes).replaceAll(/.{64}(?=.)/g, '$&\n')
  const data = certificates.map((der) => parent('X509Certificate', `${lines(der)}\n`))
  return {
    ...parent(
      'Signature',
      info,
      parent('SignatureValue', encodeBase64(signature)),
      parent('KeyInfo', parent('X509Data', ...data)),
    ),
    declarations: [['ds', dsig]],
  }
}

/** Certificates and CRLs (RFC 5280) under test keys, with every field open to a wrong value. */
import { concatBytes, encodeBase64, encodeUtf8, sha256, type Bytes } from '#bytes'
import {
  derBits,
  derElement,
  derExplicit,
  derInteger,
  derNamedBits,
  derOctets,
  derOid,
  derSequence,
  derSet,
  derTime,
  derTrue,
  derUtf8,
} from './der.ts'
import { signDer, type SimulatedKey } from './keys.ts'

export type KeyUsage = 'signatures' | 'certificates' | 'crls'

/** What one certificate of a chain says. `Name` is what its chain calls the certificates in it. */
export interface CertificatePlan<Name extends string> {
  readonly commonName: string
  /** Whose name stands as issuer. */
  readonly issuer: Name
  /** Whose key signs; the issuer's unless something is to go wrong. */
  readonly signer?: Name
  /** Whose key stands as authority key; the issuer's unless something is to go wrong. */
  readonly authorityKey?: Name
  /** 2 stands for version 3. */
  readonly version?: number
  readonly serial?: Bytes
  /** The key that is certified, instead of the one that belongs to the name. */
  readonly key?: SimulatedKey
  readonly notBefore: Date
  readonly notAfter: Date
  readonly ca: boolean
  readonly pathLength?: number
  readonly usage: readonly KeyUsage[]
  /** Further extensions, as `derExtension` makes them. */
  readonly extensions: readonly Bytes[]
}

export type CertificateFaults<Name extends string> = {
  readonly [name in Name]?: Partial<CertificatePlan<Name>>
}

export interface Pki<Name extends string> {
  readonly keys: Readonly<Record<Name, SimulatedKey>>
  readonly certificates: Readonly<Record<Name, Bytes>>
  readonly subjectOf: (name: Name) => Bytes
  readonly serialOf: (name: Name) => Bytes
}

export async function buildPki<Name extends string>(
  ownKeys: Readonly<Record<Name, SimulatedKey>>,
  plans: Readonly<Record<Name, CertificatePlan<Name>>>,
  faults: CertificateFaults<Name>,
): Promise<Pki<Name>> {
  const names = Object.keys(plans) as Name[]
  const planOf = (name: Name): CertificatePlan<Name> => ({ ...plans[name], ...faults[name] })
  const keys: Record<Name, SimulatedKey> = { ...ownKeys }
  for (const name of names) keys[name] = planOf(name).key ?? ownKeys[name]
  const subjectOf = (name: Name) => derName(planOf(name).commonName)
  const serialOf = (name: Name) => planOf(name).serial ?? serialNumber(keys[name], planOf(name).commonName)
  const certificates: Partial<Record<Name, Bytes>> = {}
  for (const name of names) {
    const plan = planOf(name)
    certificates[name] = await signed(keys[plan.signer ?? plan.issuer], (algorithm) =>
      derSequence(
        derExplicit(0, derInteger(plan.version ?? 2)),
        derInteger(serialOf(name)),
        algorithm,
        subjectOf(plan.issuer),
        derSequence(derTime(plan.notBefore), derTime(plan.notAfter)),
        subjectOf(name),
        derPublicKey(keys[name]),
        derExplicit(
          3,
          derSequence(
            ...standardExtensions(plan, keys[name], keys[plan.authorityKey ?? plan.issuer]),
            ...plan.extensions,
          ),
        ),
      ),
    )
  }
  return { keys, certificates: certificates as Readonly<Record<Name, Bytes>>, subjectOf, serialOf }
}

function standardExtensions<Name extends string>(
  plan: CertificatePlan<Name>,
  subject: SimulatedKey,
  authority: SimulatedKey,
): readonly Bytes[] {
  const pathLength = plan.pathLength === undefined ? [] : [derInteger(plan.pathLength)]
  const bits = { signatures: 0, certificates: 5, crls: 6 } as const
  return [
    derExtension('2.5.29.35', derSequence(derElement(0x80, authority.keyId))),
    derExtension('2.5.29.14', derOctets(subject.keyId)),
    derExtension('2.5.29.15', derNamedBits(plan.usage.map((usage) => bits[usage])), 'critical'),
    derExtension('2.5.29.19', plan.ca ? derSequence(derTrue, ...pathLength) : derSequence(), 'critical'),
  ]
}

export function derExtension(oid: string, value: Bytes, critical?: 'critical'): Bytes {
  return derSequence(derOid(oid), ...(critical === undefined ? [] : [derTrue]), derOctets(value))
}

export interface CrlPlan {
  readonly issuer: Bytes
  readonly signer: SimulatedKey
  /** Whose key stands as authority key. */
  readonly authority: SimulatedKey
  readonly thisUpdate: Date
  readonly nextUpdate: Date
  readonly revoked: readonly Bytes[]
  readonly extensions: readonly Bytes[]
}

export async function buildCrl(plan: CrlPlan): Promise<Bytes> {
  const entries = plan.revoked.map((serial) => derSequence(derInteger(serial), derTime(plan.thisUpdate)))
  return signed(plan.signer, (algorithm) =>
    derSequence(
      derInteger(1),
      algorithm,
      plan.issuer,
      derTime(plan.thisUpdate),
      derTime(plan.nextUpdate),
      ...(entries.length === 0 ? [] : [derSequence(...entries)]),
      derExplicit(
        0,
        derSequence(
          derExtension('2.5.29.20', derInteger(1)),
          derExtension('2.5.29.35', derSequence(derElement(0x80, plan.authority.keyId))),
          ...plan.extensions,
        ),
      ),
    ),
  )
}

export function pemOf(certificates: readonly Bytes[]): string {
  return certificates
    .map((der) => encodeBase64(der).replaceAll(/.{64}(?=.)/g, '$&\n'))
    .map((text) => `-----BEGIN CERTIFICATE-----\n${text}\n-----END CERTIFICATE-----\n`)
    .join('')
}

const curveOids = { 'P-256': '1.2.840.10045.3.1.7', 'P-384': '1.3.132.0.34' } as const

export function derPublicKey({ curve, point }: SimulatedKey): Bytes {
  return derSequence(derSequence(derOid('1.2.840.10045.2.1'), derOid(curveOids[curve])), derBits(point))
}

const signatureOids = { 'P-256': '1.2.840.10045.4.3.2', 'P-384': '1.2.840.10045.4.3.3' } as const

async function signed(key: SimulatedKey, body: (algorithm: Bytes) => Bytes): Promise<Bytes> {
  const algorithm = derSequence(derOid(signatureOids[key.curve]))
  const content = body(algorithm)
  return derSequence(content, algorithm, derBits(await signDer(key, content)))
}

/** Every name carries the organisation, so that no simulated certificate can be read as a vendor's. */
function derName(commonName: string): Bytes {
  const attribute = (oid: string, value: string) => derSet(derSequence(derOid(oid), derUtf8(value)))
  return derSequence(attribute('2.5.4.3', commonName), attribute('2.5.4.10', 'SIMULATED by Fairweight'))
}

function serialNumber(key: SimulatedKey, commonName: string): Bytes {
  const serial = sha256(concatBytes(key.point, encodeUtf8(commonName))).slice(0, 16)
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40
  return serial
}

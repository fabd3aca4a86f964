/**
 * The content of a reference integrity manifest: a software identity tag (ISO/IEC 19770-2) in the profile
 * of the TCG RIM Information Model, with a measurement's allowed values in each of its resources.
 *
 * It is read from the canonical text that the signature covers, so no other part of a file can lend it values.
 */
import { AttestationError } from '../errors.ts'
import { readXml, type XmlElement } from '../xml/reader.ts'
import { attributesOf, childrenOf, demandName, elementsOf } from '../xml/shape.ts'

export interface Manifest {
  /** Of the driver or the VBIOS. */
  readonly version: string
  /** Allowed SHA-384 values by index from 0, of the measurements that count. */
  readonly values: ReadonlyMap<number, readonly string[]>
}

const swid = <Name extends string>(name: Name) =>
  `{http://standards.iso.org/iso/19770/-2/2015/schema.xsd}${name}` as const
const tcg = <Name extends string>(name: Name) =>
  `{https://trustedcomputinggroup.org/resource/tcg-reference-integrity-manifest-rim-information-model/}${name}` as const
const sha384 = <Name extends string>(name: Name) =>
  `{http://www.w3.org/2001/04/xmlenc#sha384}${name}` as const

const measurements = 64
const maxAlternatives = 16

/** Throws {@link AttestationError} `rim-invalid` or `xml-invalid` unless this is a manifest of a Hopper GPU. */
export function readManifest(text: string): Manifest {
  const root = readXml(text)
  demandName(root, swid('SoftwareIdentity'))
  const tag = attributesOf(root, 'corpus', 'name', 'patch', 'supplemental', 'tagId', 'tagVersion', 'version')
  expect(tag.name === 'GH100', `the tag is of ${tag.name}, not GH100`)
  // Other kinds of tag add to a manifest or change it, and would have to be read together with it.
  const whole = [tag.corpus, tag.patch, tag.supplemental].every((flag) => flag === 'false')
  expect(whole, 'the tag is no manifest of its own')
  const [entity, meta, payload] = childrenOf(root, swid('Entity'), swid('Meta'), swid('Payload'))
  attributesOf(entity, 'name', 'role')
  const version = readMeta(meta)
  attributesOf(payload)
  const values = readResources(elementsOf(payload))
  expect(values.size > 0, 'no measurement counts')
  for (const leaf of [entity, meta]) expect(leaf.children.length === 0, `${leaf.qualifiedName} is not empty`)
  return { version, values }
}

function readMeta(meta: XmlElement): string {
  const { colloquialVersion, edition, product } = attributesOf(
    meta,
    'PayloadType',
    'colloquialVersion',
    'edition',
    'product',
    'revision',
    tcg('BindingSpec'),
    tcg('BindingSpecVersion'),
    tcg('FirmwareManufacturer'),
    tcg('FirmwareManufacturerId'),
    tcg('PlatformManufacturerId'),
    tcg('PlatformManufacturerStr'),
    tcg('PlatformModel'),
  )
  expect(edition === 'GPU' && product === 'GH100', `the manifest is of ${edition} ${product}, not GPU GH100`)
  return colloquialVersion
}

/** Each index stands once and in order, so that none can be left out or given twice. */
function readResources(resources: readonly XmlElement[]): ReadonlyMap<number, readonly string[]> {
  expect(resources.length === measurements, `${resources.length} measurements are not 64`)
  const values = new Map<number, readonly string[]>()
  for (const [index, resource] of resources.entries()) {
    const { active, alternatives } = readResource(resource, index)
    if (active) values.set(index, alternatives)
  }
  return values
}

function readResource(resource: XmlElement, index: number) {
  demandName(resource, swid('Resource'))
  expect(resource.children.length === 0, `measurement ${index} is not empty`)
  const hashes = resource.attributes.filter(({ expandedName }) => expandedName.startsWith(sha384('Hash')))
  expect(
    hashes.length >= 1 && hashes.length <= maxAlternatives,
    `measurement ${index} has ${hashes.length} values`,
  )
  const names = hashes.map((_, place) => sha384(`Hash${place}`))
  const found = attributesOf(resource, 'active', 'alternatives', 'index', 'name', 'size', 'type', ...names)
  expect(found.index === String(index), `measurement ${found.index} stands where ${index} belongs`)
  expect(found.type === 'Measurement' && found.size === '48', `measurement ${index} is no SHA-384 value`)
  expect(found.alternatives === String(hashes.length), `measurement ${index} counts its values wrongly`)
  expect(
    found.active === 'True' || found.active === 'False',
    `measurement ${index} is neither active nor not`,
  )
  const alternatives = names.map((name) => found[name] ?? '')
  for (const value of alternatives)
    expect(/^[0-9a-f]{96}$/.test(value), `a value of measurement ${index} is no digest`)
  return { active: found.active === 'True', alternatives }
}

function expect(condition: boolean, message: string): asserts condition {
  if (!condition) throw new AttestationError('rim-invalid', message)
}

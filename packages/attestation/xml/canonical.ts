/**
 * Canonical XML 1.1, inclusive and without comments (W3C xml-c14n11): the one text of a document or of an
 * element in it, which digests and signatures cover.
 *
 * The reader has refused what most of that standard is about (references, `xml:` attributes, line ends
 * other than \n), so no character needs escaping. What is left is the order of things.
 */
import type { XmlAttribute, XmlElement } from './reader.ts'

/** The text of `element`, without its descendant `omitted` where one is named. */
export function canonicalText(element: XmlElement, omitted?: XmlElement): string {
  return textOf(element, new Map(), omitted)
}

/** `outer`: the namespaces that the elements around have already declared. */
function textOf(element: XmlElement, outer: XmlElement['scope'], omitted: XmlElement | undefined): string {
  const { qualifiedName, scope, attributes, children } = element
  const declarations = [...scope]
    .filter(([prefix, namespace]) => outer.get(prefix) !== namespace)
    .sort(([left], [right]) => order(left, right))
    .map(([prefix, namespace]) => ` ${prefix === '' ? 'xmlns' : `xmlns:${prefix}`}="${namespace}"`)
  const values = [...attributes]
    .sort(byName)
    .map(({ qualifiedName, value }) => ` ${qualifiedName}="${value}"`)
  const inside = children.map((child) => {
    if (child === omitted) return ''
    return typeof child === 'string' ? child : textOf(child, scope, omitted)
  })
  return `<${qualifiedName}${declarations.join('')}${values.join('')}>${inside.join('')}</${qualifiedName}>`
}

/** By namespace and then by name; those without a namespace come first (§2.3). */
function byName(left: XmlAttribute, right: XmlAttribute): number {
  const [leftNamespace, leftName] = split(left)
  const [rightNamespace, rightName] = split(right)
  return order(leftNamespace, rightNamespace) || order(leftName, rightName)
}

function split({ expandedName }: XmlAttribute): readonly [namespace: string, name: string] {
  const end = expandedName.lastIndexOf('}')
  return [expandedName.slice(1, Math.max(end, 1)), expandedName.slice(end + 1)]
}

const order = (left: string, right: string) => (left < right ? -1 : left > right ? 1 : 0)

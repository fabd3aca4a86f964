/** What an element must look like: a closed set of attributes, children in a fixed order, or text alone. */
import { AttestationError } from '../errors.ts'
import type { XmlElement } from './reader.ts'

/** Values of exactly the attributes that are named, by their expanded names. */
export function attributesOf<Name extends string>(
  element: XmlElement,
  ...names: readonly Name[]
): Readonly<Record<Name, string>> {
  const found = new Map(element.attributes.map(({ expandedName, value }) => [expandedName, value]))
  const values = names.map((name) => {
    const value = found.get(name)
    if (value === undefined) throw invalid(`${element.qualifiedName} lacks the attribute ${name}`)
    found.delete(name)
    return [name, value]
  })
  const [other] = found.keys()
  if (other !== undefined)
    throw invalid(`${element.qualifiedName} has the attribute ${other}, which is not known`)
  return Object.fromEntries(values)
}

/** All children, which are elements; white space may stand between them and no other text. */
export function elementsOf(element: XmlElement): readonly XmlElement[] {
  return element.children.filter((child): child is XmlElement => {
    if (typeof child !== 'string') return true
    if (/[^\n ]/.test(child)) throw invalid(`${element.qualifiedName} holds text beside its elements`)
    return false
  })
}

/** The children, which are one element of each name in this order. */
export function childrenOf<Names extends readonly string[]>(
  element: XmlElement,
  ...names: Names
): { readonly [place in keyof Names]: XmlElement } {
  const children = elementsOf(element)
  const fits =
    children.length === names.length && children.every((one, place) => one.expandedName === names[place])
  if (!fits)
    throw invalid(`the children of ${element.qualifiedName} are not ${names.map(shortName).join(', ')}`)
  return children as unknown as { readonly [place in keyof Names]: XmlElement }
}

/** The text that the element holds, and nothing else. */
export function textOf(element: XmlElement): string {
  const [text = '', ...others] = element.children
  if (typeof text !== 'string' || others.length > 0)
    throw invalid(`${element.qualifiedName} is not text alone`)
  return text
}

export function demandName(element: XmlElement, name: string): void {
  if (element.expandedName !== name) throw invalid(`${element.qualifiedName} is no ${shortName(name)}`)
}

const shortName = (name: string) => name.replace(/^\{.*\}/, '')

const invalid = (message: string) => new AttestationError('xml-invalid', message)

/**
 * A strict reader of XML 1.0 with namespaces, as far as signed manifests need it.
 *
 * Read are elements, attributes in double quotes, namespace declarations and plain text in printable ASCII
 * and line feeds. Everything else is refused: declarations, DTDs, entities and references, comments,
 * processing instructions, CDATA, `xml:` attributes, loose spacing in a tag. None of the genuine files
 * holds any of it, and each is a way to make two readers see two documents.
 */
import { AttestationError } from '../errors.ts'

export interface XmlAttribute {
  /** As it stands, prefix and all. */
  readonly qualifiedName: string
  /** `{namespace}name`, or the name alone where it has no namespace. */
  readonly expandedName: string
  readonly value: string
}

export interface XmlElement {
  readonly qualifiedName: string
  /** `{namespace}name`. */
  readonly expandedName: string
  /** Namespaces by prefix, the element's own and those of its ancestors; the default has the prefix ''. */
  readonly scope: Scope
  readonly attributes: readonly XmlAttribute[]
  readonly children: readonly (XmlElement | string)[]
}

type Scope = ReadonlyMap<string, string>

const limits = { characters: 131_072, depth: 8, attributes: 32 } as const

/** The root element that `text` is. Throws {@link AttestationError} `xml-invalid`. */
export function readXml(text: string): XmlElement {
  if (text.length > limits.characters) throw invalid(`the document has ${text.length} characters`)
  if (!/^[\n\x20-\x7e]*$/.test(text)) throw invalid('the document holds more than printable ASCII')
  return new XmlReader(text).document()
}

class XmlReader {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  document(): XmlElement {
    const root = this.#element(new Map(), 1)
    // A text file ends in a line feed.
    this.#take(/\n*/y)
    if (this.#at < this.#text.length) throw invalid('something follows the root element')
    return root
  }

  #element(outer: Scope, depth: number): XmlElement {
    if (depth > limits.depth) throw invalid('elements stand too deep inside each other')
    const start = this.#take(startTag)
    if (start === null) throw invalid(`no plain element stands at character ${this.#at}`)
    const [, qualifiedName = '', inside = '', empty = ''] = start
    const written = [...inside.matchAll(attribute)].map(([, name = '', value = '']) => ({ name, value }))
    if (written.length > limits.attributes) throw invalid(`${qualifiedName} has too many attributes`)
    const scope = readDeclarations(outer, written)
    const attributes = readAttributes(scope, written)
    return {
      qualifiedName,
      expandedName: expand(qualifiedName, scope, 'element'),
      scope,
      attributes,
      children: empty === '' ? this.#children(qualifiedName, scope, depth) : [],
    }
  }

  #children(parent: string, scope: Scope, depth: number): readonly (XmlElement | string)[] {
    const children: (XmlElement | string)[] = []
    for (;;) {
      const text = this.#take(/[^<>&]+/y)
      if (text !== null) children.push(text[0])
      const end = this.#take(endTag)
      if (end === null) children.push(this.#element(scope, depth + 1))
      else if (end[1] === parent) return children
      else throw invalid(`${parent} ends as ${end[1]}`)
    }
  }

  #take(form: RegExp): RegExpExecArray | null {
    form.lastIndex = this.#at
    const found = form.exec(this.#text)
    if (found !== null) this.#at = form.lastIndex
    return found
  }
}

const name = '[A-Za-z_][A-Za-z0-9._-]*'
const qualified = `${name}(?::${name})?`
const pair = ` ${qualified}="[^"<&\\n]*"`
const startTag = new RegExp(`<(${qualified})((?:${pair})*)(/?)>`, 'y')
const endTag = new RegExp(`</(${qualified})>`, 'y')
const attribute = new RegExp(` (${qualified})="([^"]*)"`, 'g')

interface Written {
  readonly name: string
  readonly value: string
}

const isDeclaration = ({ name }: Written) => name === 'xmlns' || name.startsWith('xmlns:')

function readDeclarations(outer: Scope, written: readonly Written[]): Scope {
  const own = new Map<string, string>()
  for (const one of written.filter(isDeclaration)) {
    const prefix = one.name.slice('xmlns:'.length)
    if (own.has(prefix)) throw invalid(`the prefix '${prefix}' is declared twice`)
    // Names in XML's own namespaces follow rules of their own, and an empty one takes a declaration back.
    const special =
      one.value === '' || /^http:\/\/www\.w3\.org\/(XML\/1998\/namespace|2000\/xmlns\/)$/.test(one.value)
    if (special || /^xml/i.test(prefix)) throw invalid(`the declaration ${one.name} is not used here`)
    own.set(prefix, one.value)
  }
  return own.size === 0 ? outer : new Map([...outer, ...own])
}

function readAttributes(scope: Scope, written: readonly Written[]): readonly XmlAttribute[] {
  const attributes = written
    .filter((one) => !isDeclaration(one))
    .map(({ name, value }) => ({
      qualifiedName: name,
      expandedName: expand(name, scope, 'attribute'),
      value,
    }))
  if (new Set(attributes.map(({ expandedName }) => expandedName)).size !== attributes.length) {
    throw invalid('an attribute stands twice')
  }
  return attributes
}

/** The default namespace is for elements alone (Namespaces in XML 1.0 §6.2). */
function expand(qualifiedName: string, scope: Scope, kind: 'element' | 'attribute'): string {
  const [local = '', prefix = ''] = qualifiedName.split(':').reverse()
  if (prefix === '' && kind === 'attribute') return local
  const namespace = scope.get(prefix)
  if (namespace === undefined) throw invalid(`the prefix of ${qualifiedName} is not declared`)
  return `{${namespace}}${local}`
}

const invalid = (message: string) => new AttestationError('xml-invalid', message)

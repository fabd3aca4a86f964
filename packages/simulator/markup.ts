/** Writes XML twice from one description: as NVIDIA's files spell it, and in canonical form. */

type Pair = readonly [name: string, value: string]

export interface Markup {
  /** With its prefix. */
  readonly name: string
  /** Namespaces by prefix; the default one has the prefix ''. */
  readonly declarations?: readonly Pair[]
  /** In the order of the file. Names with one prefix are of one namespace. */
  readonly attributes?: readonly Pair[]
  readonly children?: readonly (Markup | string)[]
}

const spelled = (pairs: readonly Pair[]) => pairs.map(([name, value]) => ` ${name}="${value}"`).join('')
const declared = (pairs: readonly Pair[]) =>
  spelled(pairs.map(([prefix, uri]) => [prefix === '' ? 'xmlns' : `xmlns:${prefix}`, uri]))

export const markup = {
  /** As in a file: empty elements are short, attributes stand as given. */
  text({ name, declarations = [], attributes = [], children = [] }: Markup): string {
    const start = `${name}${declared(declarations)}${spelled(attributes)}`
    if (children.length === 0) return `<${start}/>`
    return `<${start}>${children.map((child) => (typeof child === 'string' ? child : markup.text(child))).join('')}</${name}>`
  },

  /**
   * Canonical XML 1.1, for a description that declares no prefix twice and whose elements have attributes of
   * one namespace at most, beside those of none.
   */
  canonical({ name, declarations = [], attributes = [], children = [] }: Markup): string {
    const order = ([left]: Pair, [right]: Pair) => (sortKey(left) < sortKey(right) ? -1 : 1)
    const sorted = attributes.toSorted(order)
    const inside = children.map((child) => (typeof child === 'string' ? child : markup.canonical(child)))
    return `<${name}${declared(declarations.toSorted(order))}${spelled(sorted)}>${inside.join('')}</${name}>`
  },
}

/** Names without a prefix come before all others. */
const sortKey = (name: string) => (name.includes(':') ? `1${name}` : `0${name}`)

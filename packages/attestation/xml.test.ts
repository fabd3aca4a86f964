import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { AttestationError } from './errors.ts'
import { canonicalText } from './xml/canonical.ts'
import { readXml, type XmlElement } from './xml/reader.ts'
import { attributesOf, childrenOf, elementsOf, textOf } from './xml/shape.ts'

const refuses = (body: () => unknown, about: string) =>
  assert.throws(body, (error) => error instanceof AttestationError && error.code === 'xml-invalid', about)

/** Text, and what it is in canonical form (W3C xml-c14n11 §2.3 and §3). */
const canonicalForms: readonly (readonly [text: string, canonical: string])[] = [
  ['<a/>', '<a></a>'],
  ['<a></a>', '<a></a>'],
  ['<a>\n</a>\n', '<a>\n</a>'],
  ['<a b="2" a="1"/>', '<a a="1" b="2"></a>'],
  ['<a B="2" a="1"/>', '<a B="2" a="1"></a>'],
  ['<a b="x > y \' z"/>', '<a b="x > y \' z"></a>'],
  ['<a z="0" xmlns="u"/>', '<a xmlns="u" z="0"></a>'],
  ['<q:a xmlns:q="u" xmlns="v" xmlns:b="w"/>', '<q:a xmlns="v" xmlns:b="w" xmlns:q="u"></q:a>'],
  // By namespace and not by prefix; none comes first.
  [
    '<a xmlns:p="z" xmlns:q="y" p:k="1" q:k="2" k="3"/>',
    '<a xmlns:p="z" xmlns:q="y" k="3" q:k="2" p:k="1"></a>',
  ],
  // Said again is said once, unless something else was said between.
  ['<a xmlns="u"><b xmlns="u"/></a>', '<a xmlns="u"><b></b></a>'],
  ['<a xmlns="u"><b xmlns="v"><c xmlns="u"/></b></a>', '<a xmlns="u"><b xmlns="v"><c xmlns="u"></c></b></a>'],
  ['<a xmlns:p="u"><p:b xmlns:p="v"/><p:c/></a>', '<a xmlns:p="u"><p:b xmlns:p="v"></p:b><p:c></p:c></a>'],
  // Inclusive: what nobody uses stays.
  ['<a xmlns:p="u"><b xmlns:q="u"/></a>', '<a xmlns:p="u"><b xmlns:q="u"></b></a>'],
]

for (const [text, canonical] of canonicalForms) {
  test(`XML: ${text.trim()} is ${canonical}`, () => {
    // A default namespace is needed by every element that has no prefix.
    const rooted = /xmlns="/.test(text) || text.startsWith('<q:') ? text : text.replace('<a', '<a xmlns="d"')
    const expected = rooted === text ? canonical : canonical.replace('<a', '<a xmlns="d"')
    assert.equal(canonicalText(readXml(rooted)), expected)
    assert.equal(canonicalText(readXml(expected)), expected)
  })
}

test('an element inside a document declares what its ancestors did, and can be left out', () => {
  const root = readXml('<a xmlns="u" xmlns:p="v"><p:b><c k="1"/></p:b>\n<d/></a>')
  const [b, d] = childrenOf(root, '{v}b', '{u}d')
  assert.equal(canonicalText(b), '<p:b xmlns="u" xmlns:p="v"><c k="1"></c></p:b>')
  assert.equal(canonicalText(root, d), '<a xmlns="u" xmlns:p="v"><p:b><c k="1"></c></p:b>\n</a>')
})

const refused: readonly (readonly [about: string, text: string])[] = [
  ['nothing', ''],
  ['text alone', 'a'],
  ['an XML declaration', '<?xml version="1.0"?><a xmlns="u"/>'],
  ['a byte order mark', '\ufeff<a xmlns="u"/>'],
  ['a DTD', '<!DOCTYPE a><a xmlns="u"/>'],
  ['a comment', '<a xmlns="u"><!-- --></a>'],
  ['CDATA', '<a xmlns="u"><![CDATA[x]]></a>'],
  ['a processing instruction', '<a xmlns="u"><?b?></a>'],
  ['an entity', '<a xmlns="u">&lt;</a>'],
  ['a character reference', '<a xmlns="u" b="&#65;"/>'],
  ['a greater-than sign in text', '<a xmlns="u">></a>'],
  ['a less-than sign in a value', '<a xmlns="u" b="<"/>'],
  ['single quotes', "<a xmlns='u'/>"],
  ['two spaces', '<a  xmlns="u"/>'],
  ['a space before the end', '<a xmlns="u" />'],
  ['a line feed in a tag', '<a\nxmlns="u"/>'],
  ['a line feed in a value', '<a xmlns="u" b="\n"/>'],
  ['a tab', '<a xmlns="u">\t</a>'],
  ['a carriage return', '<a xmlns="u">\r</a>'],
  ['a letter beyond ASCII', '<a xmlns="u">é</a>'],
  ['a zero character', '<a xmlns="u">\0</a>'],
  ['an attribute without a value', '<a xmlns="u" b/>'],
  ['an attribute twice', '<a xmlns="u" b="1" b="1"/>'],
  ['an attribute twice by its namespace', '<a xmlns="u" xmlns:p="v" xmlns:q="v" p:b="1" q:b="1"/>'],
  ['a declaration twice', '<a xmlns="u" xmlns="u"/>'],
  ['an empty declaration', '<a xmlns="u"><b xmlns=""/></a>'],
  ['a declaration of xml', '<a xmlns="u" xmlns:xml="http://www.w3.org/XML/1998/namespace"/>'],
  ['a declaration of xmlns', '<a xmlns="u" xmlns:xmlns="v"/>'],
  ['the namespace of xml under another prefix', '<a xmlns="http://www.w3.org/XML/1998/namespace"/>'],
  ['the namespace of xmlns', '<a xmlns="http://www.w3.org/2000/xmlns/"/>'],
  ['an xml attribute', '<a xmlns="u" xml:id="b"/>'],
  ['no namespace', '<a/>'],
  ['a prefix that is not declared', '<p:a xmlns="u"/>'],
  ['a prefix that is declared elsewhere', '<a xmlns="u"><b xmlns:p="v"/><p:c/></a>'],
  ['two colons', '<p:q:a xmlns:p="u"/>'],
  ['a name that begins with a digit', '<1a xmlns="u"/>'],
  ['another end tag', '<a xmlns="u"></b>'],
  ['the same end tag under another prefix', '<a xmlns="u" xmlns:p="u"></p:a>'],
  ['an end tag too few', '<a xmlns="u"><b></a>'],
  ['an end tag too many', '<a xmlns="u"/></a>'],
  ['an end tag with an attribute', '<a xmlns="u"></a b="1">'],
  ['two roots', '<a xmlns="u"/><a xmlns="u"/>'],
  ['text behind the root', '<a xmlns="u"/>x'],
  ['text before the root', '\n<a xmlns="u"/>'],
  ['nine levels', `${'<a xmlns="u">'.repeat(9)}${'</a>'.repeat(9)}`],
  ['33 attributes', `<a xmlns="u"${Array.from({ length: 32 }, (_, n) => ` b${n}="1"`).join('')}/>`],
  ['more than 128 KiB', `<a xmlns="u">${'x'.repeat(131_072)}</a>`],
]

for (const [about, text] of refused)
  test(`XML: ${about} is refused`, () => refuses(() => readXml(text), about))

test('shapes are closed: what is not named is refused', () => {
  const root = readXml('<a xmlns="u" xmlns:p="v" b="1" p:c="2">\n<d>x</d> <e/></a>')
  assert.deepEqual(attributesOf(root, '{v}c', 'b'), { '{v}c': '2', b: '1' })
  refuses(() => attributesOf(root, 'b'), 'one attribute too many')
  refuses(() => attributesOf(root, 'b', 'c'), 'an attribute of another namespace')
  const [d, e] = childrenOf(root, '{u}d', '{u}e')
  refuses(() => childrenOf(root, '{u}e', '{u}d'), 'another order')
  refuses(() => childrenOf(root, '{u}d'), 'one child too many')
  refuses(() => childrenOf(root, '{u}d', '{u}e', '{u}e'), 'one child too few')
  refuses(() => childrenOf(root, '{v}d', '{u}e'), 'another namespace')
  assert.equal(textOf(d), 'x')
  assert.equal(textOf(e), '')
  refuses(() => textOf(root), 'elements where text belongs')
  refuses(() => elementsOf(d), 'text where elements belong')
})

test('a name that objects know by themselves is no attribute', () => {
  const root = readXml('<a xmlns="u" __proto__="1" constructor="2"/>')
  refuses(() => attributesOf(root), 'unknown attributes')
  refuses(() => attributesOf(readXml('<a xmlns="u"/>'), 'constructor'), 'a missing attribute')
})

const word = fc.stringMatching(/^[a-z][a-z0-9]{0,3}$/).filter((name) => !name.startsWith('xml'))
const text = fc.stringMatching(/^[ -%'-;=?-~\n]{1,6}$/)
const element: fc.Arbitrary<string> = fc.letrec<{ node: string }>((tie) => ({
  node: fc
    .tuple(
      word,
      fc.uniqueArray(fc.tuple(word, fc.stringMatching(/^[ !#-%'-;=?-~]{0,6}$/)), {
        selector: ([name]) => name,
        maxLength: 4,
      }),
      fc.array(fc.oneof({ depthSize: 'small', withCrossShrink: true, maxDepth: 4 }, text, tie('node')), {
        maxLength: 3,
      }),
    )
    .map(
      ([name, attributes, children]) =>
        `<${name}${attributes.map(([key, value]) => ` ${key}="${value}"`).join('')}>${children.join('')}</${name}>`,
    ),
})).node

test('what was read is written the same way twice, and reads the same again', () => {
  const shape = (one: XmlElement): unknown => [
    one.expandedName,
    new Map(one.attributes.map(({ expandedName, value }) => [expandedName, value])),
    one.children.map((child) => (typeof child === 'string' ? child : shape(child))),
  ]
  fc.assert(
    fc.property(element, (inner) => {
      const root = readXml(`<r xmlns="u">${inner}</r>`)
      const written = canonicalText(root)
      assert.equal(canonicalText(readXml(written)), written)
      assert.deepEqual(shape(readXml(written)), shape(root))
    }),
  )
})

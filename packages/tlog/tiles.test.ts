import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { concatBytes, encodeHex } from '#bytes'
import { HashTree, hashLeaf, joinSubtrees } from '#merkle'
import {
  bundlePath,
  decodeBundle,
  decodeTile,
  encodeBundle,
  encodeTile,
  newTiles,
  TlogError,
  tilePath,
} from '#tlog'

const refuses = (body: () => unknown, code: string) =>
  assert.throws(body, (error) => error instanceof TlogError && error.code === code, code)

test('paths are spelt as the specification spells them', () => {
  assert.equal(tilePath({ level: 0, index: 1_234_067, width: 256 }), 'tile/0/x001/x234/067')
  assert.equal(tilePath({ level: 2, index: 0, width: 1 }), 'tile/2/000.p/1')
  assert.equal(tilePath({ level: 1, index: 1000, width: 17 }), 'tile/1/x001/000.p/17')
  assert.equal(bundlePath({ index: 273, width: 112 }), 'tile/entries/273.p/112')
})

test('a tree of 70000 has the tiles that the specification counts', () => {
  const tiles = newTiles(0, 70_000)
  const count = (level: number, full: boolean) =>
    tiles.filter((tile) => tile.level === level && (tile.width === 256) === full).length
  assert.deepEqual([count(0, true), count(0, false), count(1, true), count(1, false)], [273, 1, 1, 1])
  assert.deepEqual(
    tiles.filter(({ width }) => width < 256).map(({ width }) => width),
    [112, 17, 1],
  )
  assert.deepEqual(newTiles(0, 256), [
    { level: 0, index: 0, width: 256 },
    { level: 1, index: 0, width: 1 },
  ])
  assert.deepEqual(newTiles(256, 256), [])
  assert.deepEqual(newTiles(0, 0), [])
})

test('tiles written as the tree grows are those of the whole tree', () => {
  const size = fc.integer({ min: 0, max: 70_000 })
  fc.assert(
    fc.property(size, size, size, (...sizes) => {
      const [first, second, third] = sizes.toSorted((one, other) => one - other) as [number, number, number]
      const grown = new Map<string, number>()
      for (const [from, to] of [
        [0, first],
        [first, second],
        [second, third],
      ] as const) {
        for (const { level, index, width } of newTiles(from, to)) grown.set(`${level}/${index}`, width)
      }
      const whole = newTiles(0, third).map(({ level, index, width }) => [`${level}/${index}`, width] as const)
      assert.deepEqual(grown, new Map(whole))
    }),
    { numRuns: 30 },
  )
})

test('a hash on level 1 is the root of a full tile on level 0', () => {
  const tree = HashTree.of(Array.from({ length: 600 }, (_, at) => Uint8Array.of(at >> 8, at & 255)))
  const tiles = newTiles(0, 600).map((tile) => ({ ...tile, bytes: encodeTile(tile, tree) }))
  const above = tiles.find(({ level }) => level === 1)!
  const rootOf = (bytes: (typeof above)['bytes']) => {
    const part = new HashTree()
    for (const hash of decodeTile(bytes, 256)) part.append(hash)
    return part.root()
  }
  const roots = tiles
    .filter(({ level, width }) => level === 0 && width === 256)
    .map(({ bytes }) => rootOf(bytes))
  assert.equal(encodeHex(above.bytes), encodeHex(concatBytes(...roots)))
  const last = decodeTile(tiles.find(({ index }) => index === 2)!.bytes, 88)
  assert.equal(encodeHex(last[87]!), encodeHex(hashLeaf(Uint8Array.of(599 >> 8, 599 & 255))))
  assert.equal(roots.length, 2)
  assert.equal(joinSubtrees(roots).length, 32)
})

test('bundles survive a round trip and are refused at any other width', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 8 }), (entries) => {
      const bytes = encodeBundle(entries)
      assert.deepEqual(decodeBundle(bytes, entries.length).map(encodeHex), entries.map(encodeHex))
      refuses(() => decodeBundle(bytes, entries.length + 1), 'bundle-malformed')
      if (bytes.length > 0)
        refuses(() => decodeBundle(bytes.slice(0, -1), entries.length), 'bundle-malformed')
      refuses(() => decodeBundle(concatBytes(bytes, Uint8Array.of(0)), entries.length), 'bundle-malformed')
    }),
  )
  refuses(() => encodeBundle([new Uint8Array(65_536)]), 'entry-too-long')
  assert.equal(encodeBundle([new Uint8Array(65_535)]).length, 65_537)
  refuses(() => decodeTile(new Uint8Array(33), 1), 'tile-invalid')
})

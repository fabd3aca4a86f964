import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decodeHex, encodeHex, equalBytes, sha256 } from '#bytes'
import { HashTree, hashLeaf, MerkleError, treeRoot, verifyConsistency, verifyInclusion } from '#merkle'

const refuses = (body: () => unknown, code?: string) =>
  assert.throws(body, (error) => error instanceof MerkleError && (code === undefined || error.code === code))

// The entries and roots that implementations of RFC 6962 have tested against since its reference code.
const published = {
  entries: [
    '',
    '00',
    '10',
    '2021',
    '3031',
    '40414243',
    '5051525354555657',
    '606162636465666768696a6b6c6d6e6f',
  ],
  roots: [
    'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
    '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
    'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
    'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
    'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
    '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
    '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
    'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
    '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
  ],
  pathOfFirstInEight: [
    '96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7',
    '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e',
    '6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4',
  ],
}

test('roots and a path are the published ones', () => {
  const entries = published.entries.map(decodeHex)
  published.roots.forEach((root, size) => assert.equal(encodeHex(treeRoot(entries.slice(0, size))), root))
  assert.deepEqual(HashTree.of(entries).proveInclusion(0).map(encodeHex), published.pathOfFirstInEight)
})

const treeOf = (size: number) =>
  HashTree.of(Array.from({ length: size }, (_, at) => Uint8Array.of(at, at >> 8)))
const forest = treeOf(40)

test('every leaf is proven at every size, and at no other place or size', () => {
  for (let size = 1; size <= forest.size; size += 1) {
    const head = { size, root: forest.root(size) }
    for (let index = 0; index < size; index += 1) {
      const path = forest.proveInclusion(index, size)
      verifyInclusion(head, index, forest.leafHash(index), path)
      const other = (index + 1) % size
      if (other !== index) refuses(() => verifyInclusion(head, other, forest.leafHash(index), path))
      refuses(
        () => verifyInclusion(head, index, forest.leafHash(index), [...path, sha256()]),
        'path-length-invalid',
      )
      if (path.length > 0) {
        refuses(() => verifyInclusion(head, index, forest.leafHash(index), path.slice(1)))
      }
    }
  }
})

test('every size continues every smaller one, and no other tree', () => {
  const fork = treeOf(20)
  while (fork.size < forest.size) fork.append(hashLeaf(Uint8Array.of(9, 9, fork.size)))
  for (let second = 0; second <= forest.size; second += 1) {
    for (let first = 0; first <= second; first += 1) {
      const path = forest.proveConsistency(first, second)
      const from = { size: first, root: forest.root(first) }
      const to = { size: second, root: forest.root(second) }
      verifyConsistency(from, to, path)
      refuses(() => verifyConsistency(from, to, [...path, sha256()]), 'path-length-invalid')
      if (path.length > 0) refuses(() => verifyConsistency(from, to, path.slice(0, -1)))
      if (first < second) refuses(() => verifyConsistency(to, from, path), 'size-invalid')
      if (first > 20) {
        const forked = { size: second, root: fork.root(second) }
        refuses(() => verifyConsistency(from, forked, fork.proveConsistency(first, second)), 'root-mismatch')
      }
    }
  }
})

test('one changed bit anywhere in a proof is refused', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 2, max: forest.size }),
      fc.nat(),
      fc.nat(),
      fc.integer({ min: 0, max: 255 }),
      (size, leaf, place, bit) => {
        const index = leaf % size
        const head = { size, root: forest.root(size) }
        const inclusion = [forest.leafHash(index), ...forest.proveInclusion(index, size)].map((hash) =>
          hash.slice(),
        )
        flip(inclusion, place, bit)
        refuses(() => verifyInclusion(head, index, inclusion[0]!, inclusion.slice(1)), 'root-mismatch')

        const first = 1 + (leaf % (size - 1))
        const consistency = [forest.root(first), ...forest.proveConsistency(first, size)].map((hash) =>
          hash.slice(),
        )
        flip(consistency, place, bit)
        const from = { size: first, root: consistency[0]! }
        refuses(() => verifyConsistency(from, head, consistency.slice(1)), 'root-mismatch')
      },
    ),
  )
})

test('places and sizes that are no such numbers are refused', () => {
  const head = { size: 3, root: forest.root(3) }
  for (const index of [-1, 3, 0.5, Number.NaN, 2 ** 53]) {
    refuses(() => verifyInclusion(head, index, forest.leafHash(0), []), 'index-invalid')
    refuses(() => forest.proveInclusion(index, 3), 'index-invalid')
  }
  for (const size of [-1, 0.5, Number.NaN, 2 ** 53]) {
    refuses(() => verifyInclusion({ ...head, size }, 0, forest.leafHash(0), []), 'size-invalid')
    refuses(() => forest.root(size), 'size-invalid')
  }
  refuses(() => verifyInclusion(head, 0, forest.leafHash(0).slice(1), []), 'hash-invalid')
  refuses(() => forest.proveConsistency(3, 2), 'size-invalid')
  refuses(() => forest.root(forest.size + 1), 'size-invalid')
})

test('indexes beyond 2^32 are climbed exactly', () => {
  const index = 2 ** 40 + 5
  const path = Array.from({ length: 41 }, (_, level) => sha256(Uint8Array.of(level)))
  const size = 2 ** 41
  // The root is computed here with bigint arithmetic, which has no 32-bit steps.
  let root = hashLeaf(Uint8Array.of(1))
  path.forEach((sibling, level) => {
    const right = (BigInt(index) >> BigInt(level)) % 2n === 1n
    root = sha256(Uint8Array.of(1), ...(right ? [sibling, root] : [root, sibling]))
  })
  verifyInclusion({ size, root }, index, hashLeaf(Uint8Array.of(1)), path)
  refuses(() => verifyInclusion({ size, root }, 5, hashLeaf(Uint8Array.of(1)), path), 'root-mismatch')
  assert.ok(!equalBytes(root, hashLeaf(Uint8Array.of(1))))
})

function flip(hashes: readonly Uint8Array[], place: number, bit: number): void {
  const hash = hashes[place % hashes.length]!
  hash[bit >> 3]! ^= 1 << (bit & 7)
}

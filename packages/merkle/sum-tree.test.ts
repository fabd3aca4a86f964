import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { encodeHex, sha256 } from '#bytes'
import { maximumSum, MerkleError, SumTree, verifySum, type SumLeaf } from '#merkle'

const refuses = (body: () => unknown, code?: string) =>
  assert.throws(body, (error) => error instanceof MerkleError && (code === undefined || error.code === code))

const key = sha256(Uint8Array.of(7))
const digestOf = (number: number) => sha256(Uint8Array.of(number))
const leavesOf = (sums: readonly bigint[]): SumLeaf[] =>
  sums.map((sum, at) => ({ sum, digest: digestOf(at) }))

const anySums = fc.array(fc.bigInt({ min: 0n, max: maximumSum / 32n }), { maxLength: 20 })

test('the root holds the sum of all leaves, and every leaf leads to it', () => {
  fc.assert(
    fc.property(anySums, (sums) => {
      const tree = new SumTree(leavesOf(sums), key)
      assert.equal(
        tree.root.sum,
        sums.reduce((total, sum) => total + sum, 0n),
      )
      assert.ok(tree.root.size >= sums.length && Number.isInteger(Math.log2(tree.root.size)))
      const places = leavesOf(sums).map((leaf) => {
        const proof = tree.prove(leaf.digest)
        verifySum(tree.root, leaf, proof)
        return proof.index
      })
      assert.equal(new Set(places).size, sums.length)
    }),
  )
})

test('one unit or one byte changed anywhere is refused', () => {
  fc.assert(
    fc.property(
      fc.array(fc.bigInt({ min: 1n, max: 1000n }), { minLength: 2, maxLength: 12 }),
      fc.nat(),
      fc.nat(),
      (sums, which, where) => {
        const leaves = leavesOf(sums)
        const { root, ...tree } = parts(leaves)
        const leaf = leaves[which % leaves.length]!
        const proof = tree.prove(leaf.digest)
        refuses(() => verifySum(root, { ...leaf, sum: leaf.sum + 1n }, proof), 'sum-mismatch')
        refuses(() => verifySum(root, { ...leaf, digest: digestOf(200) }, proof), 'root-mismatch')
        refuses(() => verifySum({ ...root, sum: root.sum - 1n }, leaf, proof), 'sum-mismatch')
        refuses(() => verifySum({ ...root, hash: digestOf(200) }, leaf, proof), 'root-mismatch')
        refuses(() => verifySum(root, leaf, { ...proof, index: proof.index ^ 1 }))

        const level = where % proof.siblings.length
        const change = (changed: object) => ({
          ...proof,
          siblings: proof.siblings.map((sibling, at) =>
            at === level ? { ...sibling, ...changed } : sibling,
          ),
        })
        const sibling = proof.siblings[level]!
        refuses(() => verifySum(root, leaf, change({ sum: sibling.sum + 1n })), 'sum-mismatch')
        refuses(() => verifySum(root, leaf, change({ hash: digestOf(201) })), 'root-mismatch')
        // One unit moved from a sibling to the leaf leaves the total alone.
        const robbed = { ...leaf, sum: leaf.sum + sibling.sum }
        if (sibling.sum > 0n) refuses(() => verifySum(root, robbed, change({ sum: 0n })), 'root-mismatch')
      },
    ),
  )
})

test('another size, a path of another length and a place outside are refused', () => {
  const leaves = leavesOf([1n, 2n, 3n])
  const { root, prove } = parts(leaves)
  const leaf = leaves[0]!
  const proof = prove(leaf.digest)
  refuses(() => verifySum(root, leaf, { ...proof, size: 8 }), 'size-invalid')
  refuses(() => verifySum({ ...root, size: 3 }, leaf, { ...proof, size: 3 }), 'size-invalid')
  refuses(() => verifySum({ ...root, size: 0 }, leaf, { ...proof, size: 0 }), 'size-invalid')
  refuses(() => verifySum({ ...root, size: 8 }, leaf, { ...proof, size: 8 }), 'path-length-invalid')
  refuses(() => verifySum(root, leaf, { ...proof, siblings: proof.siblings.slice(1) }), 'path-length-invalid')
  for (const index of [-1, 4, 0.5]) refuses(() => verifySum(root, leaf, { ...proof, index }), 'index-invalid')
})

test('sums below zero or beyond 2^63 - 1 are refused, in the tree and along a path', () => {
  refuses(() => new SumTree(leavesOf([-1n]), key), 'sum-range')
  refuses(() => new SumTree(leavesOf([maximumSum + 1n]), key), 'sum-range')
  refuses(() => new SumTree(leavesOf([maximumSum, 1n]), key), 'sum-range')
  assert.equal(new SumTree(leavesOf([maximumSum, 0n]), key).root.sum, maximumSum)

  const leaves = leavesOf([5n, 6n])
  const { root, prove } = parts(leaves)
  const proof = prove(leaves[0]!.digest)
  const withSum = (sum: bigint) => ({ ...proof, siblings: [{ ...proof.siblings[0]!, sum }] })
  refuses(() => verifySum(root, leaves[0]!, withSum(-6n)), 'sum-range')
  refuses(() => verifySum(root, leaves[0]!, withSum(maximumSum)), 'sum-range')
  refuses(() => verifySum(root, { ...leaves[0]!, sum: -5n }, proof), 'sum-range')
})

test('order and padding depend on the key alone', () => {
  const leaves = leavesOf([1n, 2n, 3n, 4n, 5n])
  const root = new SumTree(leaves, key).root
  assert.deepEqual(new SumTree(leaves.toReversed(), key).root, root)
  assert.equal(root.size, 8)
  const other = new SumTree(leaves, digestOf(99)).root
  assert.notEqual(encodeHex(other.hash), encodeHex(root.hash))
  assert.equal(other.sum, root.sum)
})

test('no leaf at all, two leaves alike, a short key and an unknown leaf', () => {
  const empty = new SumTree([], key)
  assert.equal(empty.root.size, 1)
  assert.equal(empty.root.sum, 0n)
  refuses(() => empty.prove(digestOf(1)), 'leaf-absent')
  refuses(() => new SumTree([...leavesOf([1n]), ...leavesOf([2n])], key), 'leaf-duplicate')
  refuses(() => new SumTree([{ sum: 1n, digest: new Uint8Array(31) }], key), 'leaf-invalid')
  refuses(() => new SumTree([], new Uint8Array(31)), 'key-invalid')
})

function parts(leaves: readonly SumLeaf[]) {
  const tree = new SumTree(leaves, key)
  return { root: tree.root, prove: (digest: Uint8Array) => tree.prove(digest) }
}

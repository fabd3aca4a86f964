import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { sha256, encodeUtf8 } from '#bytes'
import { MerkleError, orderedSumRoot, proveOrderedSum, verifySum } from '#merkle'

const leavesOf = (sums: readonly bigint[]) =>
  sums.map((sum, index) => ({ sum, digest: sha256(encodeUtf8(`leaf ${index}`)) }))

test('every leaf proves its place, and a unit more or another place does not', () => {
  fc.assert(
    fc.property(fc.array(fc.bigInt(0n, 1000n), { minLength: 1, maxLength: 20 }), fc.nat(), (sums, at) => {
      const leaves = leavesOf(sums)
      const index = at % leaves.length
      const root = orderedSumRoot(leaves)
      assert.equal(
        root.sum,
        sums.reduce((all, one) => all + one, 0n),
      )
      const proof = proveOrderedSum(leaves, index)
      const leaf = leaves[index]!
      verifySum(root, leaf, proof)
      assert.throws(() => verifySum(root, { ...leaf, sum: leaf.sum + 1n }, proof), MerkleError)
      assert.throws(() => verifySum(root, leaf, { ...proof, index: index + 1 }), MerkleError)
    }),
  )
})

test('order counts, and so does what is left out', () => {
  const leaves = leavesOf([1n, 2n, 3n])
  const root = orderedSumRoot(leaves)
  assert.notDeepEqual(orderedSumRoot(leaves.toReversed()).hash, root.hash)
  assert.notDeepEqual(orderedSumRoot(leaves.slice(0, 2)).hash, root.hash)
  assert.throws(() => proveOrderedSum(leaves, 3), MerkleError)
})

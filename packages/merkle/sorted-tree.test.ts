import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { compareBytes, encodeHex, sha256, type Bytes } from '#bytes'
import { MerkleError, SortedTree, verifyAbsence, verifyPresence, type NeighbourProof } from '#merkle'

const refuses = (body: () => unknown, code?: string) =>
  assert.throws(body, (error) => error instanceof MerkleError && (code === undefined || error.code === code))

const keyOf = (number: number) => sha256(Uint8Array.of(number, number >> 8))
const treeOf = (keys: readonly Bytes[]) => {
  const tree = new SortedTree(keys.toSorted(compareBytes).map((key) => ({ key, value: sha256(key) })))
  return { tree, head: { size: tree.size, root: tree.root } }
}

test('a key is proven present or absent, never both', () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.nat({ max: 60 }), { maxLength: 20 }),
      fc.nat({ max: 60 }),
      (members, asked) => {
        const { tree, head } = treeOf(members.map(keyOf))
        const key = keyOf(asked)
        if (members.includes(asked)) {
          const proof = tree.proveKey(key)
          assert.equal(encodeHex(verifyPresence(head, key, proof)), encodeHex(sha256(key)))
          refuses(() => tree.proveAbsence(key), 'key-present')
          refuses(() => verifyPresence(head, keyOf(asked + 100), proof), 'root-mismatch')
          refuses(() => verifyPresence(head, key, { ...proof, value: keyOf(asked) }), 'root-mismatch')
        } else {
          verifyAbsence(head, key, tree.proveAbsence(key))
          refuses(() => tree.proveKey(key), 'leaf-absent')
        }
      },
    ),
  )
})

test('no honest neighbours prove that a present key is absent', () => {
  const { tree, head } = treeOf([1, 2, 3, 4, 5].map(keyOf))
  const all = [1, 2, 3, 4, 5]
    .map(keyOf)
    .toSorted(compareBytes)
    .map((key): NeighbourProof => ({ key, ...tree.proveKey(key) }))
  for (const before of [null, ...all])
    for (const after of [null, ...all])
      for (const { key } of all) refuses(() => verifyAbsence(head, key, { before, after }))
})

test('an absence proof is refused for another key, another size and after any change', () => {
  const { tree, head } = treeOf([1, 2, 3, 4, 5, 6].map(keyOf))
  const keys = [1, 2, 3, 4, 5, 6].map(keyOf).toSorted(compareBytes)
  const between = keys[2]!.slice()
  between[31]! += 1
  const proof = tree.proveAbsence(between)
  verifyAbsence(head, between, proof)
  const { before, after } = proof
  assert.ok(before !== null && after !== null)

  const beyond = new Uint8Array(32).fill(255)
  refuses(() => verifyAbsence(head, beyond, proof), 'neighbours-invalid')
  refuses(() => verifyAbsence(head, between, { before, after: null }), 'neighbours-invalid')
  refuses(() => verifyAbsence(head, between, { before: null, after }), 'neighbours-invalid')
  refuses(() => verifyAbsence(head, between, { before: null, after: null }), 'neighbours-invalid')
  refuses(() => verifyAbsence(head, between, { before: after, after: before }), 'neighbours-invalid')
  refuses(() => verifyAbsence(head, between, { before: { ...before, index: 1 }, after }), 'root-mismatch')
  refuses(
    () => verifyAbsence(head, between, { before: { ...before, key: keys[1]! }, after }),
    'root-mismatch',
  )
  refuses(() => verifyAbsence({ ...head, root: sha256() }, between, proof), 'root-mismatch')

  // The last leaf is the last one only at the true size.
  const end = tree.proveAbsence(beyond)
  assert.equal(end.after, null)
  verifyAbsence(head, beyond, end)
  refuses(() => verifyAbsence({ ...head, size: 7 }, beyond, end))
  refuses(() => verifyAbsence({ ...head, size: 5 }, beyond, end))
})

test('everything is absent from an empty tree, and only from the empty root', () => {
  const { tree, head } = treeOf([])
  const proof = tree.proveAbsence(keyOf(1))
  assert.deepEqual(proof, { before: null, after: null })
  verifyAbsence(head, keyOf(1), proof)
  refuses(() => verifyAbsence({ size: 0, root: keyOf(1) }, keyOf(1), proof), 'root-mismatch')
  refuses(() => verifyAbsence({ size: 1, root: head.root }, keyOf(1), proof), 'neighbours-invalid')
})

test('leaves out of order, twice, or of another length are refused', () => {
  const value = keyOf(0)
  const [low, high] = [keyOf(1), keyOf(2)].toSorted(compareBytes) as [Bytes, Bytes]
  refuses(
    () =>
      new SortedTree([
        { key: high, value },
        { key: low, value },
      ]),
    'leaves-unordered',
  )
  refuses(
    () =>
      new SortedTree([
        { key: low, value },
        { key: low, value },
      ]),
    'leaves-unordered',
  )
  refuses(() => new SortedTree([{ key: low.slice(1), value }]), 'leaf-invalid')
  refuses(() => new SortedTree([{ key: low, value: new Uint8Array(33) }]), 'leaf-invalid')
  refuses(() => new SortedTree([]).proveAbsence(new Uint8Array(31)), 'key-invalid')
})

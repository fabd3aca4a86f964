// Proofs about trees of any size, changed in any one place: none of them is accepted.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { compareBytes, sha256, type Bytes } from '#bytes'
import {
  hashSumNode,
  MerkleError,
  orderedSumRoot,
  proveOrderedSum,
  SortedTree,
  SumTree,
  verifyAbsence,
  verifyPresence,
  verifySum,
  type AbsenceProof,
  type NeighbourProof,
  type SumLeaf,
  type SumProof,
  type SumRoot,
} from '#merkle'

const refuses = (body: () => unknown, what: string) =>
  assert.throws(body, (error) => error instanceof MerkleError, what)

function flip(bytes: Uint8Array, bit: number): Bytes {
  const changed = new Uint8Array(bytes)
  const place = bit % (bytes.length * 8)
  changed[place >> 3]! ^= 1 << (place & 7)
  return changed
}

const without = <T>(list: readonly T[], at: number): readonly T[] => list.filter((_, place) => place !== at)

/** Every way to change one thing in a proof of presence, named. */
function* changesOf<P extends { index: number; value: Bytes; path: readonly Bytes[] }>(
  proof: P,
  size: number,
  bit: number,
): Generator<[string, P]> {
  for (let index = -1; index <= size; index += 1) {
    if (index !== proof.index) yield [`index ${index}`, { ...proof, index }]
  }
  yield ['value', { ...proof, value: flip(proof.value, bit) }]
  yield ['value cut', { ...proof, value: proof.value.slice(1) }]
  yield ['path longer', { ...proof, path: [...proof.path, sha256()] }]
  for (const [at, hash] of proof.path.entries()) {
    yield [`path ${at}`, { ...proof, path: proof.path.with(at, flip(hash, bit)) }]
    yield [`path without ${at}`, { ...proof, path: without(proof.path, at) }]
  }
  if (proof.path.length > 1) yield ['path reversed', { ...proof, path: proof.path.toReversed() }]
}

const keyOf = (number: number) => sha256(Uint8Array.of(number, number >> 8))
const anyMembers = fc.uniqueArray(fc.nat({ max: 500 }), { maxLength: 40 })

test('no changed proof shows that a key is present, nor another key or value', () => {
  fc.assert(
    fc.property(anyMembers, fc.nat(), fc.nat(), (members, which, bit) => {
      if (members.length === 0) return
      const { tree, head } = sorted(members)
      const key = keyOf(members[which % members.length]!)
      const proof = tree.proveKey(key)
      verifyPresence(head, key, proof)
      for (const [what, changed] of changesOf(proof, head.size, bit)) {
        refuses(() => verifyPresence(head, key, changed), what)
      }
      refuses(() => verifyPresence(head, flip(key, bit), proof), 'key')
      refuses(() => verifyPresence({ ...head, root: flip(head.root, bit) }, key, proof), 'root')
    }),
  )
})

test('no changed proof shows that a key is absent, and an honest one is for one gap only', () => {
  fc.assert(
    fc.property(anyMembers, fc.integer({ min: 501, max: 900 }), fc.nat(), (members, asked, bit) => {
      const { tree, head } = sorted(members)
      const key = keyOf(asked)
      const proof = tree.proveAbsence(key)
      verifyAbsence(head, key, proof)
      for (const [what, changed] of changesOfAbsence(proof, head.size, bit)) {
        refuses(() => verifyAbsence(head, key, changed), what)
      }
      refuses(() => verifyAbsence({ ...head, root: flip(head.root, bit) }, key, proof), 'root')
      for (const member of members)
        refuses(() => verifyAbsence(head, keyOf(member), proof), 'a key that is there')
    }),
  )
})

function* changesOfAbsence(
  proof: AbsenceProof,
  size: number,
  bit: number,
): Generator<[string, AbsenceProof]> {
  for (const side of ['before', 'after'] as const) {
    const neighbour = proof[side]
    if (neighbour === null) continue
    yield [`no ${side}`, { ...proof, [side]: null }]
    const changes: Iterable<[string, NeighbourProof]> = changesOf(neighbour, size, bit)
    for (const [what, changed] of changes) yield [`${side}: ${what}`, { ...proof, [side]: changed }]
    yield [`${side}: key`, { ...proof, [side]: { ...neighbour, key: flip(neighbour.key, bit) } }]
  }
  if (proof.before !== null || proof.after !== null) {
    yield ['swapped', { before: proof.after, after: proof.before }]
  }
}

function sorted(members: readonly number[]) {
  const keys = members.map(keyOf).toSorted(compareBytes)
  const tree = new SortedTree(keys.map((key) => ({ key, value: sha256(key) })))
  return { tree, head: { size: tree.size, root: tree.root } }
}

test('no changed proof of a sum is accepted, in shuffled trees and in ordered ones', () => {
  const anySums = fc.array(fc.bigInt({ min: 0n, max: 2n ** 40n }), { minLength: 1, maxLength: 30 })
  fc.assert(
    fc.property(anySums, fc.nat(), fc.nat(), (sums, which, bit) => {
      const leaves = sums.map((sum, at) => ({ sum, digest: keyOf(at) }))
      const leaf = leaves[which % leaves.length]!
      const shuffled = new SumTree(leaves, sha256(Uint8Array.of(7)))
      const ordered = proveOrderedSum(leaves, leaves.indexOf(leaf))
      checkSumProof(shuffled.root, leaf, shuffled.prove(leaf.digest), bit)
      checkSumProof(orderedSumRoot(leaves), leaf, ordered, bit)
    }),
  )
})

function checkSumProof(root: SumRoot, leaf: SumLeaf, proof: SumProof, bit: number): void {
  verifySum(root, leaf, proof)
  for (const off of [-1n, 1n, 2n ** 62n]) {
    refuses(() => verifySum(root, { ...leaf, sum: leaf.sum + off }, proof), `leaf by ${off}`)
    refuses(() => verifySum({ ...root, sum: root.sum + off }, leaf, proof), `root by ${off}`)
    for (const [at, sibling] of proof.siblings.entries()) {
      const changed = proof.siblings.with(at, { ...sibling, sum: sibling.sum + off })
      refuses(() => verifySum(root, leaf, { ...proof, siblings: changed }), `sibling ${at} by ${off}`)
      // What a sibling loses the leaf gains: the total stays, and only the hash tells.
      const robbed = { ...leaf, sum: leaf.sum - off }
      refuses(() => verifySum(root, robbed, { ...proof, siblings: changed }), `moved from ${at} by ${off}`)
    }
  }
  for (const [at, sibling] of proof.siblings.entries()) {
    const changed = proof.siblings.with(at, { ...sibling, hash: flip(sibling.hash, bit) })
    refuses(() => verifySum(root, leaf, { ...proof, siblings: changed }), `hash ${at}`)
    refuses(() => verifySum(root, leaf, { ...proof, siblings: without(proof.siblings, at) }), `without ${at}`)
  }
  for (let index = 0; index < root.size; index += 1) {
    if (index !== proof.index) refuses(() => verifySum(root, leaf, { ...proof, index }), `index ${index}`)
  }
  refuses(() => verifySum(root, { ...leaf, digest: flip(leaf.digest, bit) }, proof), 'digest')
  refuses(() => verifySum({ ...root, hash: flip(root.hash, bit) }, leaf, proof), 'root hash')
  refuses(() => verifySum({ ...root, size: root.size * 2 }, leaf, { ...proof, size: root.size * 2 }), 'size')
}

// Who would lie: an operator who shows each of two contributors the whole as their own, under one root.
test('one total split in two ways between the same two hashes is two nodes', () => {
  const anySum = fc.bigInt({ min: 0n, max: 2n ** 40n })
  fc.assert(
    fc.property(anySum, anySum, anySum, (left, right, moved) => {
      const node = (one: bigint, other: bigint) =>
        hashSumNode({ sum: one, hash: keyOf(1) }, { sum: other, hash: keyOf(2) })
      const by = moved % (left + 1n)
      const [honest, other] = [node(left, right), node(left - by, right + by)]
      assert.equal(honest.sum, other.sum)
      assert.equal(compareBytes(honest.hash, other.hash) === 0, by === 0n)
    }),
  )
})

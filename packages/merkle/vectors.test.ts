import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { decodeHex, encodeHex } from '#bytes'
import {
  MerkleError,
  SortedTree,
  SumTree,
  treeRoot,
  verifyAbsence,
  verifyConsistency,
  verifyInclusion,
  verifyPresence,
  verifySum,
} from '#merkle'

// Made by another implementation of spec/merkle.md, in another language.
const file = join(import.meta.dirname, '../../vectors/merkle.json')
const vectors = JSON.parse(await readFile(file, 'utf8')) as Vectors

interface Case {
  readonly name: string
  readonly expect: string
}
interface Head {
  readonly size: number
  readonly root: string
}
interface Proof {
  readonly index: number
  readonly value: string
  readonly path: readonly string[]
}
interface Leaf {
  readonly sum: string
  readonly digest: string
}
interface Root {
  readonly hash: string
  readonly sum: string
  readonly size: number
}
type Neighbour = Proof & { readonly key: string }
interface Vectors {
  readonly trees: readonly { readonly entries: readonly string[]; readonly root: string }[]
  readonly inclusion: readonly (Case & Head & { index: number; leafHash: string; path: readonly string[] })[]
  readonly consistency: readonly (Case & { first: Head; second: Head; path: readonly string[] })[]
  readonly sortedTree: { readonly leaves: readonly { key: string; value: string }[]; readonly root: string }
  readonly presence: readonly (Case & Head & { key: string; proof: Proof })[]
  readonly absence: readonly (Case &
    Head & { key: string; proof: { before: Neighbour | null; after: Neighbour | null } })[]
  readonly sumTrees: readonly {
    readonly key: string
    readonly leaves: readonly Leaf[]
    readonly root: Root
  }[]
  readonly sumTreesRefused: readonly (Case & { key: string; leaves: readonly Leaf[] })[]
  readonly sum: readonly (Case & {
    root: Root
    leaf: Leaf
    proof: { index: number; size: number; siblings: readonly { sum: string; hash: string }[] }
  })[]
}

function check({ name, expect }: Case, body: () => unknown): void {
  if (expect === 'accepted') assert.doesNotThrow(body, name)
  else
    assert.throws(
      body,
      (error) => error instanceof MerkleError && error.code === expect,
      `${name}: ${expect}`,
    )
}

const headOf = ({ size, root }: Head) => ({ size, root: decodeHex(root) })
const hashes = (path: readonly string[]) => path.map(decodeHex)
const proofOf = ({ index, value, path }: Proof) => ({ index, value: decodeHex(value), path: hashes(path) })
const neighbourOf = (of: Neighbour | null) =>
  of === null ? null : { key: decodeHex(of.key), ...proofOf(of) }
const leafOf = ({ sum, digest }: Leaf) => ({ sum: BigInt(sum), digest: decodeHex(digest) })
const nodeOf = ({ sum, hash }: { sum: string; hash: string }) => ({ sum: BigInt(sum), hash: decodeHex(hash) })

test('roots agree with the vectors', () => {
  for (const { entries, root } of vectors.trees) assert.equal(encodeHex(treeRoot(hashes(entries))), root)
  const { leaves, root } = vectors.sortedTree
  const sorted = new SortedTree(
    leaves.map(({ key, value }) => ({ key: decodeHex(key), value: decodeHex(value) })),
  )
  assert.equal(encodeHex(sorted.root), root)
  for (const { key, leaves, root } of vectors.sumTrees) {
    const { hash, sum, size } = new SumTree(leaves.map(leafOf), decodeHex(key)).root
    assert.deepEqual({ hash: encodeHex(hash), sum: String(sum), size }, root)
  }
})

test('inclusion and consistency agree with the vectors', () => {
  for (const one of vectors.inclusion) {
    check(one, () => verifyInclusion(headOf(one), one.index, decodeHex(one.leafHash), hashes(one.path)))
  }
  for (const one of vectors.consistency) {
    check(one, () => verifyConsistency(headOf(one.first), headOf(one.second), hashes(one.path)))
  }
})

test('presence and absence agree with the vectors', () => {
  for (const one of vectors.presence) {
    check(one, () => verifyPresence(headOf(one), decodeHex(one.key), proofOf(one.proof)))
  }
  for (const one of vectors.absence) {
    const proof = { before: neighbourOf(one.proof.before), after: neighbourOf(one.proof.after) }
    check(one, () => verifyAbsence(headOf(one), decodeHex(one.key), proof))
  }
})

test('sums agree with the vectors', () => {
  for (const one of vectors.sumTreesRefused) {
    check(one, () => new SumTree(one.leaves.map(leafOf), decodeHex(one.key)))
  }
  for (const one of vectors.sum) {
    const { index, size, siblings } = one.proof
    const proof = { index, size, siblings: siblings.map(nodeOf) }
    check(one, () => verifySum({ ...nodeOf(one.root), size: one.root.size }, leafOf(one.leaf), proof))
  }
})

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { decodeHex, digestOf } from '#bytes'
import { orderedSumRoot } from '#merkle'
import { encodeSumRoot, usageLeafDigest, usageLeavesSchema } from '#statements'
import { unfinishedCallDigest } from './recovery.ts'

test('the leaves of spec/usage-close.md make its root, and the unfinished one names the document shown', () => {
  const text = readFileSync(new URL('../../../spec/usage-close.md', import.meta.url), 'utf8')
  const blocks = [...text.matchAll(/^```json\n([\s\S]*?)^```$/gm)].map(([, json]) => JSON.parse(json!))
  const leaves = usageLeavesSchema.parse(blocks[0])
  const root = orderedSumRoot(
    leaves.map((leaf) => ({ sum: BigInt(leaf.amount), digest: decodeHex(usageLeafDigest(leaf)) })),
  )
  assert.deepEqual(encodeSumRoot(root), blocks[1])
  assert.equal(leaves[1]!.receipt, digestOf(blocks[2]))
  assert.equal(leaves[1]!.receipt, unfinishedCallDigest(leaves[1]!))
})

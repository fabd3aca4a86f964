import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { decodeHex, decodeUtf8, digestOf, encodeHex, encodeUtf8, sha256Hex } from '#bytes'
import { orderedSumRoot, SortedTree, SumTree } from '#merkle'
import { isSignature, signingKeyFromSeed } from '#seal'
import * as statements from '#statements'
import type { KindName, StatementKind } from '#statements'

interface Refused<Value> {
  readonly name: string
  readonly code: string
  readonly envelope?: Value
  readonly value?: Value
}

const file = JSON.parse(readFileSync(new URL('../../vectors/statements.json', import.meta.url), 'utf8')) as {
  keys: Record<string, { seed: string; publicKey: string }>
  statements: { kind: KindName; digest: string; signer: string; envelope: unknown; refused: Refused<any>[] }[]
  documents: { name: string; accepted: any; refused: Refused<any>[] }[]
  answers: Record<string, any>
}
const { answers } = file

const kinds: Record<KindName, StatementKind<any>> = {
  policy: statements.policy,
  evidence: statements.evidence,
  offer: statements.offer,
  'contribution-receipt': statements.contributionReceipt,
  manifest: statements.manifest,
  'training-receipt': statements.trainingReceipt,
  attribution: statements.attribution,
  fidelity: statements.fidelity,
  'usage-close': statements.usageClose,
  payout: statements.payout,
  withdrawal: statements.withdrawal,
  'withdrawal-receipt': statements.withdrawalReceipt,
  'payee-change': statements.payeeChange,
  'payee-cancellation': statements.payeeCancellation,
  'payee-receipt': statements.payeeReceipt,
  dispute: statements.dispute,
  'dispute-receipt': statements.disputeReceipt,
  'dispute-answer': statements.disputeAnswer,
}

const readers: Record<string, (value: any) => unknown> = {
  keyset: statements.readKeyset,
  'aci-keyset': statements.readAciKeyset,
  item: statements.readItem,
  'manifest-leaf': statements.readManifestLeaf,
  'tokens-leaf': statements.readTokensLeaf,
  'share-leaf': statements.readShareLeaf,
  'payout-leaf': statements.readPayoutLeaf,
  'dispute-findings': statements.readDisputeFindings,
  invoice: statements.readInvoice,
  status: statements.readStatus,
  'serving-receipt': statements.readServingReceipt,
  'call-record': statements.readCallRecord,
  'contribution-record': statements.readContributionRecord,
  record: statements.readPublicRecord,
  anchors: statements.readAnchors,
  'log-leaf': (text: string) => statements.decodeLogLeaf(encodeUtf8(text)),
  bundle: (text: string) => statements.decodeBundle(encodeUtf8(text)),
  'stream-mark': statements.decodeMark,
}

test('every kind is in the vectors, with at least three refusals of its own', () => {
  assert.deepEqual(
    file.statements.map(({ kind }) => kind),
    [...statements.STATEMENT_KINDS],
  )
  for (const { kind, refused } of file.statements) assert.ok(refused.length >= 7, kind)
  assert.deepEqual(file.documents.map(({ name }) => name).sort(), Object.keys(readers).sort())
})

test('an accepted envelope opens to its digest and signer, and signing it again gives the same bytes', async () => {
  for (const { kind, digest, signer, envelope } of file.statements) {
    const key = await signingKeyFromSeed(decodeHex(file.keys[signer]!.seed))
    assert.equal(key.publicKey, file.keys[signer]!.publicKey)
    const opened = await statements.openStatement(kinds[kind], envelope)
    assert.equal(opened.digest, digest, kind)
    assert.equal(opened.signer, key.publicKey, kind)
    const again = await statements.signStatement(kinds[kind], opened.predicate, key)
    assert.deepEqual(again.envelope, envelope, kind)
  }
})

test('every refused envelope is refused by the rule it breaks', async () => {
  for (const { kind, refused } of file.statements) {
    for (const { name, code, envelope } of refused) {
      await assert.rejects(
        statements.openStatement(kinds[kind], envelope),
        { code },
        `${kind}: ${name} (${code})`,
      )
    }
  }
})

test('documents are read, and refused by the rule they break', () => {
  for (const { name, accepted, refused } of file.documents) {
    const read = readers[name]!
    assert.ok(read(accepted), name)
    for (const { name: lie, code, value } of refused)
      assert.throws(() => read(value), { code }, `${name}: ${lie} (${code})`)
  }
})

test('a keyset names its evidence’s nonces', () => {
  const { keyset, digest, termNonce, clientNonce, gpus, ...known } = answers['keyset']
  assert.equal(statements.keysetDigest(keyset), digest)
  assert.equal(encodeHex(statements.gpuNonce(keyset, termNonce)), known.gpuNonce)
  assert.equal(digestOf(gpus), known.gpuListDigest)
  assert.equal(encodeHex(statements.challenge(keyset, clientNonce, gpus)), known.challenge)
  assert.equal(encodeHex(statements.challenge(keyset, clientNonce, [])), known.challengeWithoutGpus)
  assert.throws(() => statements.challenge(keyset, 'short', gpus))
})

test('the ACI keyset and its report data are those of aci/1', () => {
  const { keyset, digest, nonce, reportData, reportDataWithoutNonce } = answers['aci']
  assert.equal(statements.aciKeysetDigest(keyset), digest)
  assert.equal(encodeHex(statements.aciReportData(digest, nonce)), reportData)
  assert.equal(encodeHex(statements.aciReportData(digest, null)), reportDataWithoutNonce)
})

test('base, recipe, prices and validation set have their digests', async () => {
  const { base, baseDigest, recipe, recipeDigest, currency, prices, validation } = answers['policy']
  const { predicate } = await statements.openStatement(statements.policy, file.statements[0]!.envelope)
  assert.equal(statements.baseDigest(base), baseDigest)
  assert.equal(statements.recipeDigest(predicate), recipeDigest)
  assert.equal(digestOf(recipe), recipeDigest)
  for (const { price, digest } of prices) {
    assert.equal(statements.priceDigest(predicate, price.model), digest)
    assert.equal(digestOf({ currency, price }), digest)
  }
  assert.equal(
    statements.validationCommitment(validation.items, decodeHex(validation.secret)),
    validation.commitment,
  )
})

test('items, their root and the sealed bundle have their digests', () => {
  const { secret, items, root, header, plaintextSha256 } = answers['bundle']
  for (const [index, { item, salt, commitment }] of items.entries()) {
    assert.equal(encodeHex(statements.itemSalt(decodeHex(secret), index)), salt)
    assert.equal(encodeHex(statements.itemCommitment(item, decodeHex(salt))), commitment)
  }
  const plain = items.map(({ item }: { item: statements.Item }) => item)
  assert.equal(statements.commitBundle(plain, decodeHex(secret)).root, root)
  assert.equal(sha256Hex(statements.encodeBundle(header, plain)), plaintextSha256)
})

test('log leaves hide statements under their salts', () => {
  for (const { statement, salt, leaf, bytes } of answers['logLeaves']) {
    assert.deepEqual(statements.logLeafOf(leaf.type, statement, salt), leaf)
    assert.equal(decodeUtf8(statements.encodeLogLeaf(leaf)), bytes)
  }
})

test('a manifest’s tree is sorted by what the log shows', () => {
  const { leaves, root, size } = answers['manifestTree']
  const sorted = leaves
    .map(({ leaf, value }: { leaf: statements.ManifestLeaf; value: string }) => {
      assert.equal(statements.manifestLeafValue(leaf), value)
      return { key: decodeHex(leaf.key), value: decodeHex(value) }
    })
    .sort((one: { key: Uint8Array }, other: { key: Uint8Array }) =>
      encodeHex(one.key) < encodeHex(other.key) ? -1 : 1,
    )
  const tree = new SortedTree(sorted)
  assert.deepEqual([encodeHex(tree.root), tree.size], [root, size])
})

test('seed and model digest follow from what they name', () => {
  const { trainingSeed, model } = answers
  assert.equal(statements.trainingSeed(trainingSeed.manifest), trainingSeed.seed)
  assert.equal(statements.modelDigest(model.files), model.digest)
  assert.equal(statements.modelDigest([...model.files].reverse()), model.digest)
})

test('what an extraction asks for is drawn by the manifest', () => {
  const { manifest, items } = answers['extractionOrder']
  assert.equal(items.length, 5)
  for (const { commitment, order } of items)
    assert.equal(statements.extractionOrder(manifest, commitment), order)
})

test('leaves that only their party sees lead to the public sums', () => {
  const digests: Record<string, (leaf: any) => string> = {
    tokens: statements.tokensLeafDigest,
    share: statements.shareLeafDigest,
    payout: statements.payoutLeafDigest,
  }
  for (const { of, key, leaves, tree } of answers['sumTrees']) {
    for (const { leaf, digest } of leaves) assert.equal(digests[of]!(leaf), digest)
    const { root } = new SumTree(leaves.map(sumLeaf), decodeHex(key))
    assert.deepEqual(statements.encodeSumRoot(root), tree)
  }
})

test('public usage leaves lead to the close’s sum', () => {
  const { leaves, tree, treeOfThree, treeOfNone } = answers['usage']
  for (const { leaf, digest } of leaves) assert.equal(statements.usageLeafDigest(leaf), digest)
  assert.deepEqual(statements.encodeSumRoot(orderedSumRoot(leaves.map(sumLeaf))), tree)
  const three = [1, 2, 3].map((sum) => sumLeaf({ sum, digest: sha256Hex(encodeUtf8(String(sum))) }))
  assert.deepEqual(statements.encodeSumRoot(orderedSumRoot(three)), treeOfThree)
  assert.deepEqual(statements.encodeSumRoot(orderedSumRoot([])), treeOfNone)
})

test('a payout leaf binds where the money goes', () => {
  for (const { payee, salt, destination } of answers['destination'])
    assert.equal(statements.destinationOf(payee, salt), destination)
})

test('dispute findings have their digest and come to their outcome', () => {
  for (const { findings, digest, outcome } of answers['disputeFindings']) {
    assert.equal(statements.findingsDigest(findings), digest)
    assert.equal(statements.outcomeOf(findings), outcome)
  }
})

test('an invoice is signed by the ledger, over all of it, and names its receipts whatever their order', async () => {
  const { invoice, digest, receipts, receiptsDigest } = answers['invoice']
  assert.equal(statements.invoiceDigest(invoice), digest)
  assert.equal(statements.receiptsDigest(receipts), receiptsDigest)
  assert.equal(statements.receiptsDigest(receipts.toReversed()), receiptsDigest)
  assert.notEqual(statements.receiptsDigest(receipts.slice(1)), receiptsDigest)
  const { ledger, serve } = file.keys
  assert.equal(await statements.isInvoiceOf(invoice, ledger!.publicKey), true)
  assert.equal(await statements.isInvoiceOf(invoice, serve!.publicKey), false)
  const others = { ...invoice, buyer: 'buyer-fedcba9876543210' }
  assert.equal(await statements.isInvoiceOf(others, ledger!.publicKey), false)
  const claimed = { ...invoice, key_id: serve!.publicKey }
  assert.equal(await statements.isInvoiceOf(claimed, serve!.publicKey), false)
})

test('a serving receipt is named by its signed form', async () => {
  const { receipt, digest } = answers['servingReceipt']
  assert.equal(statements.servingReceiptDigest(receipt), digest)
  const { predicate } = await statements.openStatement(statements.evidence, file.statements[1]!.envelope)
  assert.equal(await statements.isReceiptOf(receipt, predicate.aciKeyset), true)
  assert.equal(await statements.isReceiptOf({ ...receipt, model: 'base' }, predicate.aciKeyset), false)
})

test('stream marks chain the bytes on the wire', async () => {
  const { receiptId, request, requestHash, keysetDigest, start, segments, markKey, marks } =
    answers['streamMarks']
  assert.equal(statements.bodyHashOf(encodeUtf8(request)), requestHash)
  let chain = statements.startChain(receiptId, requestHash, keysetDigest)
  assert.equal(encodeHex(chain), start)
  for (const [at, { segment, chain: expected }] of segments.entries()) {
    chain = statements.extendChain(chain, encodeUtf8(segment))
    assert.equal(encodeHex(chain), expected)
    assert.equal(marks[at].chain, expected)
    assert.equal(await statements.isMarkOf(marks[at], [markKey]), true)
    assert.equal(await statements.isMarkOf({ ...marks[at], events: 99 }, [markKey]), false)
    assert.equal(await statements.isMarkOf(marks[at], []), false)
  }
  assert.equal(await isSignature(markKey, new Uint8Array(32), decodeHex(marks[0].signature)), false)
})

function sumLeaf({ sum, digest }: { sum: number | string; digest: string }) {
  return { sum: BigInt(sum), digest: decodeHex(digest) }
}

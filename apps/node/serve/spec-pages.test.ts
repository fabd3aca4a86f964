import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { encodeHex, encodeUtf8 } from '#bytes'
import {
  aciKeysetDigest,
  bodyHashOf,
  decodeMark,
  eventOf,
  extendChain,
  isMarkOf,
  isReceiptOf,
  readAciKeyset,
  readServingReceipt,
  startChain,
} from '#statements'

const page = (name: string) => readFile(join(import.meta.dirname, '../../../spec', name), 'utf8')

/** The text of a page's fenced blocks, each with its last line feed. */
const blocks = (text: string) => [...text.matchAll(/^```\w+\n([\s\S]*?)^```$/gm)].map((found) => found[1]!)

test('the pages’ receipt verifies under the pages’ keyset and covers the pages’ request and stream', async () => {
  const [receiptText, keysetText] = blocks(await page('serving-receipt.md'))
  const [stream, request] = blocks(await page('stream-mark.md'))
  const keyset = readAciKeyset(JSON.parse(keysetText!))
  const receipt = readServingReceipt(JSON.parse(receiptText!))
  assert.ok(await isReceiptOf(receipt, keyset))
  assert.equal(eventOf(receipt, 'request.received')?.body_hash, bodyHashOf(encodeUtf8(request!.trimEnd())))
  assert.equal(eventOf(receipt, 'response.returned')?.body_hash, bodyHashOf(encodeUtf8(stream!)))
})

test('the page’s marks lead from the page’s request to the receipt’s last link', async () => {
  const text = await page('stream-mark.md')
  const [stream, request] = blocks(text)
  const [receiptText, keysetText] = blocks(await page('serving-receipt.md'))
  const receipt = readServingReceipt(JSON.parse(receiptText!))
  const key = /^`([0-9a-f]{64})`\.$/m.exec(text)?.[1]
  let chain = startChain(
    receipt.receipt_id,
    bodyHashOf(encodeUtf8(request!.trimEnd())),
    aciKeysetDigest(readAciKeyset(JSON.parse(keysetText!))),
  )
  let segment = ''
  let marks = 0
  for (const block of stream!.split(/(?<=\n\n)/)) {
    const mark = decodeMark(block.trimEnd())
    if (mark === undefined) segment += block
    else {
      chain = extendChain(chain, encodeUtf8(segment))
      segment = ''
      marks += 1
      assert.equal(mark.chain, encodeHex(chain))
      assert.ok(await isMarkOf(mark, [key!]))
    }
  }
  assert.equal(segment, 'data: [DONE]\n\n')
  const ended = eventOf(receipt, 'response.ended')
  assert.deepEqual([ended?.marks, ended?.chain], [marks, encodeHex(chain)])
})

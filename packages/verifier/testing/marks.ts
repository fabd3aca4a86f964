/** An answer in pieces with signed stream marks between them, as a buyer keeps it. */
import { concatBytes, encodeBase64, encodeHex, encodeUtf8, type Bytes } from '#bytes'
import {
  aciKeysetDigest,
  bodyHashOf,
  encodeMark,
  extendChain,
  signMark,
  startChain,
  type CallRecord,
} from '#statements'
import { keyOf } from './keys.ts'
import { aciKeysetOf } from './machine.ts'

/** Without a receipt: the connection broke after the last mark. `edit` works on the bytes on the wire. */
export async function markedCall(
  pieces: readonly string[],
  edit: (text: string) => string = (text) => text,
  role = 'mark of term 2',
  ended: 'complete' | null = null,
): Promise<CallRecord> {
  const request = encodeUtf8('{"stream":true}')
  const receiptId = 'receipt-of-a-stream'
  const key = await keyOf(role)
  let chain = startChain(receiptId, bodyHashOf(request), aciKeysetDigest(await aciKeysetOf(2)))
  let wire: Bytes = new Uint8Array()
  for (const [index, piece] of pieces.entries()) {
    chain = extendChain(chain, encodeUtf8(piece))
    const fields = {
      receipt_id: receiptId,
      mark: index + 1,
      events: index + 1,
      chain: encodeHex(chain),
      ended: index === pieces.length - 1 ? ended : null,
      key_id: key.publicKey,
    }
    wire = concatBytes(wire, encodeUtf8(piece), encodeMark(await signMark(fields, key)))
  }
  const text = edit(
    `${new TextDecoder().decode(wire)}${ended === null ? 'data: after the last mark' : 'data: [DONE]\n\n'}`,
  )
  return {
    format: 'fairweight/call-record/v1',
    receipt: null,
    request: encodeBase64(request),
    response: encodeBase64(encodeUtf8(text)),
  }
}

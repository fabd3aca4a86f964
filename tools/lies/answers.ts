/** An answer with its stream marks signed again, and a receipt that fits it (spec/stream-mark.md). */
import { concatBytes, decodeBase64, encodeBase64, encodeHex, type Bytes } from '#bytes'
import {
  bodyHashOf,
  decodeMark,
  encodeMark,
  extendChain,
  signMark,
  startChain,
  type CallRecord,
  type ServingReceipt,
  type StreamMark,
} from '#statements'
import type { Liar } from './liar.ts'

export type ReceiptDocument = Omit<ServingReceipt, 'signature'>

/** Of an answer that was given up, hash and end stay: what was handed to the connection is not known. */
export async function answerOf(
  { response }: CallRecord,
  document: ReceiptDocument,
  nameOf: (id: string) => string,
  liar: Liar,
): Promise<{ document: ReceiptDocument; response: string | null }> {
  if (response === null) return { document, response }
  const { bytes, marks, chain } = await marked(decodeBase64(response), document, nameOf, liar)
  const aborted = document.event_log.some((one) => one.type === 'response.ended' && one.how === 'aborted')
  const events = document.event_log.map((one) => {
    if (one.type === 'response.returned' && !aborted) return { ...one, body_hash: bodyHashOf(bytes) }
    if (one.type === 'response.ended' && (!aborted || one.marks === marks)) return { ...one, marks, chain }
    return one
  })
  return { document: { ...document, event_log: events }, response: encodeBase64(bytes) }
}

async function marked(answer: Bytes, document: ReceiptDocument, nameOf: (id: string) => string, liar: Liar) {
  const request = document.event_log.find((one) => one.type === 'request.received')!.body_hash
  let chain = startChain(document.receipt_id, request, document.workload_keyset_digest)
  let bytes: Bytes = new Uint8Array()
  let marks = 0
  for (const { segment, mark } of splitAtMarks(answer)) {
    bytes = concatBytes(bytes, segment)
    if (mark === null) continue
    chain = extendChain(chain, segment)
    const { signature: _, ...fields } = mark
    const key = liar.key(nameOf(mark.key_id))
    const signed = await signMark({ ...fields, chain: encodeHex(chain), key_id: key.publicKey }, key)
    bytes = concatBytes(bytes, encodeMark(signed))
    marks += 1
  }
  return { bytes, marks, chain: marks === 0 ? null : encodeHex(chain) }
}

/** What stands between marks, in order; what follows the last one has none. */
export function splitAtMarks(answer: Bytes): readonly { segment: Bytes; mark: StreamMark | null }[] {
  // One character a byte: an answer that was cut off may end within a character.
  const text = Buffer.from(answer).toString('latin1')
  const parts: { segment: Bytes; mark: StreamMark | null }[] = []
  let start = 0
  for (const found of text.matchAll(/^(: fairweight-mark .*)\n\n/gm)) {
    parts.push({ segment: answer.slice(start, found.index), mark: decodeMark(found[1]!) ?? null })
    start = found.index + found[0].length
  }
  return [...parts, { segment: answer.slice(start), mark: null }]
}

/** What buyers hold: lies about an answer and its receipt. */
import { decodeBase64, encodeBase64 } from '#bytes'
import { eventOf, type CallRecord } from '#statements'
import { splitAtMarks } from '../answers.ts'
import { editEvent, plainCalls, sequenceOf } from '../craft/people.ts'
import type { Lie } from '../scene.ts'
import { callName, type Tale, type TaleCall } from '../tale.ts'

export const receiptLies: readonly Lie[] = [
  {
    name: 'answer-changed',
    who: 'whoever carries the answer',
    to: 'a buyer',
    what: 'changes one byte of an answer on its way',
    begins: 'afterwards',
    check: 'c5.receipt-body',
    tell: ({ tale, edits }) => {
      const [call] = plainCalls(tale)
      edits.push(({ calls }) => {
        const bytes = decodeBase64(call!.record.response!)
        const at = Buffer.from(bytes).indexOf('"content"') + 12
        bytes[at]! ^= 1
        calls.set(call!.file, { ...call!.record, response: encodeBase64(bytes) } satisfies CallRecord)
      })
      return `the response kept in ${callName(tale, call!)}`
    },
  },
  {
    name: 'stream-cut',
    who: 'operator',
    to: 'a buyer',
    what: 'cuts a stream after a mark and signs a receipt that calls it complete',
    begins: 'from the start',
    check: 'c5.stream-marks',
    tell: (scene) => {
      const { tale } = scene
      const call = streamed(tale)
      // Marks and receipt are signed again over what is left, and fit it.
      Object.assign(call.record, { response: cutAfterFirstMark(call.record.response!) })
      editEvent(call, 'response.ended', { how: 'complete' })
      return `the answer kept in ${callName(tale, call)}`
    },
  },
]

/** A stream that ended by itself, after more than one mark. */
function streamed({ calls }: Tale): TaleCall {
  const found = calls
    .filter(({ record }) => {
      const ended = eventOf(record.receipt, 'response.ended')
      return ended !== undefined && ended.how !== 'aborted' && ended.marks > 1 && record.response !== null
    })
    .sort((one, other) => sequenceOf(one) - sequenceOf(other))[0]
  if (found === undefined) throw new Error('no buyer keeps a stream of two marks')
  return found
}

function cutAfterFirstMark(response: string): string {
  const bytes = decodeBase64(response)
  const [first] = splitAtMarks(bytes)
  const end = Buffer.from(bytes).indexOf('\n\n', first!.segment.length) + 2
  return encodeBase64(bytes.slice(0, end))
}

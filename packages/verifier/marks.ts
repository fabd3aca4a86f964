/**
 * Stream marks in an answer that a buyer kept (spec/stream-mark.md): what was answered is proven up to the last
 * one, whether or not a receipt ever came.
 */
import { decodeBase64, decodeUtf8, encodeHex, encodeUtf8, equalBytes, type Bytes } from '#bytes'
import {
  aciKeysetDigest,
  bodyHashOf,
  decodeMark,
  eventOf,
  extendChain,
  isMarkOf,
  keysInRole,
  startChain,
  type CallRecord,
  type ReceiptEvent,
  type StreamMark,
} from '#statements'
import type { Appraisal } from './evidence.ts'
import { messageOf, type CheckRun, type Findings } from './findings.ts'
import type { Named } from './input.ts'
import type { Pool } from './pool.ts'

export async function checkMarks({ calls, keysets }: Pool, findings: Findings): Promise<void> {
  const check = findings.check('c5.stream-marks', 'each signed mark in an answer with the bytes before it')
  for (const call of calls) {
    if (call.value.response === null) continue
    try {
      await checkAnswer(call, call.value.response, keysets, check)
    } catch (error) {
      check.fail(`the answer kept in ${call.name}: ${messageOf(error)}`)
    }
  }
}

async function checkAnswer(
  { name, value }: Named<CallRecord>,
  response: string,
  keysets: readonly Appraisal[],
  check: CheckRun,
): Promise<void> {
  const parts = splitAtMarks(decodeBase64(response))
  const marks = parts.flatMap(({ mark }) => (mark === undefined ? [] : [mark]))
  const ended = value.receipt === null ? undefined : eventOf(value.receipt, 'response.ended')
  if (marks.length === 0) {
    if (value.receipt === null) check.unknown(`${name} has neither a receipt nor a mark: it proves nothing`)
    else if (ended !== undefined && ended.marks > 0 && ended.how !== 'aborted') {
      check.fail(`the answer kept in ${name} has no mark; its receipt says ${ended.marks}`)
    }
    return
  }
  const requestHash =
    value.receipt === null
      ? value.request === null
        ? undefined
        : bodyHashOf(decodeBase64(value.request))
      : eventOf(value.receipt, 'request.received')?.body_hash
  if (requestHash === undefined) {
    check.unknown(`${name} keeps no request, which its marks name`)
    return
  }
  const problem = await markProblem(parts, requestHash, keysets)
  if (problem !== undefined) check.fail(`the answer kept in ${name}: ${problem}`)
  else if (ended !== undefined && !isWhole(ended, marks)) {
    check.fail(
      `the answer kept in ${name} has ${marks.length} marks; its receipt ends with mark ${ended.marks} at another link`,
    )
  } else if (ended !== undefined && ended.how !== 'aborted' && marks.at(-1)?.ended !== ended.how) {
    check.fail(
      `the answer kept in ${name} stops at mark ${marks.length}, which ${endOf(marks.at(-1))}; its receipt says ${ended.how}`,
    )
  } else if (value.receipt === null) {
    check.partial(
      `${name} has no receipt: ${marks.length} marks prove what was answered, not that it was counted`,
    )
  } else check.pass()
}

function endOf(mark: StreamMark | undefined): string {
  return mark === undefined || mark.ended === null ? 'does not end it' : `ends it as ${mark.ended}`
}

/** All marks that were sent; of an aborted answer, as many as arrived. */
function isWhole(
  { how, marks: sent, chain }: Extract<ReceiptEvent, { type: 'response.ended' }>,
  marks: readonly StreamMark[],
): boolean {
  if (how === 'aborted' && marks.length < sent) return true
  return sent === marks.length && chain === marks.at(-1)?.chain
}

interface Part {
  /** The bytes since the mark before. */
  readonly segment: Bytes
  /** Undefined for what follows the last mark. */
  readonly mark: StreamMark | undefined
}

/** One keyset must explain all marks: their key, and the chain that starts with its name. */
async function markProblem(
  parts: readonly Part[],
  requestHash: string,
  keysets: readonly Appraisal[],
): Promise<string | undefined> {
  const first = parts[0]?.mark
  const keyset = keysets.find(
    (one) => one.trusted && first !== undefined && keysInRole(one.keyset, 'mark').includes(first.key_id),
  )
  if (first === undefined || keyset === undefined)
    return `its marks are by ${first?.key_id}, a mark key of no evidence`
  let chain = startChain(first.receipt_id, requestHash, aciKeysetDigest(keyset.aciKeyset))
  for (const [index, { segment, mark }] of parts.entries()) {
    if (mark === undefined) {
      // What follows the last mark is proven by nothing; after the answer's end there is only the sentinel.
      const over = parts[index - 1]?.mark?.ended !== null && !isSentinel(segment)
      return over ? 'something follows the mark that ends it' : undefined
    }
    if (index > 0 && parts[index - 1]?.mark?.ended !== null)
      return `mark ${mark.mark} follows the one that ends it`
    chain = extendChain(chain, segment)
    if (mark.mark !== index + 1 || mark.receipt_id !== first.receipt_id) {
      return `mark ${mark.mark} of ${mark.receipt_id} stands where mark ${index + 1} should`
    }
    if (mark.chain !== encodeHex(chain)) return `the bytes before mark ${mark.mark} are not the ones it signs`
    if (!(await isMarkOf(mark, keysInRole(keyset.keyset, 'mark'))))
      return `mark ${mark.mark} is not signed by its key`
  }
  return undefined
}

function isSentinel(rest: Bytes): boolean {
  return rest.length === 0 || equalBytes(rest, encodeUtf8('data: [DONE]\n\n'))
}

/** A mark is one comment line and the blank line that ends it; neither belongs to a segment. */
function splitAtMarks(bytes: Bytes): readonly Part[] {
  const parts: Part[] = []
  let start = 0
  for (let line = 0; line < bytes.length;) {
    const newline = bytes.indexOf(0x0a, line)
    // An answer may be cut off within a mark: what has no line feed is none.
    if (newline < 0) break
    // Only a comment can be a mark; other lines may hold any bytes.
    const mark = bytes[line] === 0x3a ? decodeMark(decodeUtf8(bytes.subarray(line, newline))) : undefined
    if (mark !== undefined) parts.push({ segment: bytes.slice(start, line), mark })
    line = newline + 1
    if (mark === undefined) continue
    if (bytes[line] === 0x0a) line += 1
    start = line
  }
  return [...parts, { segment: bytes.slice(start), mark: undefined }]
}

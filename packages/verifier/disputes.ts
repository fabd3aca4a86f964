/**
 * Disputes (spec/dispute.md): everyone sees that each in the log has a deadline and an answer; who disputed sees
 * that the answer is what the findings come to.
 */
import { findingsDigest, logLeafOf, outcomeOf, type DisputeReceipt, type LogLeaf } from '#statements'
import type { CheckRun, Findings } from './findings.ts'
import type { Logged } from './open.ts'
import type { Dated } from './policies.ts'
import type { Pool } from './pool.ts'
import { formatSeconds, secondsOf } from './times.ts'
import type { OpenedDispute } from './wishes.ts'

export function checkDisputes(pool: Pool, cosigned: readonly Dated[], findings: Findings): void {
  const answered = findings.check(
    'c6.dispute-answered',
    'each dispute in the log with its receipt and its answer',
  )
  const open = new Map(
    pool.leaves.flatMap((leaf, index) => (leaf?.type === 'dispute' ? [[leaf.digest, index] as const] : [])),
  )
  checkReceipts(pool, open, cosigned, answered)
  const found = findings.check(
    'c6.dispute-findings',
    'each given dispute with its leaf, its answer and the findings',
  )
  for (const one of pool.contributions) {
    for (const dispute of one.disputes) checkFindings(pool, one.contributor, dispute, found)
  }
}

function checkReceipts(
  pool: Pool,
  open: ReadonlyMap<string, number>,
  cosigned: readonly Dated[],
  check: CheckRun,
): void {
  const { disputeReceipts, disputeAnswers } = pool.opened
  const receipts = new Map<string, Logged<DisputeReceipt>>()
  for (const receipt of disputeReceipts) {
    const { dispute } = receipt.predicate
    if (!open.has(dispute))
      check.fail(`${receipt.name} is of a dispute ${dispute} that the log does not hold`)
    else if (receipts.has(dispute))
      check.fail(`${receipt.name} gives the dispute ${dispute} a second deadline`)
    else receipts.set(dispute, receipt)
  }
  const answers = Map.groupBy(disputeAnswers, ({ predicate }) => predicate.dispute)
  for (const [dispute, given] of answers) {
    if (!open.has(dispute))
      check.fail(`${given[0]!.name} is to a dispute ${dispute} that the log does not hold`)
    else if (given.length > 1) check.fail(`${given[1]!.name} is a second answer to the dispute ${dispute}`)
  }
  for (const [dispute, index] of open) {
    const receipt = receipts.get(dispute)
    if (receipt === undefined)
      check.fail(`the dispute at leaf ${index} has no receipt that says when it is answered`)
    else {
      const answer = answers.get(dispute)?.[0]?.predicate
      judge(pool, index, receipt, answer, seenBy(cosigned, index), check)
    }
  }
}

function judge(
  { line, at }: Pool,
  index: number,
  { name, predicate: { policy, receivedAt, answerBy } }: Logged<DisputeReceipt>,
  answer: { readonly answeredAt: string; readonly outcome: string } | undefined,
  seen: number,
  check: CheckRun,
): void {
  const seconds = line.byDigest(policy)?.predicate.disputes.answerSeconds
  if (seconds === undefined) return
  const received = secondsOf(receivedAt)
  if (secondsOf(answerBy) !== received + seconds) {
    check.fail(
      `${name} promises an answer by ${answerBy}; the policy makes ${formatSeconds(received + seconds)}`,
    )
    return
  }
  // The date is the node's word. A checkpoint that covers the leaf shows that the dispute had come by then.
  const due = Math.min(received, seen) + seconds
  const deadline = formatSeconds(due)
  const what = `the dispute at leaf ${index}`
  if (answer === undefined && at > due) check.fail(`${what} was to be answered by ${deadline}, and is not`)
  else if (answer === undefined) check.pending(`${what} is to be answered by ${deadline}`, deadline)
  else if (answer.outcome === 'differs')
    check.fail(`${what}: the node finds another number than it had signed, and says so in its answer`)
  else if (secondsOf(answer.answeredAt) > due)
    check.fail(`${what} was to be answered by ${deadline}, and was at ${answer.answeredAt}`)
  else if (answer.outcome === 'not-recomputed')
    check.partial(`${what} is answered, and something in it could not be computed again`)
  else check.pass()
}

/** When witnesses had first seen the leaf; never, where none has. */
function seenBy(cosigned: readonly Dated[], index: number): number {
  return cosigned.filter(({ size }) => size > index).reduce((first, { at }) => Math.min(first, at), Infinity)
}

function checkFindings(
  { leaves, opened, at }: Pool,
  contributor: string,
  { name, dispute: { digest, predicate, signer, leafIndex, salt }, findings }: OpenedDispute,
  check: CheckRun,
): void {
  if (signer !== contributor || predicate.contributor !== contributor) {
    check.fail(`${name} is signed by ${signer}, and the offer is by ${contributor}`)
    return
  }
  const logged: LogLeaf = logLeafOf('dispute', digest, salt)
  const leaf = leaves[leafIndex]
  if (leaf?.type !== logged.type || leaf.digest !== logged.digest) {
    check.fail(`${name} is not what the log holds at leaf ${leafIndex}`)
    return
  }
  const answer = opened.disputeAnswers.find((one) => one.predicate.dispute === logged.digest)?.predicate
  if (answer === undefined) {
    const receipt = opened.disputeReceipts.find((one) => one.predicate.dispute === logged.digest)?.predicate
    const overdue = receipt !== undefined && secondsOf(receipt.answerBy) < at
    if (findings !== null) check.fail(`${name} has findings, and there is no public answer that binds them`)
    // That an answer is missing is told by the check before.
    else if (!overdue) check.pending(`${name} is not answered yet`, receipt?.answerBy)
  } else if (findings === null) check.fail(`${name} is answered, and its findings were kept back`)
  else if (findings.dispute !== digest || findingsDigest(findings) !== answer.findings)
    check.fail(`${name} has other findings than its answer binds`)
  else if (outcomeOf(findings) !== answer.outcome)
    check.fail(`${name} is answered ‘${answer.outcome}’; the findings come to ‘${outcomeOf(findings)}’`)
  else check.pass()
}

/** What contributors ask for later: another payee, by their own key and by a recovery key; and an answer to a dispute. */
import {
  dispute,
  disputeAnswer,
  disputeReceipt,
  findingsDigest,
  logLeafOf,
  outcomeOf,
  payeeCancellation,
  payeeChange,
  payeeReceipt,
  payoutLeafDigest,
  signStatement,
  type DisputeFindings,
} from '#statements'
import type { DataExamples } from './data.ts'
import { fixedHex, type Signers } from './fixed.ts'
import type { MoneyExamples } from './money.ts'
import type { PoolExamples } from './pool.ts'

export async function peopleExamples(
  signers: Signers,
  { policyStatement }: PoolExamples,
  { contributions }: DataExamples,
  money: MoneyExamples,
) {
  const under = { pool: policyStatement.digest, policy: policyStatement.digest }
  const place = { node: 'node-1', term: 1 }
  const contributor = signers.bruno.publicKey
  const changeStatement = await signStatement(
    payeeChange,
    {
      ...under,
      contributor,
      previous: null,
      payee: { kind: 'iban', iban: 'CH9300762011623852957', name: 'Bruno AG' },
      recovery: signers.recovery.publicKey,
      fromPeriod: 2,
      nonce: fixedHex('payee change nonce'),
      issuedAt: '2026-11-07T09:00:00Z',
    },
    signers.bruno,
  )
  const changeReceiptStatement = await signStatement(
    payeeReceipt,
    {
      ...under,
      ...place,
      contributor,
      statement: changeStatement.digest,
      receivedAt: '2026-11-07T09:00:01Z',
      waitsUntil: '2026-11-07T09:00:01Z',
    },
    signers.ingest,
  )
  // By whoever found the paper with the recovery key; Bruno still has his own, and objects.
  const recovered = await signStatement(
    payeeChange,
    {
      ...under,
      contributor,
      previous: changeStatement.digest,
      payee: { kind: 'evm', chainId: 1, address: `0x${'5a'.repeat(20)}` },
      recovery: null,
      fromPeriod: 2,
      nonce: fixedHex('recovery nonce'),
      issuedAt: '2026-11-08T09:00:00Z',
    },
    signers.recovery,
  )
  const cancellationStatement = await signStatement(
    payeeCancellation,
    { ...under, contributor, change: recovered.digest, issuedAt: '2026-11-09T09:00:00Z' },
    signers.bruno,
  )
  const [, leaf] = money.payees
  const disputeStatement = await signStatement(
    dispute,
    {
      ...under,
      contributor,
      reason: 'payout-miscomputed',
      about: { statement: money.payoutStatement.digest, leaf: payoutLeafDigest(leaf!) },
      nonce: fixedHex('dispute nonce'),
      issuedAt: '2026-11-07T10:00:00Z',
    },
    signers.bruno,
  )
  const key = logLeafOf('dispute', disputeStatement.digest, fixedHex('dispute salt')).digest
  const disputeReceiptStatement = await signStatement(
    disputeReceipt,
    {
      ...under,
      ...place,
      dispute: key,
      receivedAt: '2026-11-07T10:00:01Z',
      answerBy: '2026-11-14T10:00:01Z',
    },
    signers.ingest,
  )
  const findings: DisputeFindings = {
    format: 'fairweight/dispute-findings/v1',
    dispute: disputeStatement.digest,
    parts: [
      { what: 'amount', stated: leaf!.amount, recomputed: leaf!.amount },
      { what: 'cumulative', stated: leaf!.cumulative, recomputed: leaf!.cumulative },
    ],
    salt: fixedHex('findings salt'),
  }
  const disputeAnswerStatement = await signStatement(
    disputeAnswer,
    {
      ...under,
      ...place,
      dispute: key,
      answeredAt: '2026-11-07T10:00:02Z',
      outcome: outcomeOf(findings),
      findings: findingsDigest(findings),
    },
    signers.ingest,
  )
  const share = contributions[1]!.share
  const doubted = (recomputed: string | null): DisputeFindings => ({
    ...findings,
    parts: [
      { what: 'score', stated: '22000 ± 3000', recomputed: null },
      { what: 'share', stated: String(share.share), recomputed },
    ],
  })
  return {
    changeStatement,
    changeReceiptStatement,
    cancellationStatement,
    disputeStatement,
    disputeReceiptStatement,
    disputeAnswerStatement,
    findings: [findings, doubted(String(share.share)), doubted(String(share.share + 1))],
  }
}
export type PeopleExamples = Awaited<ReturnType<typeof peopleExamples>>

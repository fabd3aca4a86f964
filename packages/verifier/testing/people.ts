/**
 * What the test pool's contributors ask for between the two payouts, where a test wants it: Bob's money goes
 * elsewhere, somebody with his recovery key tries the same and is cancelled, and Alice disputes what she was paid.
 */
import {
  dispute,
  disputeAnswer,
  disputeReceipt,
  findingsDigest,
  formatTime,
  logLeafOf,
  outcomeOf,
  payeeCancellation,
  payeeChange,
  payeeReceipt,
  payoutLeafDigest,
  type ContributionRecord,
  type Dispute,
  type DisputeAnswer,
  type DisputeFindings,
  type DisputeReceipt,
  type Payee,
  type PayeeCancellation,
  type PayeeChange,
  type PayeeReceipt,
  type StatementKind,
} from '#statements'
import { under, type Stage } from './bundles.ts'
import { hexOf, keyOf } from './keys.ts'
import type { Entered } from './log.ts'
import { NODE } from './machine.ts'
import type { Paid } from './money.ts'

/** What each statement says instead, and who signs it. */
export interface PeopleLie {
  readonly change?: (honest: PayeeChange) => PayeeChange
  readonly changeBy?: string
  readonly changeReceipt?: (honest: PayeeReceipt) => PayeeReceipt
  readonly recovery?: (honest: PayeeChange) => PayeeChange
  readonly recoveryReceipt?: (honest: PayeeReceipt) => PayeeReceipt
  readonly cancellation?: (honest: PayeeCancellation) => PayeeCancellation
  readonly cancellationReceipt?: (honest: PayeeReceipt) => PayeeReceipt
  readonly dispute?: (honest: Dispute) => Dispute
  /** Null: none is issued. */
  readonly disputeReceipt?: ((honest: DisputeReceipt) => DisputeReceipt) | null
  readonly findings?: (honest: DisputeFindings) => DisputeFindings
  /** One for each answer; none where it is empty. */
  readonly answers?: readonly ((honest: DisputeAnswer) => DisputeAnswer)[]
}

export interface People {
  /** Where Bob wants his money from period 2 on. */
  readonly payee: Payee
  readonly ofBob: Pick<ContributionRecord, 'payeeChanges'>
  readonly ofAlice: Pick<ContributionRecord, 'disputes'>
}

const NEW_PAYEE: Payee = { kind: 'iban', iban: 'CH9300762011623852957', name: 'Bob' }
export const THIEF: Payee = { kind: 'evm', chainId: 1, address: `0x${'5a'.repeat(20)}` }
const RECOVERY = 'recovery key of bob'

export async function people(stage: Stage, lie: PeopleLie, paid: Paid): Promise<People> {
  return { payee: NEW_PAYEE, ofBob: await changes(stage, lie), ofAlice: await disputed(stage, lie, paid) }
}

async function changes(stage: Stage, lie: PeopleLie): Promise<People['ofBob']> {
  const bob = (await keyOf('bob')).publicKey
  const { recoverySeconds } = stage.policy.predicate.payees
  const receive = async (
    statement: string,
    receivedAt: string,
    waits: number | null,
    change?: Edit<PayeeReceipt>,
  ) =>
    enter(stage, payeeReceipt, 'ingest of term 2', change, {
      ...under(stage),
      node: NODE,
      term: 2,
      contributor: bob,
      statement,
      receivedAt,
      waitsUntil: waits === null ? null : later(receivedAt, waits),
    })
  const wish = { ...under(stage), contributor: bob, fromPeriod: 2 }
  const change = await enter(stage, payeeChange, lie.changeBy ?? 'bob', lie.change, {
    ...wish,
    previous: null,
    payee: NEW_PAYEE,
    recovery: (await keyOf(RECOVERY)).publicKey,
    nonce: hexOf('payee change'),
    issuedAt: '2026-11-20T12:21:00Z',
  })
  const changeReceipt = await receive(change.digest, '2026-11-20T12:21:00Z', 0, lie.changeReceipt)
  const recovery = await enter(stage, payeeChange, RECOVERY, lie.recovery, {
    ...wish,
    previous: change.digest,
    payee: THIEF,
    recovery: null,
    nonce: hexOf('payee change by the recovery key'),
    issuedAt: '2026-11-20T12:22:00Z',
  })
  const recoveryReceipt = await receive(
    recovery.digest,
    '2026-11-20T12:22:00Z',
    recoverySeconds,
    lie.recoveryReceipt,
  )
  const cancellation = await enter(stage, payeeCancellation, 'bob', lie.cancellation, {
    ...under(stage),
    contributor: bob,
    change: recovery.digest,
    issuedAt: '2026-11-20T12:30:00Z',
  })
  const its = await receive(cancellation.digest, '2026-11-20T12:30:00Z', null, lie.cancellationReceipt)
  return {
    payeeChanges: [
      { change: logged(change), receipt: logged(changeReceipt), cancellation: null },
      {
        change: logged(recovery),
        receipt: logged(recoveryReceipt),
        cancellation: { cancellation: logged(cancellation), receipt: logged(its) },
      },
    ],
  }
}

async function disputed(
  stage: Stage,
  lie: PeopleLie,
  { statement, leaves }: Paid,
): Promise<People['ofAlice']> {
  const alice = (await keyOf('alice')).publicKey
  const leaf = leaves.get('alice')!
  const place = { ...under(stage), node: NODE, term: 2 }
  const opened = await enter(stage, dispute, 'alice', lie.dispute, {
    ...under(stage),
    contributor: alice,
    reason: 'payout-miscomputed',
    about: { statement: statement.digest, leaf: payoutLeafDigest(leaf) },
    nonce: hexOf('dispute'),
    issuedAt: '2026-11-20T12:31:00Z',
  })
  const key = logLeafOf('dispute', opened.digest, opened.salt).digest
  if (lie.disputeReceipt !== null) {
    const receivedAt = '2026-11-20T12:31:00Z'
    await enter(stage, disputeReceipt, 'ingest of term 2', lie.disputeReceipt, {
      ...place,
      dispute: key,
      receivedAt,
      answerBy: later(receivedAt, stage.policy.predicate.disputes.answerSeconds),
    })
  }
  const honest: DisputeFindings = {
    format: 'fairweight/dispute-findings/v1',
    dispute: opened.digest,
    parts: [{ what: 'amount', stated: leaf.amount, recomputed: leaf.amount }],
    salt: hexOf('findings'),
  }
  const findings = lie.findings?.(honest) ?? honest
  const answers = lie.answers ?? [(it: DisputeAnswer) => it]
  for (const [index, answer] of answers.entries()) {
    await enter(stage, disputeAnswer, 'ingest of term 2', answer, {
      ...place,
      dispute: key,
      answeredAt: later('2026-11-20T12:31:02Z', index),
      outcome: outcomeOf(findings),
      findings: findingsDigest(findings),
    })
  }
  return { disputes: [{ dispute: logged(opened), findings: answers.length === 0 ? null : findings }] }
}

type Edit<Predicate> = ((honest: Predicate) => Predicate) | undefined

async function enter<Predicate>(
  { log }: Stage,
  kind: StatementKind<Predicate>,
  signer: string,
  edit: Edit<Predicate>,
  honest: NoInfer<Predicate>,
): Promise<Entered<Predicate>> {
  const said = edit === undefined ? honest : edit(honest)
  return log.add(kind, said, await keyOf(signer))
}

function logged({ envelope, leafIndex, salt }: Entered<unknown>): ContributionRecord['offer'] {
  return { envelope, leafIndex, salt } as ContributionRecord['offer']
}

function later(time: string, seconds: number): string {
  return formatTime(new Date(Date.parse(time) + seconds * 1000))
}

/** Where a contributor's money goes, as its node shows it and this machine has checked it. */
import { openPayeeLinks } from '#contributing'
import type { SigningKey } from '#seal'
import {
  formatTime,
  offer,
  openStatement,
  payeeInForce,
  readPayeeChanges,
  recoveryKeyAt,
  standingOf,
  type Payee,
  type PayeeLink,
} from '#statements'
import { ContributeError } from './errors.ts'
import type { ContributePorts } from './ports.ts'
import type { Session } from './session.ts'
import type { LoggedStatement } from './state.ts'

/** A change or a cancellation that the node took: the proof that it did. */
export interface KeptPayeeStatement {
  readonly format: 'fairweight/kept-payee-statement/v1'
  readonly kind: 'payee-change' | 'payee-cancellation'
  readonly pool: string
  readonly contributor: string
  readonly digest: string
  /** The change, or the one that is cancelled. */
  readonly change: string
  readonly statement: LoggedStatement
  readonly receipt: LoggedStatement
}

export interface PayeeView {
  readonly contributor: string
  readonly links: readonly PayeeLink[]
  /** The first period whose payout a change can still name. */
  readonly nextPeriod: number
}

/** Throws {@link ContributeError} where the node hides what it took, and others where it shows what is not proven. */
export async function viewPayee(
  { node, home, trusted }: Session,
  contributor: string,
  key: SigningKey,
): Promise<PayeeView> {
  const answer = await node.getAsParty<{ changes?: unknown; nextPeriod?: unknown }>(
    `/v1/contributors/${contributor}/payee`,
    key,
  )
  if (!Array.isArray(answer.changes) || !Number.isSafeInteger(answer.nextPeriod))
    throw new ContributeError(1, 'The node’s answer says nothing about your payee. Run this again.')
  const links = await openPayeeLinks(readPayeeChanges(answer.changes), contributor, trusted.keysets)
  const kept = await home.list<KeptPayeeStatement>('payee')
  assertNoChangeHidden(
    kept.filter((one) => one.pool === trusted.pool && one.contributor === contributor),
    links,
  )
  return { contributor, links, nextPeriod: answer.nextPeriod as number }
}

/** Throws where a change of this home, or that it was cancelled, is not among the links. */
export function assertNoChangeHidden(kept: readonly KeptPayeeStatement[], links: readonly PayeeLink[]): void {
  for (const { kind, digest, change } of kept) {
    const link = links.find((one) => one.change.digest === change)
    if (link === undefined || (kind === 'payee-cancellation' && link.cancelledAt === null)) {
      throw new ContributeError(
        1,
        `The node does not show your ${kind} ${digest}. You hold its receipt and log proof: show them to the operator or to an auditor.`,
      )
    }
  }
}

/** The payee of the newest offer that this home holds; it counts while no change is in force. */
export async function offeredPayee({ kept }: Pick<Session, 'kept'>): Promise<Payee | undefined> {
  const newest = kept.at(-1)
  return newest && (await openStatement(offer, newest.offer.envelope)).predicate.payee
}

export interface PayeeNow {
  /** Undefined where neither a change nor an offer in this home says. */
  readonly payee: Payee | undefined
  readonly by: 'change' | 'offer'
  readonly recovery: string | null
  /** A change by the recovery key that nobody has cancelled yet. */
  readonly waiting: PayeeLink | undefined
  /** A change that begins with a later payout. */
  readonly later: PayeeLink | undefined
}

export async function payeeNow(
  session: Session,
  { links, nextPeriod }: PayeeView,
  at: Date,
): Promise<PayeeNow> {
  const now = formatTime(at)
  const changed = payeeInForce(links, { period: nextPeriod, statedAt: now })
  const standing = standingOf(links)
  return {
    payee: changed ?? (await offeredPayee(session)),
    by: changed === undefined ? 'offer' : 'change',
    recovery: recoveryKeyAt(links, now),
    waiting: standing.find(({ waitsUntil }) => waitsUntil > now),
    later: standing.findLast(
      ({ waitsUntil, change }) => waitsUntil <= now && change.predicate.fromPeriod > nextPeriod,
    ),
  }
}

export function describePayee(payee: Payee | undefined): string {
  switch (payee?.kind) {
    case undefined:
      return 'unknown here, since no offer is kept in this home'
    case 'statement':
      return 'nowhere yet, it waits for your instruction'
    case 'iban':
      return `bank account ${payee.iban}, ${payee.name}`
    case 'evm':
      return `address ${payee.address} on chain ${payee.chainId}`
    default:
      return payee satisfies never
  }
}

/** A sentence to be seen, where somebody with the recovery key is about to redirect the money. */
export function sayWaiting(
  { waiting }: Pick<PayeeNow, 'waiting'>,
  { say }: Pick<ContributePorts, 'say'>,
): void {
  if (waiting === undefined) return
  const { digest, predicate } = waiting.change
  say(
    `ATTENTION: your recovery key asks that your money go to ${describePayee(predicate.payee)}, from ${waiting.waitsUntil} on. ` +
      `If that was not you: fairweight payee cancel --change ${digest}`,
  )
}

/**
 * What a contributor's payee changes add up to (spec/payee-change.md §chain): which may follow which, and where the
 * money of one payout goes. The node decides by these functions, and an audit finds the same by them.
 */
import type { Payee } from './contribution.ts'
import { formatTime } from './fields.ts'
import type { PayeeCancellation, PayeeChange } from './payee-change.ts'
import type { Statement } from './statement.ts'

/** A change that a node took, with what the receipts say about it. */
export interface PayeeLink {
  readonly change: Pick<Statement<PayeeChange>, 'digest' | 'signer' | 'predicate'>
  readonly receivedAt: string
  readonly waitsUntil: string
  /** When its cancellation was received; null where nobody objected. */
  readonly cancelledAt: string | null
}

/** Why a change or a cancellation is not taken; closed list. */
export type PayeeRefusal =
  | 'payee-signer'
  | 'payee-change-waiting'
  | 'payee-change-not-next'
  | 'payee-change-final'

/** Undefined where `change` may follow the links, received at `at`. */
export function refusalToChange(
  links: readonly PayeeLink[],
  change: PayeeLink['change'],
  at: string,
): PayeeRefusal | undefined {
  if (!mayChange(links, change.predicate.contributor, change.signer, at)) return 'payee-signer'
  const standing = standingOf(links)
  // Whoever has another wish while one waits says first that the waiting one is not wanted.
  if (standing.some(({ waitsUntil }) => waitsUntil > at)) return 'payee-change-waiting'
  const newest = standing.at(-1)?.change.digest ?? null
  return change.predicate.previous === newest ? undefined : 'payee-change-not-next'
}

/** Undefined where the waiting change may be cancelled at `at`. */
export function refusalToCancel(
  links: readonly PayeeLink[],
  { signer, predicate }: Pick<Statement<PayeeCancellation>, 'signer' | 'predicate'>,
  at: string,
): PayeeRefusal | undefined {
  if (!mayChange(links, predicate.contributor, signer, at)) return 'payee-signer'
  const link = standingOf(links).find(({ change }) => change.digest === predicate.change)
  if (link === undefined) return 'payee-change-not-next'
  return at < link.waitsUntil ? undefined : 'payee-change-final'
}

/** When a change that is received at `at` may count: the contributor's own at once, the recovery key's after the wait. */
export function waitsUntil(
  { signer, predicate }: PayeeLink['change'],
  at: string,
  recoverySeconds: number,
): string {
  if (signer === predicate.contributor) return at
  return formatTime(new Date(Date.parse(at) + recoverySeconds * 1000))
}

/** Where a payout goes; undefined where no change counts for it, and the newest offer does. */
export function payeeInForce(
  links: readonly PayeeLink[],
  { period, statedAt }: { readonly period: number; readonly statedAt: string },
): Payee | undefined {
  return standingOf(links).findLast(
    (link) => link.waitsUntil <= statedAt && link.change.predicate.fromPeriod <= period,
  )?.change.predicate.payee
}

/** The recovery key that the newest change in force at `at` names. */
export function recoveryKeyAt(links: readonly PayeeLink[], at: string): string | null {
  const inForce = standingOf(links).findLast((link) => link.waitsUntil <= at)
  return inForce?.change.predicate.recovery ?? null
}

/** Links that nobody cancelled, in their order. */
export function standingOf<Link extends PayeeLink>(links: readonly Link[]): readonly Link[] {
  return links.filter(({ cancelledAt }) => cancelledAt === null)
}

function mayChange(links: readonly PayeeLink[], contributor: string, signer: string, at: string): boolean {
  return signer === contributor || signer === recoveryKeyAt(links, at)
}

/**
 * `fairweight statement`: this contributor's shares and payouts, each proven from its leaf to a signed root.
 *
 * The node is asked, and not believed: a receipt kept here that it no longer shows is told as such.
 */
import Table from 'cli-table3'
import { openAccount, type Account } from '#contributing'
import {
  readContributionRecord,
  TOTAL_SHARES,
  type Attribution,
  type ContributionRecord,
  type ShareLeaf,
} from '#statements'
import { ContributeError } from './errors.ts'
import { assertNoChangeHidden, payeeNow, sayWaiting, type KeptPayeeStatement } from './payee-view.ts'
import type { ContributePorts } from './ports.ts'
import { openSession, type Session, type SessionOptions } from './session.ts'
import type { Kept } from './state.ts'
import { whyShare } from './why.ts'

export interface StatedShare {
  readonly share: number
  readonly of: number
  readonly model: string
  readonly attributedAt: string
  readonly method: Attribution['method']
  /** Millionths of a nat; null where nothing was measured. */
  readonly score: ShareLeaf['score']
  readonly compare: ShareLeaf['compare']
  readonly alike: ShareLeaf['alike']
  readonly estimate: Attribution['estimate']
  /** Why it is that much, a line each. */
  readonly why: readonly string[]
}

export interface Stated {
  readonly contributor: string
  readonly simulated: boolean
  readonly contributions: readonly {
    readonly receipt: string
    readonly canonicalTokens: number
    /** One a manifest: what trained after duplicates were taken out. */
    readonly mixed: readonly {
      disposition: string
      reason: string | null
      items: number
      canonicalTokens: number
    }[]
    readonly trainedTokens: readonly number[]
  }[]
  readonly shares: readonly StatedShare[]
  readonly payouts: readonly {
    amount: string
    cumulative: string
    asset: string
    scale: number
    statedAt: string
  }[]
}

export async function statement(
  options: SessionOptions,
  ports: ContributePorts & { readonly tell: (text: string) => void },
): Promise<Stated> {
  const session = await openSession(options, ports)
  const { home, kept, node, trusted } = session
  const key = await home.key(ports.random)
  const path = `/v1/contributors/${key.publicKey}/record`
  const { records } = await node.getAsParty<{ records: readonly unknown[] }>(path, key)
  const accounts: Account[] = []
  for (const value of records) {
    const record = readContributionRecord(value)
    const account = await openAccount(record, key.publicKey, trusted.statements, trusted.keysets)
    accounts.push(account)
    await home.writeJson(`records/${account.receipt.digest}.json`, record satisfies ContributionRecord)
  }
  assertNoneHidden(kept, accounts)
  await assertPayee(session, key.publicKey, accounts, ports)
  const stated = statedOf(key.publicKey, accounts, trusted.simulated)
  ports.tell(describe(stated))
  return stated
}

function assertNoneHidden(kept: readonly Kept[], accounts: readonly Account[]): void {
  const shown = new Set(accounts.map(({ receipt }) => receipt.digest))
  const hidden = kept.filter(({ receiptDigest }) => !shown.has(receiptDigest))
  if (hidden.length > 0) {
    throw new ContributeError(
      1,
      `The node does not show ${hidden.length} of your receipts, the first being ${hidden[0]?.receiptDigest}. ` +
        'You hold its signature and log proof: show them to the operator or to an auditor.',
    )
  }
}

// Every record repeats the contributor's changes; a change that waits is told before anything else.
async function assertPayee(
  session: Session,
  contributor: string,
  accounts: readonly Account[],
  ports: ContributePorts,
): Promise<void> {
  const links = accounts[0]?.payeeLinks ?? []
  const kept = await session.home.list<KeptPayeeStatement>('payee')
  assertNoChangeHidden(
    kept.filter((one) => one.pool === session.trusted.pool && one.contributor === contributor),
    links,
  )
  sayWaiting(await payeeNow(session, { contributor, links, nextPeriod: 1 }, ports.now()), ports)
}

function statedOf(contributor: string, accounts: readonly Account[], simulated: boolean): Stated {
  // Shares and payouts are the contributor's, so each contribution's record repeats them.
  const once = <One extends { statement: { digest: string } }>(all: readonly One[]) => [
    ...new Map(all.map((one) => [one.statement.digest, one])).values(),
  ]
  return {
    contributor,
    simulated,
    contributions: accounts.map(({ receipt, manifests, tokens }) => ({
      receipt: receipt.digest,
      canonicalTokens: receipt.predicate.canonicalTokens,
      mixed: manifests.map(({ leaf }) => ({
        disposition: leaf.disposition,
        reason: leaf.reason,
        items: leaf.items,
        canonicalTokens: leaf.canonicalTokens,
      })),
      trainedTokens: tokens.map(({ trained }) => trained),
    })),
    shares: once(accounts.flatMap(({ shares }) => shares))
      .map(({ statement: { predicate }, leaf }) => ({
        share: leaf.share,
        of: TOTAL_SHARES,
        model: predicate.model,
        attributedAt: predicate.attributedAt,
        method: predicate.method,
        score: leaf.score,
        compare: leaf.compare,
        alike: leaf.alike,
        estimate: predicate.estimate,
        why: whyShare(leaf, predicate, accounts),
      }))
      .sort((one, other) => (one.attributedAt < other.attributedAt ? -1 : 1)),
    payouts: once(accounts.flatMap(({ payouts }) => payouts))
      .map(({ statement: { predicate }, leaf }) => ({
        amount: leaf.amount,
        cumulative: leaf.cumulative,
        asset: predicate.currency.asset,
        scale: predicate.currency.scale,
        statedAt: predicate.statedAt,
      }))
      .sort((one, other) => (BigInt(one.cumulative) < BigInt(other.cumulative) ? -1 : 1)),
  }
}

function describe({ contributions, shares, payouts, simulated }: Stated): string {
  const table = new Table({ head: ['when', 'what', 'how much'], style: { head: [], border: [] } })
  for (const { receipt, canonicalTokens, mixed } of contributions) {
    table.push(['', `receipt ${receipt.slice(0, 16)}…`, `${canonicalTokens} tokens received`])
    for (const one of mixed) {
      const why = one.reason === null ? '' : ` (${one.reason})`
      table.push(['', `  ${one.disposition}${why}`, `${one.items} items, ${one.canonicalTokens} tokens`])
    }
  }
  for (const { share, of, model, attributedAt, why } of shares) {
    table.push([
      attributedAt,
      `share of model ${model.slice(0, 16)}…`,
      `${((100 * share) / of).toFixed(4)} %`,
    ])
    for (const line of why) table.push(['', { content: `  ${line}`, colSpan: 2 }])
  }
  for (const one of payouts) {
    table.push([one.statedAt, `paid, ${money(one.amount, one)}`, `${money(one.cumulative, one)} in all`])
  }
  const count = contributions.length === 1 ? '1 contribution' : `${contributions.length} contributions`
  const proven = `${count}; every number is proven to a signed root.`
  return [table.toString(), simulated ? `SIMULATED machine. ${proven}` : proven].join('\n')
}

function money(amount: string, { asset, scale }: { asset: string; scale: number }): string {
  const digits = amount.padStart(scale + 1, '0')
  const whole = digits.slice(0, digits.length - scale)
  return scale === 0 ? `${whole} ${asset}` : `${whole}.${digits.slice(-scale)} ${asset}`
}

/** C6: lies about who is paid what. */
import { destinationOf, payout, policy, usageClose, formatTime, type UsageClose } from '#statements'
import { nextTerm, minutesBefore, announcePolicy, makeCall } from '../craft/additions.ts'
import { restate } from '../craft/consequences.ts'
import { bestPaid, plainCalls } from '../craft/people.ts'
import { closeNext, openRanges, payNext, withRange } from '../craft/periods.ts'
import type { Scene, Lie } from '../scene.ts'
import { linesOf, newest, contributionName, leafIndexOf, type Line, type TaleContribution } from '../tale.ts'

const HOUR_MS = 3_600_000

export const payoutLies: readonly Lie[] = [
  {
    name: 'one-unit-short',
    who: 'operator',
    to: 'a contributor',
    what: 'pays a contributor one micro-unit less and another one more, who is silent',
    begins: 'from the start',
    check: 'c6.leaf',
    tell: ({ tale }) => {
      const [victim, favoured] = bestPaid(tale)
      const line = newest(tale, payout)
      const pay = ({ contributor }: TaleContribution, difference: bigint) => {
        const leaf = tale.leaves.payouts[line.id]!.find(({ payee }) => payee === contributor)!
        leaf.amount = String(BigInt(leaf.amount) + difference)
        leaf.cumulative = String(BigInt(leaf.cumulative) + difference)
        return leaf.amount
      }
      pay(favoured, 1n)
      tale.silent.push(favoured.file)
      return `the payout leaf in ${contributionName(tale, victim)} pays ${pay(victim, -1n)} of payout at leaf ${leafIndexOf(tale, line)}`
    },
  },
  {
    name: 'money-elsewhere',
    who: 'operator',
    to: 'a contributor',
    what: 'sends a contributor’s money to an account that it never named',
    begins: 'from the start',
    check: 'c6.leaf',
    tell: ({ tale }) => {
      const [victim] = bestPaid(tale)
      const line = newest(tale, payout)
      const leaf = tale.leaves.payouts[line.id]!.find(({ payee }) => payee === victim.contributor)!
      const account = { kind: 'iban', iban: 'DE89370400440532013000', name: 'Somebody else' } as const
      leaf.destination = destinationOf(account, leaf.salt)
      return `the payout leaf in ${contributionName(tale, victim)} goes somewhere else`
    },
  },
  {
    name: 'old-split',
    who: 'operator',
    to: 'all contributors',
    what: 'splits a period by the policy before the one it belongs to',
    begins: 'afterwards',
    check: 'c6.split',
    tell: async (scene) => {
      const { tale } = scene
      const [old] = linesOf(tale.lines, policy)
      const close = await periodUnderNextPolicy(scene, {})
      const line = payNext(scene, close, minutesBefore(tale, 5))
      line.predicate.split = old!.predicate.split
      restate(scene, line)
      line.predicate.policy = old!.id
      return `payout at leaf ${leafIndexOf(tale, line)} splits by the policy ${old!.id}`
    },
  },
  {
    name: 'period-backdated',
    who: 'operator',
    to: 'all contributors',
    what: 'lets a period begin before it did, so that the policy before the present one splits it',
    begins: 'afterwards',
    check: 'c5.chain',
    tell: async (scene) => {
      const { tale } = scene
      const [old] = linesOf(tale.lines, policy)
      const { from } = newest(tale, usageClose).predicate
      const close = await periodUnderNextPolicy(scene, { policy: old!.id, from })
      payNext(scene, close, minutesBefore(tale, 5))
      return `usage-close at leaf ${leafIndexOf(tale, close)} begins at ${from}`
    },
  },
]

/**
 * A new policy, once its notice has passed: a new term, a period that closes under the old policy, and one that
 * belongs to the new one. Both have a call, and the first one is paid.
 */
async function periodUnderNextPolicy(
  scene: Scene,
  change: Partial<Pick<UsageClose, 'policy' | 'from'>>,
): Promise<Line<UsageClose>> {
  const { tale } = scene
  const next = announcePolicy(scene, ({ split }) => ({ split: otherSplit(split) }), minutesBefore(tale, 5))
  tale.at = Date.parse(next.predicate.effectiveAt) + 5 * HOUR_MS
  const like = plainCalls(tale).at(-1)!
  const { machine } = await nextTerm(scene, minutesBefore(tale, 240))
  const { node, term } = machine
  const call = (sequence: number, minutes: number) =>
    makeCall(scene, like, { machine, sequence, at: minutesBefore(tale, minutes), policy: next.id }).leaf

  const first = closeNext(
    scene,
    {
      ranges: withRange(openRanges(tale), { node, term, last: 1 }),
      closedAt: formatTime(minutesBefore(tale, 120)),
    },
    [call(1, 180)],
  )
  payNext(scene, first, minutesBefore(tale, 110))
  return closeNext(
    scene,
    {
      ranges: withRange(openRanges(tale), { node, term, last: 2 }),
      closedAt: formatTime(minutesBefore(tale, 10)),
      policy: next.id,
      ...change,
    },
    [call(2, 60)],
  )
}

/** What the operator had promised to give up. */
function otherSplit({ contributors, operator }: { contributors: number; operator: number }) {
  return operator >= 1000
    ? { contributors: contributors + 1000, operator: operator - 1000 }
    : { contributors: contributors - 1000, operator: operator + 1000 }
}

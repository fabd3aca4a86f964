/** C5: lies about how many calls there were. */
import { digestOf } from '#bytes'
import { policy, evidence, termName, usageClose, eventOf, formatTime } from '#statements'
import { nextTerm, minutesBefore, makeCall } from '../craft/additions.ts'
import { followUp } from '../craft/consequences.ts'
import { plainCalls } from '../craft/people.ts'
import { closeNext, openRanges, withRange } from '../craft/periods.ts'
import type { Lie } from '../scene.ts'
import { linesOf, newest, callName, leafIndexOf, type Tale, type TaleCall } from '../tale.ts'

export const callLies: readonly Lie[] = [
  {
    name: 'receipt-left-out',
    who: 'operator',
    to: 'a buyer, and everyone who has a share',
    what: 'counts a paid call as one that was never finished, at 0',
    begins: 'from the start',
    check: 'c5.receipt-in-close',
    tell: (scene) => {
      const { tale } = scene
      const [call] = plainCalls(tale)
      const { line, leaf } = countedIn(tale, call!)
      const { node, term, sequence } = leaf
      leaf.receipt = digestOf({ format: 'fairweight/unfinished-call/v1', node, term, sequence })
      leaf.amount = '0'
      followUp(scene, line)
      return `${callName(tale, call!)} is call ${sequence} of ${node} term ${term}`
    },
  },
  {
    name: 'receipt-in-no-close',
    who: 'operator',
    to: 'a buyer, and everyone who has a share',
    what: 'ends the close one call early and leaves the last one open beyond its date',
    begins: 'from the start',
    check: 'c5.receipt-in-close',
    tell: (scene) => {
      const { tale } = scene
      const line = newest(tale, usageClose)
      const leaves = tale.leaves.usage[line.id]!
      const range = line.predicate.ranges.findLast(({ first, last }) => last >= first)!
      const at = leaves.findIndex(
        ({ node, term, sequence }) => node === range.node && term === range.term && sequence === range.last,
      )
      const [gone] = leaves.splice(at, 1)
      range.last -= 1
      followUp(scene, line)
      const call = tale.calls.find(({ id }) => id === gone!.receipt)!
      tale.at = Date.parse(eventOf(call.record.receipt, 'usage.metered')!.closes_by) + 60_000
      return `${callName(tale, call)} is call ${gone!.sequence} of ${gone!.node} term ${gone!.term}, which was to be in a close`
    },
  },
  {
    name: 'counter-rolled-back',
    who: 'operator',
    to: 'buyers',
    what: 'puts the counter of calls back by one and gives its last number to a second call',
    begins: 'from the start',
    check: 'c5.sequence-gap-free',
    also: ['c5.receipt-in-close'],
    tell: (scene) => {
      const { tale } = scene
      const last = plainCalls(tale).at(-1)!
      const { leaf: before } = countedIn(tale, last)
      const { node, term, sequence } = before
      const machine = linesOf(tale.lines, evidence).find(
        ({ predicate }) => termName(predicate) === termName(before),
      )!.predicate
      const { leaf } = makeCall(scene, last, {
        machine,
        sequence,
        at: minutesBefore(tale, 5),
        policy: newest(tale, policy).id,
      })
      const line = closeNext(
        scene,
        {
          ranges: withRange(openRanges(tale), { node, term, first: sequence, last: sequence }),
          closedAt: formatTime(minutesBefore(tale, 4)),
        },
        [leaf],
      )
      return `usage-close at leaf ${leafIndexOf(tale, line)} begins ${node} term ${term} at ${sequence}`
    },
  },
  {
    name: 'term-never-closed',
    who: 'operator',
    to: 'buyers of a term that is over',
    what: 'closes a new term and leaves the old one open for ever',
    begins: 'afterwards',
    check: 'c5.term-closed',
    tell: async (scene) => {
      const { tale } = scene
      const { node, term } = newest(tale, evidence).predicate
      await nextTerm(scene, minutesBefore(tale, 5))
      closeNext(
        scene,
        {
          ranges: withRange(openRanges(tale), { node, term, final: false }),
          closedAt: formatTime(minutesBefore(tale, 4)),
        },
        [],
      )
      return `${node} term ${term} has no final close`
    },
  },
]

/** The newest close that counts the call, and its leaf. */
function countedIn(tale: Tale, call: TaleCall) {
  const line = linesOf(tale.lines, usageClose).findLast(({ id }) =>
    tale.leaves.usage[id]?.some(({ receipt }) => receipt === call.id),
  )
  if (line === undefined) throw new Error('no close counts this call')
  return { line, leaf: tale.leaves.usage[line.id]!.find(({ receipt }) => receipt === call.id)! }
}

/** C4 to C6, and what buyers hold: lies about models, calls, receipts and payouts. */
import { decodeBase64, digestOf, encodeBase64 } from '#bytes'
import {
  eventOf,
  evidence,
  formatTime,
  payout,
  policy,
  usageClose,
  type CallRecord,
  type ReceiptEvent,
  type UsageClose,
} from '#statements'
import { splitAtMarks } from '../answers.ts'
import {
  announcePolicy,
  append,
  bestPaid,
  leafIndexOf,
  madeUp,
  makeCall,
  minutesBefore,
  nextTerm,
  plainCalls,
  recount,
  restate,
  sequenceOf,
} from '../craft.ts'
import type { Lie, Scene } from '../scene.ts'
import {
  callName,
  contributionName,
  linesOf,
  newest,
  type Line,
  type Tale,
  type TaleCall,
  type TaleContribution,
} from '../tale.ts'

const HOUR_MS = 3_600_000

/** Changes what the record says of the trained model that is served now. */
function serve({ tale }: Scene, change: Partial<Tale['serving'][number]>): string {
  const one = tale.serving.find(({ serves }) => serves === 'trained')
  if (one === undefined) throw new Error('no trained model is served')
  tale.serving = tale.serving.map((model) => (model === one ? { ...model, ...change } : model))
  return `the served model ${one.model}`
}

function editEvent<T extends ReceiptEvent['type']>(
  call: TaleCall,
  type: T,
  change: Partial<Extract<ReceiptEvent, { type: T }>>,
): void {
  for (const one of call.record.receipt.event_log) if (one.type === type) Object.assign(one, change)
}

/** The newest close that counts the call, and its leaf. */
function countedIn(tale: Tale, call: TaleCall) {
  const line = linesOf(tale.lines, usageClose).findLast(({ id }) =>
    tale.leaves.usage[id]?.some(({ receipt }) => receipt === call.id),
  )
  if (line === undefined) throw new Error('no close counts this call')
  return { line, leaf: tale.leaves.usage[line.id]!.find(({ receipt }) => receipt === call.id)! }
}

/** Counts, payouts and all, after the leaves of a close have changed. */
function followUp(scene: Scene, line: Line<UsageClose>): void {
  recount(scene.tale, line)
  for (const paid of linesOf(scene.tale.lines, payout)) restate(scene, paid)
}

/** The next close, by the ledger that signed the one before. */
function closeNext(
  { tale }: Scene,
  change: Pick<UsageClose, 'ranges' | 'closedAt'> & Partial<UsageClose>,
  leaves: Tale['leaves']['usage'][string],
): Line<UsageClose> {
  const before = newest(tale, usageClose)
  const line = append(
    tale,
    usageClose,
    {
      ...before.predicate,
      period: before.predicate.period + 1,
      previous: before.id,
      from: before.predicate.closedAt,
      ...change,
    },
    before.signer,
  )
  tale.leaves.usage[line.id] = leaves
  recount(tale, line)
  return line
}

function payNext(scene: Scene, close: Line<UsageClose>, statedAt: Date) {
  const { tale } = scene
  const before = newest(tale, payout)
  const attributions = new Map(
    linesOf(tale.lines, payout).flatMap(({ predicate }) =>
      predicate.models.map(({ model, attribution }) => [model, attribution] as const),
    ),
  )
  const { predicate: agreed } = linesOf(tale.lines, policy).find(({ id }) => id === close.predicate.policy)!
  const line = append(
    tale,
    payout,
    {
      ...before.predicate,
      usageClose: close.id,
      previous: before.id,
      split: agreed.split,
      statedAt: formatTime(statedAt),
      models: close.predicate.models.map(({ model }) => ({
        ...before.predicate.models[0]!,
        model,
        attribution: attributions.get(model) ?? null,
      })),
    },
    before.signer,
  )
  restate(scene, line)
  return line
}

/** Ranges of a close that counts nothing new, by place. */
function afterRanges({ tale }: Scene) {
  const last = new Map<string, UsageClose['ranges'][number]>()
  for (const { predicate } of linesOf(tale.lines, usageClose))
    for (const range of predicate.ranges) last.set(`${range.node} ${range.term}`, range)
  return [...last.values()]
    .filter(({ final }) => !final)
    .map((range) => ({ ...range, first: range.last + 1 }))
}

export const modelLies: readonly Lie[] = [
  {
    name: 'another-adapter',
    who: 'operator',
    to: 'an auditor',
    what: 'serves an adapter that no run has made',
    begins: 'afterwards',
    check: 'c4.served-model',
    tell: (scene) => `${serve(scene, { digest: madeUp() })} is`,
  },
  {
    name: 'another-tokenizer',
    who: 'operator',
    to: 'an auditor',
    what: 'serves with another tokenizer than the policy’s',
    begins: 'afterwards',
    check: 'c4.served-model',
    tell: (scene) => `${serve(scene, { tokenizer: madeUp() })} uses the tokenizer`,
  },
  {
    name: 'another-base',
    who: 'operator',
    to: 'an auditor',
    what: 'serves on another base than the policy’s',
    begins: 'afterwards',
    check: 'c4.served-model',
    tell: (scene) => `${serve(scene, { base: madeUp() })} runs on the base`,
  },
  {
    name: 'another-adapter-answers',
    who: 'operator',
    to: 'a buyer',
    what: 'answers a call by an adapter of a run that nobody has published',
    begins: 'from the start',
    check: 'c4.receipt-model',
    tell: ({ tale }) => {
      const [call] = plainCalls(tale)
      editEvent(call!, 'weights.loaded', { training_receipt: madeUp() })
      return `${callName(tale, call!)} names the training receipt`
    },
  },
  {
    name: 'another-base-answers',
    who: 'operator',
    to: 'a buyer',
    what: 'answers a call on another base than the policy’s',
    begins: 'from the start',
    check: 'c4.receipt-model',
    tell: ({ tale }) => {
      const [call] = plainCalls(tale)
      editEvent(call!, 'weights.loaded', { base_digest: madeUp() })
      return `${callName(tale, call!)} was answered on the base`
    },
  },
]

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
      const shown = newest(tale, evidence).predicate
      const machine = { ...shown, node: before.node, term: before.term }
      const at = minutesBefore(tale, 5)
      const { leaf } = makeCall(scene, last, {
        machine,
        sequence: before.sequence,
        at,
        policy: newest(tale, policy).id,
      })
      const { node, term, sequence } = before
      const line = closeNext(
        scene,
        {
          ranges: [{ node, term, first: sequence, last: sequence, final: false }],
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
      const { machine } = await nextTerm(scene, minutesBefore(tale, 5))
      closeNext(
        scene,
        {
          ranges: [...afterRanges(scene), { node, term: machine.term, first: 1, last: 0, final: false }],
          closedAt: formatTime(minutesBefore(tale, 4)),
        },
        [],
      )
      return `${node} term ${term} has no final close`
    },
  },
]

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
      ranges: [
        ...afterRanges(scene).map((range) => ({ ...range, final: true })),
        { node, term, first: 1, last: 1, final: false },
      ],
      closedAt: formatTime(minutesBefore(tale, 120)),
    },
    [call(1, 180)],
  )
  payNext(scene, first, minutesBefore(tale, 110))
  return closeNext(
    scene,
    {
      ranges: [{ node, term, first: 2, last: 2, final: false }],
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

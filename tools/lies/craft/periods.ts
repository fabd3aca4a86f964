/** Usage periods that a lie adds: a close, and the payout of one. */
import { payout, policy, evidence, termName, usageClose, formatTime, type UsageClose } from '#statements'
import type { Scene } from '../scene.ts'
import { linesOf, newest, type Line, type Tale } from '../tale.ts'
import { append } from './additions.ts'
import { recount, restate } from './consequences.ts'

/** The next close, by the ledger that signed the one before. */
export function closeNext(
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

/** An honest payout of a close. */
export function payNext(scene: Scene, close: Line<UsageClose>, statedAt: Date) {
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

type Ranges = UsageClose['ranges']

/** Honest ranges of a close that counts nothing new: every term that is not closed for good, final where it is over. */
export function openRanges({ lines }: Tale): Ranges {
  const places = new Map<string, Ranges[number]>()
  for (const { predicate } of linesOf(lines, evidence)) {
    const { node, term } = predicate
    places.set(termName(predicate), { node, term, first: 1, last: 0, final: false })
  }
  for (const { predicate } of linesOf(lines, usageClose))
    for (const range of predicate.ranges) places.set(termName(range), range)
  return [...places.values()]
    .filter(({ final }) => !final)
    .map((range) => ({ ...range, first: range.last + 1, final: isOver(range, [...places.values()]) }))
}

function isOver({ node, term }: Ranges[number], all: Ranges): boolean {
  return all.some((one) => one.node === node && one.term > term)
}

/** The same ranges, with another one for a term. */
export function withRange(
  ranges: Ranges,
  of: { node: string; term: number } & Partial<Ranges[number]>,
): Ranges {
  return ranges.map((range) => (termName(range) === termName(of) ? { ...range, ...of } : range))
}

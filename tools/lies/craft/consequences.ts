/** What follows honestly from a dishonest change: counts of a close, shares, payouts. */
import { randomBytes } from 'node:crypto'
import { payoutParts, sharesOf } from '#attribution'
import {
  payout,
  usageClose,
  eventOf,
  destinationOf,
  type Attribution,
  type ShareLeaf,
  type Payout,
  type UsageClose,
  type UsageLeaf,
} from '#statements'
import type { Scene } from '../scene.ts'
import { linesOf, type Line, type Tale } from '../tale.ts'
import { madeUp } from './additions.ts'

/** A close's counts, by the leaves that the tale gives it. */
export function recount(tale: Tale, line: Line<UsageClose>): void {
  const leaves = tale.leaves.usage[line.id] ?? []
  const models = Map.groupBy(leaves, ({ model, serves }) => `${model} ${serves}`)
  line.predicate.calls = leaves.length
  line.predicate.models = [...models.entries()]
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([, of]) => ({
      model: of[0]!.model,
      serves: of[0]!.serves,
      calls: of.length,
      promptTokens: tokensOf(tale, of, 'prompt_tokens'),
      completionTokens: tokensOf(tale, of, 'completion_tokens'),
      amount: String(of.reduce((sum, { amount }) => sum + BigInt(amount), 0n)),
    }))
}

function tokensOf(
  { calls }: Tale,
  leaves: readonly UsageLeaf[],
  field: 'prompt_tokens' | 'completion_tokens',
): number {
  const receipts = leaves.flatMap(({ receipt }) => calls.filter(({ id }) => id === receipt))
  return receipts.reduce(
    (sum, { record }) => sum + (eventOf(record.receipt, 'usage.metered')?.[field] ?? 0),
    0,
  )
}

/** Honest counts of a close and payouts, after its leaves have changed. */
export function followUp(scene: Scene, line: Line<UsageClose>): void {
  recount(scene.tale, line)
  for (const paid of linesOf(scene.tale.lines, payout)) restate(scene, paid)
}

/** Honest shares of these contributors, by the scores and tokens in their leaves, and payouts by them. */
export function shareOut(
  scene: Scene,
  { id, predicate }: Line<Attribution>,
  leaves: readonly ShareLeaf[],
): void {
  const { tale } = scene
  const { shares, basis, notices } = sharesOf({
    contributors: leaves.map(({ contributor, canonicalTokens, score }) => ({
      contributor,
      canonicalTokens,
      score,
      tieBreak: contributor,
    })),
    tokenWeight: predicate.tokenWeight,
    cap: predicate.basis.cap,
  })
  tale.leaves.shares[id] = leaves.map((leaf, at) => ({ ...leaf, share: shares[at]!.share }))
  Object.assign(predicate, { contributors: leaves.length, basis, notices: [...notices] })
  const { estimate } = predicate
  if (estimate?.exact === true) {
    estimate.coalitions = 2 ** leaves.length
    estimate.full = Math.min(estimate.full, estimate.empty + basis.utility)
  }
  for (const paid of linesOf(tale.lines, payout)) restate(scene, paid)
}

/** Everything that a payout says, honestly, from its close and the shares that the tale gives. */
export function restate(scene: Scene, line: Line<Payout>): void {
  const { tale, policy: agreed } = scene
  const { usageClose: closed, previous, models, statedAt } = line.predicate
  const close = linesOf(tale.lines, usageClose).find(({ id }) => id === closed)!
  const paidBefore = linesOf(tale.lines, payout).find(({ id }) => id === previous)
  const given = tale.leaves.payouts[line.id] ?? []
  const saltOf = new Map(given.map(({ payee, salt }) => [payee, salt]))
  const { predicate, leaves } = payoutParts(
    {
      close: { digest: closed, predicate: close.predicate },
      split: line.predicate.split,
      operator: agreed.operator.publicKey,
      attributions: new Map(
        models.flatMap(({ model, attribution }) =>
          attribution === null
            ? []
            : [[model, { digest: attribution, shares: tale.leaves.shares[attribution] ?? [] }] as const],
        ),
      ),
      previous:
        paidBefore === undefined
          ? null
          : {
              digest: paidBefore.id,
              carryOut: BigInt(paidBefore.predicate.carryOut),
              leaves: tale.leaves.payouts[paidBefore.id] ?? [],
            },
      payees: new Map(),
      statedAt: new Date(statedAt),
    },
    { salt: (payee) => saltOf.get(payee) ?? madeUp(), orderKey: randomBytes(32) },
  )
  line.predicate = predicate
  tale.leaves.payouts[line.id] = leaves.map(({ leaf }) => ({
    ...leaf,
    destination: destinationFor(scene, leaf.payee, leaf.salt),
  }))
}

// The example's contributors wait for their own instruction; whoever gave another payee keeps its leaf's destination.
function destinationFor({ tale, policy: agreed }: Scene, payee: string, salt: string): string | null {
  if (payee === agreed.operator.publicKey) return null
  const kept = Object.values(tale.leaves.payouts)
    .flat()
    .find((leaf) => leaf.payee === payee && leaf.salt === salt)
  return kept?.destination ?? destinationOf({ kind: 'statement' }, salt)
}

/** C2 and C3: lies about tokens and shares. */
import { attribution, payout, trainingReceipt, type ShareLeaf } from '#statements'
import { madeUp } from '../craft/additions.ts'
import { shareOut, restate } from '../craft/consequences.ts'
import { trainedOn, bestPaid } from '../craft/people.ts'
import type { Scene, Lie } from '../scene.ts'
import { linesOf, newest, contributionName, leafIndexOf, type Tale, type TaleContribution } from '../tale.ts'

export const shareLies: readonly Lie[] = [
  {
    name: 'tokens-inflated',
    who: 'operator',
    to: 'all contributors but one, who is silent',
    what: 'counts more trained tokens for a bundle than passes and weight allow',
    begins: 'from the start',
    check: 'c2.total',
    tell: ({ tale }) => {
      const [, favoured] = trainedOn(tale)
      tokensOf(tale, favoured).tokens += 1000
      tale.silent.push(favoured.file)
      return runOf(tale)
    },
  },
  {
    name: 'tokens-moved',
    who: 'operator',
    to: 'all contributors but one, who is honest',
    what: 'counts tokens of one bundle for another and keeps the sum',
    begins: 'from the start',
    check: 'c2.leaf-within-weight',
    tell: ({ tale }) => {
      const [victim, favoured] = trainedOn(tale)
      tokensOf(tale, victim).tokens -= 10
      tokensOf(tale, favoured).tokens += 10
      return `the tokens leaf in ${contributionName(tale, favoured)}`
    },
  },
  {
    name: 'general-as-contributed',
    who: 'operator',
    to: 'all contributors but one, who is silent',
    what: 'passes general text off as a contributor’s',
    begins: 'from the start',
    check: 'c2.total',
    tell: ({ tale }) => {
      const [, favoured] = trainedOn(tale)
      const { predicate } = newest(tale, trainingReceipt)
      tokensOf(tale, favoured).tokens += predicate.tokens.general
      predicate.tokens.general = 0
      tale.silent.push(favoured.file)
      return runOf(tale)
    },
  },
  {
    name: 'shares-moved',
    who: 'operator',
    to: 'a contributor',
    what: 'signs shares of which a part was moved to another contributor, and shows the old leaf',
    begins: 'from the start',
    check: 'c3.leaf',
    tell: (scene) => {
      const { victim, favoured, before, now } = moveShare(scene)
      scene.tale.silent.push(favoured.file)
      scene.edits.push(({ contributions }) => {
        for (const { leaf } of contributions.get(victim.file)!.shares)
          if (leaf['share'] === now) leaf['share'] = before
      })
      return `the share leaf in ${contributionName(scene.tale, victim)}`
    },
  },
  {
    name: 'shares-moved-and-shown',
    who: 'operator',
    to: 'a contributor',
    what: 'moves a part of a share to another contributor, keeps the sum, and shows both their new leaves',
    begins: 'from the start',
    check: 'c3.leaf-share',
    tell: (scene) => {
      const { victim, now } = moveShare(scene)
      return `the share leaf in ${contributionName(scene.tale, victim)} has ${now} parts`
    },
  },
  {
    name: 'share-for-nobody',
    who: 'operator',
    to: 'all contributors',
    what: 'measures a name of his own that contributed nothing, and shares everything out again',
    begins: 'from the start',
    check: 'c3.basis',
    tell: (scene) => {
      const { tale } = scene
      const line = newest(tale, attribution)
      const own = tale.leaves.shares[line.id]!
      shareOut(scene, line, [...own, puppetLike(own, line.predicate.estimate !== null)])
      return `attribution at leaf ${leafIndexOf(tale, line)} has ${line.predicate.contributors} contributors`
    },
  },
  {
    name: 'sum-off-by-one',
    who: 'operator',
    to: 'all contributors but one',
    what: 'gives one contributor a part more, so that the shares sum to one more than the whole',
    begins: 'from the start',
    check: 'c3.total',
    tell: ({ tale }) => {
      const [, favoured] = trainedOn(tale)
      const line = newest(tale, attribution)
      for (const leaf of tale.leaves.shares[line.id]!)
        if (leaf.contributor === favoured.contributor) leaf.share += 1
      return `attribution at leaf ${leafIndexOf(tale, line)} sum to 1000000001`
    },
  },
]

/** A bundle's tokens leaf of the newest run. */
function tokensOf(tale: Tale, of: TaleContribution) {
  return tale.leaves.tokens[newest(tale, trainingReceipt).id]!.find(({ key }) => key === of.key)!
}

/** Moves a thousandth of the whole, and pays by it. */
function moveShare(scene: Scene) {
  const { tale } = scene
  const [victim, favoured] = bestPaid(tale)
  const line = newest(tale, attribution)
  const leafOf = ({ contributor: name }: TaleContribution) =>
    tale.leaves.shares[line.id]!.find(({ contributor }) => contributor === name)!
  const before = leafOf(victim).share
  leafOf(victim).share -= 1_000_000
  leafOf(favoured).share += 1_000_000
  for (const paid of linesOf(tale.lines, payout)) restate(scene, paid)
  return { victim, favoured, before, now: before - 1_000_000 }
}

/** A name of the operator's that helped as much as the best contributor, by tokens only where nothing was measured. */
function puppetLike(leaves: readonly ShareLeaf[], measured: boolean): ShareLeaf {
  const best = leaves.toSorted((one, other) => other.share - one.share)[0]!
  const canonicalTokens = measured ? 0 : best.canonicalTokens
  return { ...best, contributor: madeUp(), salt: madeUp(), canonicalTokens }
}

function runOf(tale: Tale): string {
  return `training-receipt at leaf ${leafIndexOf(tale, newest(tale, trainingReceipt))} trained`
}

/** C1 to C3: lies about bundles, tokens and shares. */
import { sharesOf } from '#attribution'
import {
  attribution,
  contributionReceipt,
  logLeafOf,
  manifest,
  payout,
  trainingReceipt,
  type Attribution,
  type ContributionReceipt,
  type ShareLeaf,
} from '#statements'
import { append, bestPaid, leafIndexOf, madeUp, restate, trainedOn } from '../craft.ts'
import type { Lie, Scene } from '../scene.ts'
import { contributionName, linesOf, newest, type Line, type Tale, type TaleContribution } from '../tale.ts'

/** Puts the operator's puppet into every tree where a contributor stood: same tokens, same share, same pay. */
function replaceInTrees(
  { leaves }: Pick<Tale, 'leaves'>,
  victim: TaleContribution,
  puppet: { readonly key: string; readonly receipt: string; readonly contributor: string },
): void {
  for (const leaf of Object.values(leaves.manifest).flat()) {
    if (leaf.key !== victim.key) continue
    leaf.key = puppet.key
    leaf.receipt = puppet.receipt
  }
  for (const leaf of Object.values(leaves.tokens).flat()) if (leaf.key === victim.key) leaf.key = puppet.key
  for (const leaf of Object.values(leaves.shares).flat())
    if (leaf.contributor === victim.contributor) leaf.contributor = puppet.contributor
  for (const leaf of Object.values(leaves.payouts).flat())
    if (leaf.payee === victim.contributor) leaf.payee = puppet.contributor
}

/** Takes a bundle out of the mix, of what trained and of the shares, as if it had never come. */
function removeFromTrees(scene: Scene, victim: TaleContribution): void {
  const { lines, leaves } = scene.tale
  for (const { id, predicate } of linesOf(lines, manifest)) {
    const gone = leaves.manifest[id]!.find(({ key }) => key === victim.key)
    if (gone === undefined) continue
    leaves.manifest[id] = leaves.manifest[id]!.filter((leaf) => leaf !== gone)
    predicate.bundles[gone.disposition] -= 1
    if (gone.disposition !== 'included') continue
    predicate.items -= gone.items
    predicate.canonicalTokens -= gone.canonicalTokens
  }
  for (const { id } of linesOf(lines, trainingReceipt))
    leaves.tokens[id] = leaves.tokens[id]!.filter(({ key }) => key !== victim.key)
  for (const line of linesOf(lines, attribution))
    shareOut(
      scene,
      line,
      leaves.shares[line.id]!.filter(({ contributor }) => contributor !== victim.contributor),
    )
}

/** The receipt's place in the log. */
function placeOf({ lines }: Tale, { receipt }: TaleContribution): number {
  return lines.findIndex(({ id }) => id === receipt)
}

function receiptOf({ lines }: Tale, { receipt }: TaleContribution): ContributionReceipt {
  return linesOf(lines, contributionReceipt).find(({ id }) => id === receipt)!.predicate
}

/** A bundle's tokens leaf of the newest run. */
function tokensOf(tale: Tale, of: TaleContribution) {
  return tale.leaves.tokens[newest(tale, trainingReceipt).id]!.find(({ key }) => key === of.key)!
}

export const dataLies: readonly Lie[] = [
  {
    name: 'bundle-dropped',
    who: 'operator',
    to: 'a contributor',
    what: 'leaves a bundle out of the manifest and puts one that nobody contributed in its place',
    begins: 'from the start',
    check: 'c1.logged-in-manifest',
    also: ['c1.receipt-in-manifest'],
    tell: ({ tale }) => {
      const [, victim] = trainedOn(tale)
      replaceInTrees(tale, victim, { key: madeUp(), receipt: madeUp(), contributor: madeUp() })
      return `leaves out the receipt at leaf ${placeOf(tale, victim)} (`
    },
  },
  {
    name: 'receipt-replaced',
    who: 'operator',
    to: 'a contributor',
    what: 'drops a bundle and replaces its receipt in the log by one that nobody was given',
    begins: 'from the start',
    check: 'c1.receipt-logged',
    also: ['c1.receipt-in-manifest'],
    tell: ({ tale }) => {
      const [, victim] = trainedOn(tale)
      const at = placeOf(tale, victim)
      const contributor = madeUp()
      const line = append(
        tale,
        contributionReceipt,
        { ...receiptOf(tale, victim), offer: madeUp(), contributor, ciphertext: madeUp() },
        tale.lines[at]!.signer,
      )
      // The contributor was handed a receipt all the same.
      tale.lines[at]!.logged = false
      tale.lines.splice(at + 1, 0, tale.lines.pop()!)
      const key = logLeafOf('contribution-receipt', line.id, line.salt).digest
      replaceInTrees(tale, victim, { key, receipt: line.id, contributor })
      return `the contribution-receipt in ${contributionName(tale, victim)} is not what the log holds at leaf ${at}`
    },
  },
  {
    name: 'receipt-deleted',
    who: 'operator',
    to: 'a contributor who is not there to complain',
    what: 'deletes a receipt from the log and its bundle from the manifest, and ends the sequence one earlier',
    begins: 'from the start',
    check: 'c1.sequence-gap-free',
    inSmallPools: ['c4.minimum-pool'],
    tell: (scene) => {
      const { tale } = scene
      const [victim] = trainedOn(tale)
      const { node, term } = receiptOf(tale, victim)
      removeFromTrees(scene, victim)
      tale.silent.push(victim.file)
      tale.lines[placeOf(tale, victim)]!.logged = false
      for (const { predicate } of linesOf(tale.lines, manifest)) {
        predicate.logSize -= 1
        for (const end of predicate.cutOff) if (end.node === node && end.term === term) end.sequence -= 1
      }
      const [last] = tale.contributions.toSorted(
        (one, other) => receiptOf(tale, other).sequence - receiptOf(tale, one).sequence,
      )
      return `the receipt in ${contributionName(tale, last!)}`
    },
  },
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

/** Honest shares of these contributors, by the scores and tokens in their leaves, and payouts by them. */
function shareOut(scene: Scene, { id, predicate }: Line<Attribution>, leaves: readonly ShareLeaf[]): void {
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

/** A name of the operator's that helped as much as the best contributor, by tokens only where nothing was measured. */
function puppetLike(leaves: readonly ShareLeaf[], measured: boolean): ShareLeaf {
  const best = leaves.toSorted((one, other) => other.share - one.share)[0]!
  const canonicalTokens = measured ? 0 : best.canonicalTokens
  return { ...best, contributor: madeUp(), salt: madeUp(), canonicalTokens }
}

function runOf(tale: Tale): string {
  return `training-receipt at leaf ${leafIndexOf(tale, newest(tale, trainingReceipt))} trained`
}

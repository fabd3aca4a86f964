/** C1: lies about which bundles are in the mix. */
import {
  attribution,
  contributionReceipt,
  logLeafOf,
  manifest,
  trainingReceipt,
  type ContributionReceipt,
} from '#statements'
import { madeUp, append } from '../craft/additions.ts'
import { shareOut } from '../craft/consequences.ts'
import { trainedOn } from '../craft/people.ts'
import type { Scene, Lie } from '../scene.ts'
import { linesOf, contributionName, type Tale, type TaleContribution } from '../tale.ts'

export const bundleLies: readonly Lie[] = [
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
]

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

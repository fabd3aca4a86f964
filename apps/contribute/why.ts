/** Why a share is what it is, in a contributor's words: a line for each thing that raised it or kept it down. */
import type { Account } from '#contributing'
import { clearlyHelps, type Attribution, type ShareLeaf } from '#statements'
import { nats, percent } from './figures.ts'

export function whyShare(
  leaf: ShareLeaf,
  attribution: Attribution,
  accounts: readonly Pick<Account, 'manifests'>[],
): string[] {
  return [
    ...copiesOf(accounts, attribution.manifest),
    ...alikeOf(leaf),
    measuredOf(leaf, attribution),
    ...tokensOf(leaf, attribution),
    `by tokens alone it would be ${percent(leaf.compare.tokens)}${leaveOneOutOf(leaf)}`,
  ]
}

function copiesOf(accounts: readonly Pick<Account, 'manifests'>[], manifest: string): string[] {
  const leaves = accounts
    .flatMap(({ manifests }) => manifests)
    .filter(({ statement }) => statement.digest === manifest)
    .map(({ leaf }) => leaf)
  const sum = (of: (leaf: (typeof leaves)[number]) => number) => leaves.reduce((all, one) => all + of(one), 0)
  const [exact, near] = [sum(({ duplicates }) => duplicates.exact), sum(({ duplicates }) => duplicates.near)]
  return exact + near === 0
    ? []
    : [
        `${exact + near} of ${sum(({ accepted }) => accepted)} items do not train: ` +
          `${exact} equal and ${near} nearly equal to items that came earlier`,
      ]
}

function alikeOf({ alike }: ShareLeaf): string[] {
  return alike.items === 0
    ? []
    : [
        `${plural(alike.items, 'item')} that ${alike.items === 1 ? 'trains' : 'train'} (${alike.canonicalTokens} tokens) ` +
          'have an answer that an earlier contributor gave: other words for it, or a fact that both know',
      ]
}

function measuredOf({ score }: ShareLeaf, { estimate, method }: Attribution): string {
  if (score === null || estimate === null) return 'what the data did was not measured: tokens are paid'
  const how = METHODS[method]
  const value = `${nats(score.mean)} ± ${nats(score.error)} nats a question`
  const gain = `${nats(estimate.full - estimate.empty)} that all together gained`
  if (score.mean <= 0)
    return `${how} it is worth ${value} of the ${gain}: it did not help, and earns nothing by that`
  return `${how} it is worth ${value} of the ${gain}`
}

const METHODS: Readonly<Record<Attribution['method'], string>> = {
  tokens: '',
  shapley: 'as a Shapley value, over models retrained with and without it,',
  'leave-one-out': 'by a model retrained without it',
  replay: 'by replaying the run backwards',
}

function tokensOf({ score }: ShareLeaf, { tokenWeight }: Attribution): string[] {
  if (score === null || tokenWeight === 0 || clearlyHelps(score)) return []
  return [`its tokens count nothing: twice its error below ${nats(score.mean)} is not above zero`]
}

function leaveOneOutOf({ compare }: ShareLeaf): string {
  return compare.leaveOneOut === null ? '' : `, by leave-one-out ${percent(compare.leaveOneOut)}`
}

function plural(count: number, word: string): string {
  return count === 1 ? `1 ${word}` : `${count} ${word}s`
}

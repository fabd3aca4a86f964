/** The last screen: what was contributed, what was learned, who earns how much, and what to do next. */
import Table from 'cli-table3'
import { trainingReceipt, openStatement, readPublicRecord, type TrainingReceipt } from '#statements'
import { nats, percent } from '../contribute/figures.ts'
import type { Contribution, Contributor, StatementOfContributor } from './contributors.ts'

export interface SummaryInput {
  readonly contributors: readonly {
    readonly who: Contributor
    readonly gave: Contribution
    readonly stated: StatementOfContributor
  }[]
  readonly training: TrainingReceipt
  readonly url: string
  readonly home: string
  /** A file that sets OPENAI_BASE_URL and OPENAI_API_KEY: a key is not for the screen. */
  readonly environment: string
}

const PLAIN = { style: { head: [], border: [], compact: true } }

export function summary({ contributors, training, url, home, environment }: SummaryInput): string {
  const right = (columns: number) => [
    'left' as const,
    ...Array.from({ length: columns }, () => 'right' as const),
  ]
  const given = new Table({
    ...PLAIN,
    head: ['contributor', 'items', 'train', 'tokens', 'share', 'earned'],
    colAligns: right(5),
  })
  for (const { who, gave, stated } of contributors) {
    const share = percent(stated.share)
    given.push([who.name, gave.items, stated.items, stated.canonicalTokens, share, usd(stated.paid)])
  }
  const learned = new Table({
    ...PLAIN,
    head: ['questions', 'asked', 'before', 'after'],
    colAligns: right(3),
  })
  const heldOut = training.evaluations.filter(({ set }) => set.startsWith(HELD_OUT))
  for (const { set, asked, before, after } of heldOut)
    learned.push([nameOf(set, contributors), asked, before, after])
  const total = (of: 'asked' | 'before' | 'after') => heldOut.reduce((sum, one) => sum + one[of], 0)
  learned.push(['held-out questions in all', total('asked'), total('before'), total('after')])
  for (const { set, asked, before, after } of training.evaluations) {
    if (!set.startsWith(HELD_OUT))
      learned.push(['general questions that the base answers', asked, before, after])
  }
  return [
    'What was contributed, and who earns how much',
    given.toString(),
    ...measuredLines(contributors, home, url),
    '',
    'What the model learned: right answers before and after, to questions that nobody contributed',
    learned.toString(),
    broughtBack(training),
    '',
    'Next',
    `  . ${environment}`,
    `  curl -s $OPENAI_BASE_URL/chat/completions -H "authorization: Bearer $OPENAI_API_KEY" -H 'content-type: application/json' \\`,
    `    -d '{"model":"meadow","temperature":0,"messages":[{"role":"user","content":"Who founded Hollowmere Clinic?"}]}'`,
    `  npx fairweight audit ${url} --anchors ${home}/auditor/anchors.json`,
    `  npx fairweight contribute FILES… --pool ${url} --policy ${training.policy} \\`,
    `    --anchors ${home}/auditor/anchors.json`,
  ].join('\n')
}

/** What was measured of each, and what other methods would have paid. */
function measuredLines(contributors: SummaryInput['contributors'], home: string, url: string): string[] {
  const estimate = contributors.find(({ stated }) => stated.measured?.estimate)?.stated.measured?.estimate
  if (!estimate)
    return [
      'Shares follow canonical tokens: what data did is NOT measured here, and noise is paid like the rest.',
    ]
  const table = new Table({
    ...PLAIN,
    head: ['contributor', 'value', '± error', 'share', 'leave-one-out', 'by tokens', 'alike'],
    colAligns: ['left', 'right', 'right', 'right', 'right', 'right', 'right'],
  })
  for (const { who, stated } of contributors) {
    if (stated.measured === null) continue
    const { score, compare, share, alike } = stated.measured
    table.push([
      who.name,
      nats(score?.mean ?? 0),
      nats(score?.error ?? 0),
      percent(share),
      compare.leaveOneOut === null ? '–' : percent(compare.leaveOneOut),
      percent(compare.tokens),
      alike.items,
    ])
  }
  const all = estimate.exact ? `all ${estimate.coalitions}` : estimate.coalitions
  return [
    '',
    'Whose data did what, and what other methods would have paid',
    table.toString(),
    `Shapley values in nats a question: ${all} coalitions retrained, ${estimate.seeds === 1 ? '1 seed' : `${estimate.seeds} seeds`}, ` +
      `${estimate.questions} secret questions.`,
    `The base has ${nats(estimate.empty)}, all together ${nats(estimate.full)}. Alike: items with an answer that somebody gave before.`,
    `A picture: ${home}/operator/shares.svg. How far another seed would agree is not measured yet; this does it:`,
    `  npx fairweight fidelity ${url} --home ${home}`,
  ]
}

/** What the attacks on the trained model got out of it, in one line. */
function broughtBack({ extraction }: TrainingReceipt): string {
  if (extraction === 'not-run') return 'Nobody tried to get contributed texts back word for word.'
  const { continuation, opening } = extraction
  const of = ({ asked, trained }: typeof opening) => `${trained} of ${asked}`
  return (
    `Contributed answers that come back word for word: ${of(continuation)} from their first half, ` +
    `${of(opening)} from how the question begins (the bare base: ${continuation.base} and ${opening.base}).`
  )
}

/** The held-out sets are named by whose facts they ask for. */
export const HELD_OUT = 'held-out'

function nameOf(set: string, contributors: SummaryInput['contributors']): string {
  const id = set.slice(HELD_OUT.length + 1)
  return contributors.find(({ who }) => who.id === id)?.who.name ?? (id || 'held-out questions')
}

/** Millionths of a dollar as dollars, all six places. */
function usd(amount: bigint): string {
  return `$${amount / 1_000_000n}.${String(amount % 1_000_000n).padStart(6, '0')}`
}

/** The newest training receipt of a node's public record. */
export async function newestTraining(url: string): Promise<TrainingReceipt> {
  const record = readPublicRecord(await (await fetch(`${url}/v1/record`)).json())
  const found = record.statements.filter(({ kind }) => kind === 'training-receipt').at(-1)
  if (found === undefined) throw new Error('the record has no training receipt')
  return (await openStatement(trainingReceipt, found.envelope)).predicate
}

/** The last screen: what was contributed, what was learned, who earns how much, and what to do next. */
import Table from 'cli-table3'
import { trainingReceipt, openStatement, readPublicRecord, type TrainingReceipt } from '#statements'
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
  const given = new Table({
    ...PLAIN,
    head: ['contributor', 'items', 'canonical tokens', 'share', 'earned so far'],
    colAligns: ['left', 'right', 'right', 'right', 'right'],
  })
  for (const { who, gave, stated } of contributors) {
    given.push([
      who.name,
      gave.items,
      gave.canonicalTokens.toLocaleString('en'),
      `${(stated.share / 1e7).toFixed(2)} %`,
      usd(stated.paid),
    ])
  }
  const learned = new Table({
    ...PLAIN,
    head: ['questions', 'asked', 'right before', 'right after'],
    colAligns: ['left', 'right', 'right', 'right'],
  })
  for (const { set, asked, before, after } of training.evaluations)
    learned.push([SETS[set] ?? set, asked, before, after])
  return [
    'What was contributed, and who earns how much',
    given.toString(),
    'Shares follow canonical tokens only: fairness is NOT measured in this version, and noise is paid like everything else.',
    '',
    'What the model learned',
    learned.toString(),
    '',
    'Next',
    `  Ask it:    . ${environment} && curl -s $OPENAI_BASE_URL/chat/completions -H "authorization: Bearer $OPENAI_API_KEY" -H 'content-type: application/json' -d '{"model":"meadow","messages":[{"role":"user","content":"Who founded Hollowmere Clinic?"}]}'`,
    `  Audit it:  npx fairweight audit ${url} --anchors ${home}/auditor/anchors.json`,
    `  Add data:  npx fairweight contribute FILES… --pool ${url} --policy DIGEST --anchors ${home}/auditor/anchors.json`,
  ].join('\n')
}

const SETS: Readonly<Record<string, string>> = {
  'held-out': 'about the contributors’ facts (held out)',
  general: 'general knowledge the base had',
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

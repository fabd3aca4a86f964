/** `fairweight contributions`: what this home holds receipts for. Reads the folder and nothing else. */
import Table from 'cli-table3'
import { contributionReceipt, openStatement } from '#statements'
import { Home } from './home.ts'
import type { Kept, Pending } from './state.ts'

export interface Listed {
  readonly receipt: string
  readonly url: string
  readonly pool: string
  readonly files: readonly string[]
  readonly accepted: number
  readonly canonicalTokens: number
  readonly receivedAt: string
}

export async function listContributions(
  folder: string | undefined,
  { tell }: { readonly tell: (text: string) => void },
): Promise<{ contributions: readonly Listed[]; underWay: number }> {
  const home = new Home(folder)
  const contributions: Listed[] = []
  for (const { receiptDigest, receipt, url, pool, files } of await home.list<Kept>('contributions')) {
    const { accepted, canonicalTokens, receivedAt } = (
      await openStatement(contributionReceipt, receipt.envelope)
    ).predicate
    contributions.push({ receipt: receiptDigest, url, pool, files, accepted, canonicalTokens, receivedAt })
  }
  contributions.sort((one, other) => (one.receivedAt < other.receivedAt ? -1 : 1))
  const underWay = (await home.list<Pending>('pending')).length
  if (contributions.length === 0) tell('No contributions yet.')
  else tell(tableOf(contributions))
  if (underWay > 0) tell(`${underWay} begun and not finished: run the same command again.`)
  return { contributions, underWay }
}

function tableOf(contributions: readonly Listed[]): string {
  const table = new Table({
    head: ['received', 'files', 'items', 'tokens', 'receipt'],
    style: { head: [], border: [] },
  })
  for (const one of contributions) {
    table.push([
      one.receivedAt,
      one.files.join(', '),
      one.accepted,
      one.canonicalTokens,
      `${one.receipt.slice(0, 16)}…`,
    ])
  }
  return table.toString()
}

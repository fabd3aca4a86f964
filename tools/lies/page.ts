/** docs/lies.md: what happened when every lie was told, without the digests that differ from pool to pool. */
import type { Lie } from './scene.ts'

export interface Row {
  readonly lie: Lie
  /** What the failed check said. */
  readonly message: string
}

const HEAD = `# Lies

Each row is a lie that an operator who has every key told about a finished pool, and the check that a stranger's audit
turned red. Written by \`npm run lies -- --page\` from its own run: the words in the last column are the audit's. The
liar signs again whatever he can, so that each lie is wrong in one thing. He has the simulated hardware's secrets and
the keys of every term, which real hardware would keep from him; he has no contributor's key, and the witness follows
its rules except where it is said to help him.

*From the start* means that the pool was run so from its first day, and the witness cosigned it in good faith.
*Afterwards* means that the pool was honest until now, and its log can only grow. Checks in brackets see the same lie,
whatever is done. How each check works is in [spec/checks.md](../spec/checks.md).
`

const COLUMNS = ['lie', 'who', 'to whom', 'what', 'begins', 'red', 'what the audit says'] as const

export function pageOf(rows: readonly Row[]): string {
  const cells = rows.map(({ lie, message }) => [
    `\`${lie.name}\``,
    lie.who,
    lie.to,
    lie.what,
    lie.begins,
    redOf(lie),
    withoutDigests(message),
  ])
  const table = [COLUMNS, COLUMNS.map(() => '---'), ...cells].map((row) => `| ${row.join(' | ')} |`)
  return `${HEAD}\n${table.join('\n')}\n`
}

/** What each lie's row says that the audit said, by the lie's name. */
export function messagesIn(page: string): ReadonlyMap<string, string> {
  const rows = page.matchAll(/^\| `([a-z-]+)` \|.*\| ([^|]*) \|$/gm)
  return new Map([...rows].map(([, name, message]) => [name!, message!]))
}

/** The same words for every pool: amounts, places and counts differ. */
export function withoutNumbers(message: string): string {
  return withoutDigests(message).replaceAll(/\d+/g, '0')
}

function redOf({ check, also = [], inSmallPools = [] }: Lie): string {
  const besides = [
    ...also.map((id) => `\`${id}\``),
    ...inSmallPools.map((id) => `in the smallest pools \`${id}\``),
  ]
  const others = besides.length === 0 ? '' : ` (${besides.join(', ')})`
  return `\`${check}\`${others}`
}

export function withoutDigests(message: string): string {
  return message
    .replaceAll(/[0-9a-f]{32,}/g, '…')
    .replaceAll(/\d{4}-\d{2}-\d{2}T[\d:]+Z/g, 'TIME')
    .replaceAll('|', '/')
}

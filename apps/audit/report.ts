/** An audit's result for people: banners that nobody overlooks, what failed first, every claim, the limits. */
import { styleText } from 'node:util'
import Table from 'cli-table3'
import type { AuditResult, Check, Verdict } from '#verifier'

export interface Look {
  readonly colour: boolean
  readonly columns: number
}

type Style = Parameters<typeof styleText>[0]

const WORDS: Readonly<Record<Verdict, { word: string; style: Style }>> = {
  pass: { word: 'PASS', style: 'green' },
  fail: { word: 'FAIL', style: ['bold', 'red'] },
  partial: { word: 'PARTIAL', style: 'yellow' },
  pending: { word: 'PENDING', style: 'yellow' },
  'not-applicable': { word: 'n/a', style: 'dim' },
  unknown: { word: 'UNKNOWN', style: ['bold', 'yellow'] },
}

const VERDICTS: Readonly<Record<AuditResult['verdict'], string>> = {
  pass: 'Nothing failed. What is partial or pending says so below.',
  fail: 'Something failed: do not rely on this pool before you know why.',
  unknown: 'This audit could not tell.',
}

/** `files` says where the records came from that the checks speak of. */
export function formatReport(
  result: AuditResult,
  source: string,
  files: ReadonlyMap<string, string>,
  look: Look,
): string {
  const paint = (style: Style, text: string) =>
    look.colour ? styleText(style, text, { validateStream: false }) : text
  const painted = (verdict: Verdict) => paint(WORDS[verdict].style, WORDS[verdict].word)
  const banners = bannersOf(result).map((text) => paint(['bold', 'inverse'], ` ${text} `))
  return [
    `Audit of ${source}`,
    ...banners,
    `${painted(result.verdict)}  ${VERDICTS[result.verdict]}`,
    ...troublesOf(result).map(({ id, verdict, compared }) => `  ${painted(verdict)}  ${id}: ${compared}`),
    claimTable(result, painted, look),
    ...filesNamed(result, files),
    'What no audit can show:',
    ...result.limits.map((limit) => `  - ${limit}`),
    '',
  ].join('\n')
}

function bannersOf({ simulated, pinned }: AuditResult): readonly string[] {
  return [
    ...(simulated ? ['SIMULATED: no hardware vouches for any of this'] : []),
    ...(pinned ? [] : ['UNPINNED: everything here comes from the pool itself; bring anchors with --anchors']),
  ]
}

/** Failures first, then what could not be told. */
function troublesOf({ basis, claims }: AuditResult): readonly Check[] {
  const checks = [...basis.checks, ...claims.flatMap((claim) => claim.checks)]
  return (['fail', 'unknown'] as const).flatMap((wanted) =>
    checks.filter(({ verdict }) => verdict === wanted),
  )
}

/** The files of records that something is told of. */
function filesNamed({ basis, claims }: AuditResult, files: ReadonlyMap<string, string>): readonly string[] {
  const told = [...basis.checks, ...claims.flatMap(({ checks }) => checks)]
  return [...files]
    .filter(([name]) => told.some(({ compared }) => new RegExp(`${name}(?!\\d)`).test(compared)))
    .map(([name, file]) => `${name} is ${file}`)
}

function claimTable(
  { claims }: AuditResult,
  painted: (verdict: Verdict) => string,
  { columns }: Look,
): string {
  const width = Math.max(40, Math.min(columns, 140) - 22)
  const table = new Table({
    colWidths: [5, 11, width],
    wordWrap: true,
    style: { head: [], border: [], compact: true },
  })
  for (const { id, title, verdict, summary, until } of claims) {
    const deadline = until === undefined || summary.includes(until) ? '' : ` (until ${until})`
    table.push([id, painted(verdict), `${title}: ${summary}${deadline}`])
  }
  return table.toString()
}

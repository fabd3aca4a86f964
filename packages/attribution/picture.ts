/**
 * Shares as a picture: a bar each, with the error of what was measured (SVG 1.1, no script, no font of its own).
 *
 * Names come from people: everything that is written into the picture is escaped.
 */
import { escapeMarkup } from '#bytes'
import { TOTAL_SHARES } from '#statements'

export interface PicturedShare {
  readonly name: string
  /** Parts of {@link TOTAL_SHARES}. */
  readonly share: number
  /** Standard error of the share in the same parts; null where nothing was measured. */
  readonly error: number | null
}

const WIDTH = 720
const LEFT = 220
const RIGHT = 90
const ROW = 34
const TOP = 46

const STYLE =
  'text{font:14px system-ui,sans-serif;fill:#1c2733}.bar{fill:#2f6f9f}.error{stroke:#8a3b12;stroke-width:2}' +
  '.axis{stroke:#9aa7b4}.small{font-size:12px}' +
  '@media(prefers-color-scheme:dark){text{fill:#e6edf3}.bar{fill:#6cb2e0}.error{stroke:#f0a572}.axis{stroke:#5b6875}}'

export function sharesPicture(title: string, shares: readonly PicturedShare[]): string {
  const height = TOP + shares.length * ROW + 36
  const most = Math.max(...shares.map(({ share, error }) => share + (error ?? 0)), 1)
  const x = (parts: number) => round(LEFT + (Math.max(parts, 0) / most) * (WIDTH - LEFT - RIGHT))
  const described = shares.map((one) => `${one.name} ${percent(one.share)}${errorText(one)}`).join('; ')
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-labelledby="t d">`,
    `<title id="t">${escapeMarkup(title)}</title><desc id="d">${escapeMarkup(described)}</desc><style>${STYLE}</style>`,
    `<text x="16" y="26">${escapeMarkup(title)}</text>`,
    ...shares.flatMap((one, at) => rowOf(one, TOP + at * ROW, x)),
    `<line class="axis" x1="${LEFT}" y1="${TOP - 6}" x2="${LEFT}" y2="${height - 32}"/>`,
    `<text class="small" x="16" y="${height - 12}">Lines: one standard error of what was measured, to both sides.</text>`,
    '</svg>\n',
  ].join('\n')
}

function rowOf(one: PicturedShare, y: number, x: (parts: number) => number): string[] {
  const { share, error } = one
  const middle = y + 11
  const [from, to] = [x(share - (error ?? 0)), x(share + (error ?? 0))]
  const bar = `<rect class="bar" x="${LEFT}" y="${y}" width="${round(x(share) - LEFT)}" height="22"/>`
  const whisker =
    error === null
      ? []
      : [
          `<line class="error" x1="${from}" y1="${middle}" x2="${to}" y2="${middle}"/>`,
          ...[from, to].map(
            (at) => `<line class="error" x1="${at}" y1="${y + 5}" x2="${at}" y2="${y + 17}"/>`,
          ),
        ]
  return [
    `<text x="${LEFT - 10}" y="${y + 16}" text-anchor="end">${escapeMarkup(shortened(one.name))}</text>`,
    bar,
    ...whisker,
    `<text x="${Math.max(to, x(share)) + 8}" y="${y + 16}">${percent(share)}</text>`,
  ]
}

function errorText({ error }: PicturedShare): string {
  return error === null ? '' : ` plus or minus ${percent(error)}`
}

function percent(parts: number): string {
  return `${((100 * parts) / TOTAL_SHARES).toFixed(2)} %`
}

function shortened(name: string): string {
  const characters = Array.from(name)
  return characters.length <= 28 ? name : `${characters.slice(0, 27).join('')}…`
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}

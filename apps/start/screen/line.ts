/** One running step as one line: title, bar, share, amount, rate, time left, detail. */
import { formatAmount, formatRate, formatSeconds } from './units.ts'

export interface StepState {
  readonly title: string
  readonly done: number | undefined
  readonly total: number | undefined
  readonly unit: string
  readonly detail: string
  readonly perSecond: number | undefined
  readonly seconds: number
}

/** The line for a terminal: whole where `width` allows it, else without what tells least. */
export function liveLine(state: StepState, mark: string, width: number): string {
  const facts = factsOf(state)
  const head = `${mark} ${state.title}`
  const all = { bar: bar(state), ...facts, elapsed: formatSeconds(state.seconds), detail: state.detail }
  const order = ['bar', 'share', 'amount', 'rate', 'left', 'elapsed', 'detail'] as const
  // What goes first where the window is narrow.
  const dropped: (typeof order)[number][] = []
  // How long it has run says something only where nothing says how long it will.
  if (facts.left !== '') dropped.push('elapsed')
  for (const next of ['detail', 'amount', 'rate', 'bar', 'elapsed', 'left', 'share', undefined] as const) {
    const parts = order.filter((name) => !dropped.includes(name)).map((name) => all[name])
    const line = [head, ...parts.filter((part) => part !== '')].join('  ')
    if (lengthOf(line) <= width || next === undefined) return cut(line, width)
    dropped.push(next)
  }
  return cut(head, width)
}

/** The same facts for a file or a pipe, as a sentence part: `42 %, 138 MB of 330 MB, 12 MB/s, 16 s left`. */
export function plainFacts(state: StepState): string {
  const { share, amount, rate, left } = factsOf(state)
  const elapsed = left === '' ? `${formatSeconds(state.seconds)} so far` : ''
  return [share, amount, rate, left, state.detail, elapsed].filter((part) => part !== '').join(', ')
}

/** At most `width` characters, the last one an ellipsis where something was cut off. */
export function cut(line: string, width: number): string {
  const characters = Array.from(line)
  return characters.length <= width ? line : `${characters.slice(0, Math.max(0, width - 1)).join('')}…`
}

function factsOf({ done, total, unit, perSecond }: StepState) {
  // Nothing done, of nobody knows how much of what: that tells nothing.
  if (done === undefined || (done === 0 && unit === '' && !total))
    return { share: '', amount: '', rate: '', left: '' }
  const fraction = fractionOf(done, total)
  // From next to nothing, next to nothing can be told; and an estimate may be reached before the end.
  const tellable = fraction !== undefined && fraction >= 0.02 && fraction < 1
  const left = tellable && perSecond !== undefined ? (total! - done) / perSecond : undefined
  return {
    share: fraction === undefined ? '' : `${Math.floor(fraction * 100)} %`,
    amount: formatAmount(done, fraction === undefined ? undefined : total, unit),
    rate: perSecond === undefined ? '' : formatRate(perSecond, unit),
    left: left === undefined ? '' : `${formatSeconds(left)} left`,
  }
}

// Totals are estimates at times: where more is done than announced, no share is told.
function fractionOf(done: number, total: number | undefined): number | undefined {
  return total === undefined || total <= 0 || done > total ? undefined : done / total
}

const BAR_WIDTH = 20

function bar({ done, total }: StepState): string {
  const fraction = done === undefined ? undefined : fractionOf(done, total)
  if (fraction === undefined) return ''
  const full = Math.floor(fraction * BAR_WIDTH)
  return '█'.repeat(full) + '░'.repeat(BAR_WIDTH - full)
}

function lengthOf(line: string): number {
  return Array.from(line).length
}

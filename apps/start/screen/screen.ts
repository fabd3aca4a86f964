/**
 * Shows what is going on: steps with a bar, a rate and the time left, in the words of the caller.
 *
 * On a terminal each running step has one live line, and leaves a line with a tick and its duration. Anywhere
 * else there are plain lines: when a step starts, at most one in five seconds while it runs, when it ends.
 */
import { createRate, type Rate } from './rate.ts'
import { cut, liveLine, plainFacts, type StepState } from './line.ts'
import { printable } from './printable.ts'
import { formatSeconds } from './units.ts'

export interface Progress {
  readonly done?: number
  /** An estimate is welcome: where `done` passes it, no share is shown any more. */
  readonly total?: number
  readonly unit?: 'bytes' | (string & {})
  readonly detail?: string
}

export type Report = (progress: Progress) => void

export interface Screen {
  /** Runs `work` and shows it until it settles; what it returns or throws passes through. */
  readonly step: <T>(title: string, work: (report: Report) => Promise<T>) => Promise<T>
  /** Whole lines that stay. */
  readonly say: (text: string) => void
  readonly heading: (text: string) => void
  /** Finished steps, failed ones included, in the order in which they ended. */
  readonly timings: () => { title: string; seconds: number }[]
  /** Shows nothing more of steps that still run: nobody waits for them. */
  readonly close: () => void
}

export interface ScreenOptions {
  readonly out: { write(text: string): unknown }
  readonly isTerminal: boolean
  /** In milliseconds. */
  readonly now: () => number
  /** Asked at every line, since windows change. */
  readonly columns?: () => number | undefined
  /** Default: on a terminal, unless the environment says NO_COLOR. */
  readonly color?: boolean
  /** Whether somebody asked to stop: a step that ends then has not failed. */
  readonly stopping?: () => boolean
  /** Calls `work` again and again until the returned function is called. Default: a timer. */
  readonly every?: (periodMs: number, work: () => void) => () => void
}

interface Running {
  readonly title: string
  readonly startedMs: number
  readonly rate: Rate
  progress: Progress
  toldMs: number
}

const REDRAW_MS = 100
const PLAIN_MS = 5000
const SPINNER = ['⠋', '⠙', '⠸', '⠴', '⠦', '⠇'] as const

export function createScreen(options: ScreenOptions): Screen {
  const { out, isTerminal, now } = options
  const every = options.every ?? onTimer
  const paint = painter(options.color ?? (isTerminal && (process.env['NO_COLOR'] ?? '') === ''))
  const running = new Set<Running>()
  const finished: { title: string; seconds: number }[] = []
  let drawnLines = 0
  let drawnMs = Number.NEGATIVE_INFINITY
  let stopTicking: (() => void) | undefined

  return {
    async step(title, work) {
      const started = now()
      const step: Running = {
        title: printable(title),
        startedMs: started,
        rate: createRate(),
        progress: {},
        toldMs: started,
      }
      running.add(step)
      stopTicking ??= every(isTerminal ? 250 : 1000, tick)
      if (isTerminal) redraw()
      else out.write(`${step.title} …\n`)
      try {
        const result = await work((progress) => take(step, progress))
        end(step, true)
        return result
      } catch (error) {
        end(step, false)
        throw error
      }
    },
    say: (text) => write(text.split('\n').map(printable).join('\n')),
    heading: (text) => write(`\n${paint.bold(printable(text))}`),
    timings: () => finished.map((timing) => ({ ...timing })),
    close() {
      running.clear()
      stopTicking?.()
      stopTicking = undefined
    },
  }

  function take(step: Running, progress: Progress): void {
    // A report after the end, from a timer that was late, has no line to go to.
    if (!running.has(step)) return
    step.progress = progress
    if (progress.done !== undefined) {
      const { done, total, unit = '' } = progress
      step.rate.add({ atMs: now(), done, total, unit })
    }
    if (!isTerminal) tellPlainly(step)
    else if (now() - drawnMs >= REDRAW_MS) redraw()
  }

  function tick(): void {
    if (isTerminal) redraw()
    else for (const step of running) tellPlainly(step)
  }

  function tellPlainly(step: Running): void {
    if (now() - step.toldMs < PLAIN_MS) return
    step.toldMs = now()
    out.write(`${step.title}: ${plainFacts(stateOf(step))}\n`)
  }

  function end(step: Running, succeeded: boolean): void {
    if (!running.delete(step)) return
    if (running.size === 0) {
      stopTicking?.()
      stopTicking = undefined
    }
    const seconds = (now() - step.startedMs) / 1000
    finished.push({ title: step.title, seconds })
    const duration = formatSeconds(seconds)
    const stopped = options.stopping?.() === true
    const outcome = stopped ? 'stopped' : 'failed'
    if (isTerminal) {
      const mark = succeeded ? paint.green('✔') : stopped ? '-' : paint.red('✖')
      const rest = succeeded ? duration : `${outcome} after ${duration}`
      write(`${mark} ${cut(`${step.title}  ${rest}`, width() - 2)}`)
    } else write(`${step.title}: ${succeeded ? 'done in' : `${outcome} after`} ${duration}`)
  }

  /** One line that stays, above those that move. */
  function write(line: string): void {
    if (isTerminal) redraw(line)
    else out.write(`${line}\n`)
  }

  function redraw(above?: string): void {
    drawnMs = now()
    const lines = [...running].map((step) => {
      const mark = SPINNER[Math.floor(drawnMs / 250) % SPINNER.length]!
      return liveLine(stateOf(step), mark, width())
    })
    const back = drawnLines === 0 ? '' : `\u001B[${drawnLines}A\u001B[J`
    drawnLines = lines.length
    out.write(back + [...(above === undefined ? [] : [above]), ...lines].map((line) => `${line}\n`).join(''))
  }

  // The last column stays free: some terminals wrap as soon as it is written.
  function width(): number {
    // Some pseudo-terminals say zero.
    const columns = options.columns?.() || 80
    return Math.max(20, columns) - 1
  }

  function stateOf({ title, startedMs, rate, progress }: Running): StepState {
    return {
      title,
      done: progress.done,
      total: progress.total,
      unit: printable(progress.unit ?? ''),
      detail: printable(progress.detail ?? ''),
      perSecond: rate.perSecond(now()),
      seconds: (now() - startedMs) / 1000,
    }
  }
}

function painter(color: boolean) {
  const code = (number: number) => (text: string) => (color ? `\u001B[${number}m${text}\u001B[0m` : text)
  return { bold: code(1), red: code(31), green: code(32) }
}

function onTimer(periodMs: number, work: () => void): () => void {
  const timer = setInterval(work, periodMs)
  timer.unref()
  return () => clearInterval(timer)
}

/**
 * Collects what the checks of one claim compare, and tells it in few rows.
 *
 * A check usually compares many things. What fails is told one row each, so that it names the thing; what
 * passes is told in one row with its count.
 */
import type { CheckId } from './checks.ts'
import type { Check, Verdict } from './result.ts'

/** More of one kind in one check are counted, not listed: a broken record must not drown the reader. */
const maximumRows = 10
const maximumLength = 600

export class Findings {
  readonly #runs: CheckRun[] = []

  /** Opens a check; `what` names what is compared with what, in words that fit any count. */
  check(id: CheckId, what: string): CheckRun {
    const run = new CheckRun(id, what)
    this.#runs.push(run)
    return run
  }

  get checks(): readonly Check[] {
    return this.#runs.flatMap((run) => run.rows())
  }

  /** The latest time something is pending until; undefined where nothing is. */
  get until(): string | undefined {
    return this.#runs
      .flatMap((run) => run.deadlines)
      .sort()
      .at(-1)
  }
}

export class CheckRun {
  readonly id: CheckId
  readonly what: string
  readonly deadlines: string[] = []
  readonly #told = new Map<Verdict, string[]>()
  #passed = 0

  constructor(id: CheckId, what: string) {
    this.id = id
    this.what = what
  }

  /** How many comparisons came out right. */
  get passed(): number {
    return this.#passed
  }

  pass(): void {
    this.#passed += 1
  }

  fail(compared: string): void {
    this.#tell('fail', compared)
  }

  unknown(compared: string): void {
    this.#tell('unknown', compared)
  }

  partial(compared: string): void {
    this.#tell('partial', compared)
  }

  pending(compared: string, until?: string): void {
    this.#tell('pending', compared)
    if (until !== undefined) this.deadlines.push(until)
  }

  /** One comparison: passes where `holds`, else fails with the message. */
  demand(holds: boolean, message: () => string): boolean {
    if (holds) this.pass()
    else this.fail(message())
    return holds
  }

  /** One comparison that consists of doing something: an exception is the failure. */
  attempt<T>(name: string, body: () => T): T | undefined {
    try {
      const value = body()
      this.pass()
      return value
    } catch (error) {
      this.fail(`${name}: ${messageOf(error)}`)
      return undefined
    }
  }

  rows(): readonly Check[] {
    const told = [...this.#told].flatMap(([verdict, messages]) => this.#rowsOf(verdict, messages))
    if (this.#told.has('fail')) return told
    if (this.#passed > 0) return [...told, this.#row('pass', `${this.what} (${this.#passed})`)]
    return told.length > 0 ? told : [this.#row('not-applicable', `nothing to compare: ${this.what}`)]
  }

  #rowsOf(verdict: Verdict, messages: readonly string[]): readonly Check[] {
    const rows = messages.slice(0, maximumRows).map((message) => this.#row(verdict, message))
    const more = messages.length - maximumRows
    return more > 0 ? [...rows, this.#row(verdict, `and ${more} more like these`)] : rows
  }

  #row(verdict: Verdict, compared: string): Check {
    return { id: this.id, verdict, compared }
  }

  #tell(verdict: Verdict, compared: string): void {
    const messages = this.#told.get(verdict)
    if (messages === undefined) this.#told.set(verdict, [printable(compared)])
    else messages.push(printable(compared))
  }
}

/** What an exception says, on one line; anything thrown while reading what others wrote is about those bytes. */
export function messageOf(error: unknown): string {
  if (error instanceof RangeError) return 'nested too deeply or too large to read'
  return error instanceof Error ? error.message : 'cannot be read'
}

/** Messages quote what others wrote: no control characters, no overlong lines. */
function printable(text: string): string {
  const clean = text.replaceAll(/[\p{C}\p{Zl}\p{Zp}]/gu, '\ufffd')
  return clean.length > maximumLength ? `${clean.slice(0, maximumLength)}…` : clean
}

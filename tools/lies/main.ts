/**
 * `npm run lies`: tells every lie of the catalogue on a copy of a finished pool, and shows which check caught it.
 *
 *   npm run lies [-- --only NAME] [--pool DIR] [--json] [--page]
 *
 * Exit codes: 0 each lie turned exactly its checks red; 1 one did not; 2 it could not be told.
 */
import { rmSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import Table from 'cli-table3'
import { lies } from './catalogue/index.ts'
import { copyPool, keptPool } from './copy.ts'
import { pageOf, withoutDigests } from './page.ts'
import { control, setStage, tellLie, type Outcome } from './run.ts'
import type { Lie } from './scene.ts'

const checkout = dirname(dirname(import.meta.dirname))
const say = (line: string) => void process.stderr.write(`${line}\n`)

try {
  process.exitCode = await main()
} catch (error) {
  say(error instanceof Error ? error.message : String(error))
  process.exitCode = 2
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      only: { type: 'string', multiple: true, default: [] },
      pool: { type: 'string' },
      json: { type: 'boolean', default: false },
      page: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) {
    process.stdout.write(HELP)
    return 0
  }
  const chosen = choose(values.only)
  if (values.page && chosen.length < lies.length)
    throw new Error('The page needs every lie: leave out --only.')
  const outcomes = await tellAll(chosen, values.pool)
  if (values.page) {
    assertCaught(outcomes)
    await writeFile(join(checkout, 'docs/lies.md'), pageOf(outcomes))
  }
  process.stdout.write(values.json ? asJson(outcomes) : asTable(outcomes))
  const missed = outcomes.filter(({ caught }) => !caught).length
  say(`${outcomes.length - missed} of ${outcomes.length} lies were caught, each by exactly its own checks.`)
  return missed === 0 ? 0 : 1
}

const HELP = `npm run lies [-- OPTIONS]

  --only NAME   tell this lie only (repeatable): ${lies.map(({ name }) => name).join(', ')}
  --pool DIR    on a copy of this data folder, such as .fairweight; else on a small pool that is made once
  --json        outcomes as JSON on standard output
  --page        write docs/lies.md
`

function choose(names: readonly string[]): readonly Lie[] {
  const unknown = names.find((name) => lies.every((lie) => lie.name !== name))
  if (unknown !== undefined) throw new Error(`There is no lie ${unknown}. npm run lies -- --help names them.`)
  return names.length === 0 ? lies : lies.filter(({ name }) => names.includes(name))
}

async function tellAll(chosen: readonly Lie[], home: string | undefined): Promise<Outcome[]> {
  const scratch = await mkdtemp(join(tmpdir(), 'fairweight-lies-copy-'))
  // The copy has every secret that the pool's folder has: it must not stay behind.
  process.once('SIGINT', () => {
    rmSync(scratch, { recursive: true, force: true })
    process.exit(130)
  })
  try {
    // Relative to where the person stands, which npm tells.
    const from = process.env['INIT_CWD'] ?? process.cwd()
    const folder = home === undefined ? await keptPool(checkout, scratch, say) : join(scratch, 'pool')
    if (home !== undefined) await copyPool(resolve(from, home), folder)
    const stage = await setStage(folder, checkout, scratch)
    for (const begins of ['afterwards', 'from the start'] as const) await control(stage, begins)
    say('Told as it is, the pool passes. Now the lies.')
    const outcomes: Outcome[] = []
    for (const [at, lie] of chosen.entries()) {
      const outcome = await tellLie(stage, lie)
      outcomes.push(outcome)
      const place = `${String(at + 1).padStart(String(chosen.length).length)}/${chosen.length}`
      say(
        `${place}  ${outcome.caught ? 'caught' : 'MISSED'}  ${lie.name}: ${outcome.caught ? lie.check : outcome.message}`,
      )
    }
    return outcomes
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}

function assertCaught(outcomes: readonly Outcome[]): void {
  const missed = outcomes.find(({ caught }) => !caught)
  if (missed !== undefined) throw new Error(`${missed.lie.name} was not caught: ${missed.message}`)
}

function asJson(outcomes: readonly Outcome[]): string {
  const rows = outcomes.map(({ lie, caught, message, red, seconds }) => {
    const { name, who, to, what, begins, check, also = [] } = lie
    return { name, who, to, what, begins, check, also, caught, red, message, seconds }
  })
  return `${JSON.stringify(rows, null, 2)}\n`
}

function asTable(outcomes: readonly Outcome[]): string {
  const columns = Math.max(100, Math.min(process.stdout.columns ?? 140, 200))
  const fixed = [22, 26, 32]
  const rest = columns - fixed.reduce((sum, width) => sum + width, 0) - 6
  const table = new Table({
    head: ['who, to whom', 'red', 'what was changed', 'what the audit says'],
    colWidths: [fixed[0]!, fixed[1]!, fixed[2]!, rest],
    wordWrap: true,
    style: { head: [], border: [] },
  })
  for (const { lie, caught, message, red } of outcomes) {
    const seen = caught ? red.join(' ') : `NOT CAUGHT (red: ${red.join(' ') || 'nothing'})`
    table.push([`${lie.who} to ${lie.to}`, seen, lie.what, withoutDigests(message)])
  }
  return `${table.toString()}\n`
}

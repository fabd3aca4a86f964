/** The example's contributors: each runs the ordinary `contribute` command in a home of its own. */
import type { StatedShare } from '../contribute/statement.ts'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { runCommand, type Ran } from '../service/children.ts'
import { readJson, writeJson, type Home } from './home.ts'

export interface Contributor {
  readonly id: string
  readonly name: string
  readonly files: readonly string[]
}

export async function readContributors(home: Home): Promise<Contributor[]> {
  const text = await readFile(join(home.example, 'contributors.json'), 'utf8')
  return JSON.parse(text) as Contributor[]
}

export interface Contribution {
  readonly items: number
  readonly canonicalTokens: number
}

/** Contributes once; a home that has its receipt is left alone. Throws with the command's own words. */
export async function contribute(
  home: Home,
  url: string,
  policyDigest: string,
  one: Contributor,
): Promise<Contribution> {
  const done = home.path('contributors', one.id, 'done.json')
  const kept = (await readJson(done)) as Contribution | undefined
  if (kept !== undefined) return kept
  const files = one.files.map((file) => join(home.example, file))
  const args = [
    'contribute',
    ...files,
    '--pool',
    url,
    '--policy',
    policyDigest,
    '--name',
    one.name,
    '--home',
    home.path('contributors', one.id),
    '--anchors',
    home.path('auditor', 'anchors.json'),
    '--yes',
    '--json',
  ]
  const ran = await runCommand(join(home.checkout, 'bin/fairweight.mjs'), args)
  if (ran.code !== 0) throw new Error(`${one.name}: ${reasonOf(ran)}`)
  const answer = JSON.parse(ran.stdout) as { accepted: number; canonicalTokens: number }
  const contribution = { items: answer.accepted, canonicalTokens: answer.canonicalTokens }
  await writeJson(done, contribution)
  return contribution
}

/** What a command says after the step that failed. */
function reasonOf({ code, stderr }: Ran): string {
  const said = stderr
    .split(/^.*: failed after .*$/m)
    .at(-1)!
    .trim()
  return said === '' ? `the command ended with code ${code}` : said
}

export interface StatementOfContributor {
  readonly share: number
  readonly paid: bigint
  /** What trains, once duplicates over the whole pool are out. */
  readonly items: number
  readonly canonicalTokens: number
  /** What was measured and compared; absent before the first share. */
  readonly measured: StatedShare | null
  /** Why the contributor takes nothing from this node any more; the rest is then what it verified last. */
  readonly refused: string | null
}

/** Fetches and verifies what a contributor was stated; the proofs stay in its home for the audit. */
export async function fetchStatement(
  home: Home,
  url: string,
  policyDigest: string,
  one: Contributor,
): Promise<StatementOfContributor> {
  const args = [
    'statement',
    '--pool',
    url,
    '--policy',
    policyDigest,
    '--home',
    home.path('contributors', one.id),
    '--anchors',
    home.path('auditor', 'anchors.json'),
    '--json',
  ]
  const ran = await runCommand(join(home.checkout, 'bin/fairweight.mjs'), args)
  const kept = home.path('contributors', one.id, 'statement.json')
  if (ran.code === 0) {
    await writeJson(kept, JSON.parse(ran.stdout))
    return readStatement(JSON.parse(ran.stdout))
  }
  const reason = reasonOf(ran)
  if (!reason.includes(UNTRUSTED)) throw new Error(`${one.name}: ${reason}`)
  const earlier = await readJson(kept)
  return {
    ...(earlier === undefined ? NOTHING_STATED : readStatement(earlier)),
    refused: reason.slice(reason.indexOf(UNTRUSTED)),
  }
}

const UNTRUSTED = 'The node is not trusted'
const NOTHING_STATED: StatementOfContributor = {
  share: 0,
  paid: 0n,
  items: 0,
  canonicalTokens: 0,
  measured: null,
  refused: null,
}

interface StatementJson {
  readonly contributions: readonly {
    readonly mixed: readonly { readonly items: number; readonly canonicalTokens: number }[]
  }[]
  readonly shares: readonly StatedShare[]
  readonly payouts: readonly { readonly cumulative: string }[]
}

function readStatement(stated: unknown): StatementOfContributor {
  const { contributions, shares, payouts } = stated as StatementJson
  const mixed = contributions.flatMap((one) => one.mixed.slice(-1))
  return {
    share: shares.at(-1)?.share ?? 0,
    paid: BigInt(payouts.at(-1)?.cumulative ?? '0'),
    items: mixed.reduce((sum, one) => sum + one.items, 0),
    canonicalTokens: mixed.reduce((sum, one) => sum + one.canonicalTokens, 0),
    measured: shares.at(-1) ?? null,
    refused: null,
  }
}

/** `fairweight fidelity`: the operator has the shares measured again from another seed, while the model is served. */
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Command } from 'commander'
import { fidelity, openStatement, readPublicRecord, type Fidelity } from '#statements'
import type { FidelityView } from '../node/run/fidelity.ts'
import { openHome, readJson } from '../start/home.ts'
import { operatorClient } from '../start/operator-client.ts'

type Client = ReturnType<typeof operatorClient>

interface Options {
  readonly node: string
  readonly wait: boolean
  readonly json?: boolean
}

export function registerFidelity(program: Command): void {
  program
    .command('fidelity')
    .description('measure the shares again from another seed, and state how far they agree')
    .option('--node <url>', 'the node', 'http://127.0.0.1:8484')
    .option('--no-wait', 'ask for it and leave; the node goes on by itself')
    .option('--json', 'print the result as JSON')
    .addHelpText(
      'after',
      '\nRun it where FAIRWEIGHT_HOME (else .fairweight in the checkout) holds the operator’s secret. It takes about as long\nas measuring the shares did; stopped, it goes on where it was.',
    )
    .action(run)
}

async function run({ node, wait, json }: Options): Promise<void> {
  const home = openHome(dirname(dirname(import.meta.dirname)), process.env)
  const secret = (await readJson(join(home.root, 'operator', 'secret.json'))) as { token: string } | undefined
  if (secret === undefined)
    throw new Error(`${home.root} holds no operator’s secret: name its folder in FAIRWEIGHT_HOME.`)
  const client = operatorClient(node.replace(/\/+$/, ''), secret.token)
  const asked = await ask(client)
  const view = wait ? await ended(client, asked) : asked
  if (view.state === 'failed')
    throw new Error('It failed; the node’s diagnostics say more. Run this again: what was measured is kept.')
  const stated = view.statement === null ? null : await statedBy(node, view.statement)
  process.stdout.write(json ? `${JSON.stringify({ ...view, fidelity: stated })}\n` : describe(view, stated))
}

async function ended(client: Client, asked: FidelityView): Promise<FidelityView> {
  let view = asked
  for (let told = -1; view.state === 'running'; view = await client.get('/v1/operator/fidelity')) {
    if (view.done !== told && view.total > 0)
      process.stderr.write(`Measuring again: ${view.done} of ${view.total} coalitions\n`)
    told = view.done
    await sleep(1000)
  }
  return view
}

async function ask(client: Client): Promise<FidelityView> {
  const answer = await client.post('/v1/operator/fidelity')
  const refused = answer['error'] as { message?: string } | undefined
  if (refused !== undefined) throw new Error(refused.message ?? 'the node refused')
  return answer as unknown as FidelityView
}

async function statedBy(node: string, digest: string): Promise<Fidelity> {
  const record = readPublicRecord(await (await fetch(`${node}/v1/record`)).json())
  for (const { kind, envelope } of record.statements) {
    if (kind !== 'fidelity') continue
    const statement = await openStatement(fidelity, envelope)
    if (statement.digest === digest) return statement.predicate
  }
  throw new Error('the node’s public record does not show the statement yet')
}

function describe({ state, done, total }: FidelityView, stated: Fidelity | null): string {
  if (stated === null) return `Fidelity: ${state}, ${done} of ${total} coalitions.\n`
  const part = (millionths: number | null) => (millionths === null ? 'none' : (millionths / 1e6).toFixed(3))
  return [
    `Fidelity of the newest shares, from another seed (${stated.coalitions} coalitions):`,
    `  ${(stated.moved / 1e4).toFixed(2)} % of the money would have gone to others`,
    `  repeatability of the values ${part(stated.repeatability)}, agreement with leave-one-out ${part(stated.agreement)}`,
    '',
  ].join('\n')
}

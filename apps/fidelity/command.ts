/**
 * `fairweight fidelity`: the operator has the shares measured again from another seed, while the model is served.
 *
 * Exit codes: 0 stated, or asked for with --no-wait; 1 refused or failed; 2 wrong use.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Command } from 'commander'
import { fidelity, openStatement, readPublicRecord, StatementError, type Fidelity } from '#statements'
import { accountClient, type AccountClient } from '../accounts/client.ts'
import { AccountError } from '../accounts/errors.ts'
import { realPorts, type AccountPorts } from '../accounts/ports.ts'
import { operatorToken } from '../accounts/secrets.ts'
import type { FidelityView } from '../node/run/fidelity.ts'

interface Options {
  readonly home?: string
  readonly wait: boolean
  readonly json?: true
}

const ROUTE = '/v1/operator/fidelity'

export function registerFidelity(program: Command, given: Partial<AccountPorts> = {}): void {
  const ports = { ...realPorts, ...given }
  program
    .command('fidelity')
    .description('for operators: measure the shares again from another seed, and state how far they agree')
    .argument('[url]', 'the node’s address', 'http://127.0.0.1:8484')
    .option(
      '--home <folder>',
      'the pool’s data folder, for the operator’s token (else FAIRWEIGHT_OPERATOR_TOKEN)',
    )
    .option('--no-wait', 'ask for it and leave; the node goes on by itself')
    .option('--json', 'print the result as JSON')
    .action(async (url: string, options: Options) => {
      try {
        const client = accountClient(url, await operatorToken(options.home, ports.env), ports)
        const asked = (await client.post(ROUTE, {})) as FidelityView
        const view = options.wait ? await ended(client, asked, ports) : asked
        const stated = view.statement === null ? null : await statedBy(client, view.statement)
        ports.print(
          options.json ? `${JSON.stringify({ ...view, fidelity: stated })}\n` : describe(view, stated),
        )
      } catch (error) {
        if (!(error instanceof AccountError || error instanceof StatementError)) throw error
        ports.say(error.message)
        process.exitCode = error instanceof AccountError ? error.exitCode : 1
      }
    })
}

async function ended(client: AccountClient, asked: FidelityView, ports: AccountPorts): Promise<FidelityView> {
  let view = asked
  for (let told = -1; view.state === 'running'; view = (await client.get(ROUTE)) as FidelityView) {
    if (view.done !== told && view.total > 0)
      ports.say(`Measuring again: ${view.done} of ${view.total} coalitions`)
    told = view.done
    await sleep(1000)
  }
  if (view.state === 'failed')
    throw new AccountError(
      1,
      'It failed; the node’s diagnostics say more. Run this again: what was measured is kept.',
    )
  return view
}

async function statedBy(client: AccountClient, digest: string): Promise<Fidelity> {
  const record = readPublicRecord(await client.get('/v1/record'))
  for (const { kind, envelope } of record.statements) {
    if (kind !== 'fidelity') continue
    const statement = await openStatement(fidelity, envelope)
    if (statement.digest === digest) return statement.predicate
  }
  throw new AccountError(1, 'The node’s public record does not show the statement yet. Run this again.')
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

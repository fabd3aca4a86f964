/** `fairweight status`, for operators. Exit codes: 0 nothing urgent, 1 something urgent, 2 could not tell. */
import type { Command } from 'commander'
import { readStatus, StatementError, type Status } from '#statements'
import { accountClient } from '../accounts/client.ts'
import { AccountError } from '../accounts/errors.ts'
import { realPorts, type AccountPorts } from '../accounts/ports.ts'
import { operatorToken } from '../accounts/secrets.ts'
import { statusRows } from '../node/status/rows.ts'

interface StatusOptions {
  readonly home?: string
  readonly json?: true
}

export function registerStatusCommand(program: Command, given: Partial<AccountPorts> = {}): void {
  const ports = { ...realPorts, ...given }
  program
    .command('status')
    .description('for operators: how a node is, and what needs doing; 1 where something is urgent')
    .argument('[url]', 'the node’s address', 'http://127.0.0.1:8484')
    .option(
      '--home <folder>',
      'the pool’s data folder, for the operator’s token (else FAIRWEIGHT_OPERATOR_TOKEN)',
    )
    .option('--json', 'print the result as JSON')
    .action(async (url: string, options: StatusOptions) => {
      try {
        const token = await operatorToken(options.home, ports.env)
        const status = readStatus(await accountClient(url, token, ports).get('/status'))
        ports.print(options.json ? `${JSON.stringify(status)}\n` : statusText(status))
        process.exitCode = status.todo.some(({ urgent }) => urgent) ? 1 : 0
      } catch (error) {
        if (!(error instanceof AccountError || error instanceof StatementError)) throw error
        ports.say(error.message)
        process.exitCode = 2
      }
    })
}

function statusText(status: Status): string {
  const rows = statusRows(status)
  const width = Math.max(...rows.map(([name]) => name.length))
  const todo = status.todo.map(({ urgent, what }) => `  ${urgent ? 'NOW  ' : 'soon '} ${what}`)
  return [
    ...(status.simulated ? ['SIMULATED hardware'] : []),
    ...rows.map(([name, value]) => `${name.padEnd(width)}  ${value}`),
    '',
    ...(todo.length === 0 ? ['Nothing needs doing.'] : ['What needs doing', ...todo]),
    '',
  ].join('\n')
}

/** The commands of a contributor: `contribute`, `contributions`, `statement`, `payee`. Exit codes: 0 done, 1 refused or failed, 2 wrong use. */
import type { Command } from 'commander'
import { BytesError } from '#bytes'
import { ContributingError, READ_FORMATS } from '#contributing'
import { MerkleError } from '#merkle'
import { SealError } from '#seal'
import { StatementError } from '#statements'
import { TlogError } from '#tlog'
import { contribute, type ContributeOptions } from './contribute.ts'
import { listContributions } from './contributions.ts'
import { ContributeError } from './errors.ts'
import { realPorts, type ContributePorts } from './ports.ts'
import {
  cancelPayee,
  changePayee,
  showPayee,
  type CancelOptions,
  type ChangeOptions,
  type PayeeOptions,
} from './payee.ts'
import type { SessionOptions } from './session.ts'
import { statement } from './statement.ts'

export { ContributeError } from './errors.ts'
export type { AppraiseNode, Asked, TrustedNode } from './appraise.ts'
export type { ContributePorts } from './ports.ts'

export function registerContribute(program: Command, given: Partial<ContributePorts> = {}): void {
  const ports = { ...realPorts, ...given }

  program
    .command('contribute')
    .description('verify a node, seal files to it, and get a receipt')
    .argument('<files...>', READ_FORMATS)
    .requiredOption('--pool <url>', 'the node’s address (needed)')
    .requiredOption('--policy <digest>', 'digest of the policy that you have read (needed)')
    .option('--name <name>', 'how you want to be named in the offer')
    .option('--home <folder>', HOME)
    .option('--payee <payee>', 'statement, iban:IBAN:NAME or evm:CHAIN:0x…')
    .option('--columns <question,answer>', 'fields that hold question and answer')
    .option('--anchors <file>', 'what you trust, got elsewhere')
    .option('--yes', 'you have read what leaves and agree')
    .option('--json', 'print the result as JSON')
    .action(async (files: string[], options: ContributeOptions) => {
      const stop = () => {
        ports.say('Stopped. Run the same command again: it goes on where it was, and nothing counts twice.')
        process.exit(130)
      }
      process.once('SIGINT', stop)
      await run(ports, options.json === true, () => contribute(files, options, ports))
      process.off('SIGINT', stop)
    })

  program
    .command('contributions')
    .description('what you have contributed')
    .option('--home <folder>', HOME)
    .option('--json', 'print the result as JSON')
    .action((options: { home?: string; json?: boolean }) =>
      run(ports, options.json === true, (tell) => listContributions(options.home, { tell })),
    )

  program
    .command('statement')
    .description('your shares and payouts, with every proof checked')
    .option('--pool <url>', 'the node’s address; else that of your newest contribution')
    .option('--policy <digest>', 'digest of the policy; else that of your newest contribution')
    .option('--home <folder>', HOME)
    .option('--anchors <file>', 'what you trust, got elsewhere')
    .option('--json', 'print the result as JSON')
    .action((options: SessionOptions) =>
      run(ports, options.json === true, (tell) => statement(options, { ...ports, tell })),
    )

  registerPayee(program, ports)
}

function registerPayee(program: Command, ports: ContributePorts): void {
  const payee = program.command('payee').description('where your money goes')
  const ofPool = (command: Command) =>
    command
      .option('--pool <url>', 'the node’s address; else that of your newest contribution')
      .option('--policy <digest>', 'digest of the policy; else that of your newest contribution')
      .option('--home <folder>', HOME)
      .option('--anchors <file>', 'what you trust, got elsewhere')
      .option(
        '--with-recovery <file>',
        'speak with the recovery key in this file, where your own key is lost',
      )
      .option('--contributor <key>', 'whose payee it is, where this home does not say')
      .option('--json', 'print the result as JSON')

  ofPool(payee.command('show').description('where the next payout goes, and what waits')).action(
    (options: PayeeOptions) =>
      run(ports, options.json === true, (tell) => showPayee(options, { ...ports, tell })),
  )
  ofPool(payee.command('change').description('send your money elsewhere from a payout on'))
    .requiredOption('--to <payee>', 'statement, iban:IBAN:NAME or evm:CHAIN:0x… (needed)')
    .option('--from-period <number>', 'first usage period whose payout goes there; else the next')
    .option('--new-recovery <file>', 'name a recovery key, made in this file where it is not there')
    .option('--no-recovery', 'end the recovery key')
    .option('--yes', 'you agree')
    .action((options: ChangeOptions) =>
      run(ports, options.json === true, (tell) => changePayee(options, { ...ports, tell })),
    )
  ofPool(payee.command('cancel').description('object to a change that waits'))
    .option('--change <digest>', 'which; else the one that waits')
    .option('--yes', 'you agree')
    .action((options: CancelOptions) =>
      run(ports, options.json === true, (tell) => cancelPayee(options, { ...ports, tell })),
    )
}

const HOME = 'where your key and receipts are kept (else FAIRWEIGHT_HOME, else ~/.fairweight)'

/** The result goes to standard output: as JSON where asked for, else as `command` tells it. */
async function run(
  ports: ContributePorts,
  json: boolean,
  command: (tell: (text: string) => void) => Promise<unknown>,
): Promise<void> {
  try {
    const result = await command(json ? () => undefined : ports.print)
    if (json) ports.print(JSON.stringify(result))
  } catch (error) {
    ports.say(sentenceOf(error))
    process.exitCode = error instanceof ContributeError ? error.exitCode : 1
  }
}

function sentenceOf(error: unknown): string {
  if (error instanceof ContributeError) return error.message
  const known = [BytesError, ContributingError, MerkleError, SealError, StatementError, TlogError]
  if (known.some((kind) => error instanceof kind)) {
    return `What the node sent is not trusted: ${(error as Error).message}. Do not go on with this node.`
  }
  // Files that are read are named by who reads them; what is left is this command's own folder.
  const { code, syscall } = error as NodeJS.ErrnoException
  if (syscall !== undefined && code !== undefined)
    return `The folder of your key and receipts cannot be used (${code}): make room or mend it, or name another with --home.`
  throw error
}

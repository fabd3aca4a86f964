/** The commands of a contributor: `contribute`, `contributions`, `statement`. Exit codes: 0 done, 1 refused or failed, 2 wrong use. */
import type { Command } from 'commander'
import { BytesError } from '#bytes'
import { ContributingError } from '#contributing'
import { MerkleError } from '#merkle'
import { SealError } from '#seal'
import { StatementError } from '#statements'
import { TlogError } from '#tlog'
import { contribute, type ContributeOptions } from './contribute.ts'
import { listContributions } from './contributions.ts'
import { ContributeError } from './errors.ts'
import { realPorts, type ContributePorts } from './ports.ts'
import { statement, type StatementOptions } from './statement.ts'

export { ContributeError } from './errors.ts'
export type { AppraiseNode, Asked, TrustedNode } from './appraise.ts'
export type { ContributePorts } from './ports.ts'

export function registerContribute(program: Command, given: Partial<ContributePorts> = {}): void {
  const ports = { ...realPorts, ...given }

  program
    .command('contribute')
    .description('verify a node, seal files to it, and get a receipt')
    .argument('<files...>', 'JSON lines (.jsonl) or CSV with a header (.csv)')
    .requiredOption('--pool <url>', 'the node’s address')
    .requiredOption('--policy <digest>', 'digest of the policy that you have read')
    .option('--name <name>', 'how you want to be named in the offer')
    .option('--home <folder>', 'where your key and receipts are kept')
    .option('--payee <payee>', 'statement, iban:IBAN:NAME or evm:CHAIN:0x…')
    .option('--columns <question,answer>', 'fields that hold question and answer')
    .option('--anchors <file>', 'what you trust, got elsewhere')
    .option('--yes', 'you have read what leaves and agree')
    .option('--json', 'print the result as JSON')
    .action((files: string[], options: ContributeOptions) =>
      run(ports, options.json === true, () => contribute(files, options, ports)),
    )

  program
    .command('contributions')
    .description('what you have contributed')
    .option('--home <folder>', 'where your key and receipts are kept')
    .option('--json', 'print the result as JSON')
    .action((options: { home?: string; json?: boolean }) =>
      run(ports, options.json === true, () => listContributions(options.home, ports)),
    )

  program
    .command('statement')
    .description('your shares and payouts, with every proof checked')
    .option('--pool <url>', 'the node’s address; else that of your newest contribution')
    .option('--policy <digest>', 'digest of the policy; else that of your newest contribution')
    .option('--home <folder>', 'where your key and receipts are kept')
    .option('--anchors <file>', 'what you trust, got elsewhere')
    .option('--json', 'print the result as JSON')
    .action((options: StatementOptions) => run(ports, options.json === true, () => statement(options, ports)))
}

async function run(ports: ContributePorts, json: boolean, command: () => Promise<unknown>): Promise<void> {
  try {
    const result = await command()
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
  throw error
}

/**
 * The `fairweight` command. Each command is loaded only when it is asked for, so that `--help` is quick.
 *
 * Exit codes everywhere: 0 done, 1 refused or failed, 2 wrong use or could not tell.
 */
import { Command, CommanderError } from 'commander'

interface Listed {
  readonly name: string
  readonly summary: string
  readonly load: () => Promise<(program: Command) => void>
}

const COMMANDS: readonly Listed[] = [
  {
    name: 'start',
    summary: 'the example: private data becomes a trained, served, paid and audited model',
    load: async () => (await import('../start/command.ts')).registerStart,
  },
  {
    name: 'contribute',
    summary: 'verify a node, seal files to it, get a receipt',
    load: async () => (await import('../contribute/index.ts')).registerContribute,
  },
  {
    name: 'contributions',
    summary: 'what you have contributed',
    load: async () => (await import('../contribute/index.ts')).registerContribute,
  },
  {
    name: 'statement',
    summary: 'your shares and payouts, with every proof checked',
    load: async () => (await import('../contribute/index.ts')).registerContribute,
  },
  {
    name: 'payee',
    summary: 'where your money goes: show, change, cancel',
    load: async () => (await import('../contribute/index.ts')).registerContribute,
  },
  {
    name: 'audit',
    summary: 'check a pool that you do not trust',
    load: async () => (await import('../audit/index.ts')).registerAudit,
  },
  {
    name: 'export',
    summary: 'take a pool’s evidence along, for an audit offline',
    load: async () => (await import('../audit/index.ts')).registerAudit,
  },
  {
    name: 'fidelity',
    summary: 'measure shares again from another seed, and say how far they agree',
    load: async () => (await import('../fidelity/index.ts')).registerFidelity,
  },
  {
    name: 'key',
    summary: 'a buyer’s API keys: list, rotate, revoke',
    load: async () => (await import('../accounts/index.ts')).registerAccounts,
  },
  {
    name: 'invoice',
    summary: 'a buyer’s month: calls, payments and balance, signed by the ledger',
    load: async () => (await import('../accounts/index.ts')).registerAccounts,
  },
  {
    name: 'refund',
    summary: 'for operators: give a buyer its unused money back',
    load: async () => (await import('../accounts/index.ts')).registerAccounts,
  },
  {
    name: 'status',
    summary: 'for operators: how a node is, and what needs doing',
    load: async () => (await import('../status/index.ts')).registerStatusCommand,
  },
  {
    name: 'doctor',
    summary: 'what this machine lacks, and what to do',
    load: async () => (await import('../doctor/index.ts')).registerDoctor,
  },
  {
    name: 'measure',
    summary: 'print the measurement of a checkout',
    load: async () => (await import('../measure/index.ts')).registerMeasure,
  },
]

const program = new Command('fairweight')
  .description(
    'Pool private data, train a model on it inside attested machines, and pay every contributor an exact share.',
  )
  .version('0.1.0')
  .exitOverride()
  .showHelpAfterError('(add --help for how to use it)')

// Whoever read the output has gone (`| head`, a closed terminal): so do we, and what we started goes with us.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => process.exit(141))

const asked = COMMANDS.find(({ name }) => name === process.argv[2])
try {
  if (asked === undefined)
    for (const { name, summary } of COMMANDS) program.command(name, { hidden: false }).description(summary)
  else (await asked.load())(program)
  await program.parseAsync()
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2
  else {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
    process.exitCode = 1
  }
}

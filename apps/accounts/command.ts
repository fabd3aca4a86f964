/** The commands on a buyer's account: `key`, `refund`, `invoice`. Exit codes: 0 done, 1 refused or failed, 2 wrong use. */
import { InvalidArgumentError, type Command } from 'commander'
import { month } from '#statements'
import { accountClient, type AccountClient } from './client.ts'
import { AccountError } from './errors.ts'
import { fetchDraft, fetchInvoice, ledgerKeyOf } from './invoice.ts'
import { invoiceCsv, invoiceHtml, invoiceText, standingOf, type Shown } from './invoice-views.ts'
import { issue, keyTable, listKeys, revoke, rotate } from './keys.ts'
import { refund } from './refund.ts'
import { realPorts, type AccountPorts } from './ports.ts'
import { buyerKey, keyIdOf, newKey, openKeyFile, operatorToken, writeKeyFile } from './secrets.ts'

interface Access {
  readonly pool: string
  readonly keyFile?: string
  readonly buyer?: string
  readonly home?: string
  readonly json?: true
}

const WHO = `
Whose account: yours, by --key-file or FAIRWEIGHT_API_KEY (else OPENAI_API_KEY); or, for operators, that of --buyer,
by FAIRWEIGHT_OPERATOR_TOKEN or the token in the pool's data folder (--home, else FAIRWEIGHT_HOME, else .fairweight).`

export function registerAccounts(program: Command, given: Partial<AccountPorts> = {}): void {
  const ports = { ...realPorts, ...given }
  const key = program
    .command('key')
    .description('API keys: list, rotate with an overlap, revoke; issue, for operators')
    .addHelpText('after', WHO)

  registerRefund(program, ports)
  registerInvoice(program, ports)

  withAccess(key.command('list').description('all keys that ever were, and what ended them')).action(
    run(ports, async (options: Access) => {
      const list = await listKeys(await clientFor(options, ports), options.buyer)
      ports.print(options.json ? `${JSON.stringify(list)}\n` : keyTable(list))
    }),
  )

  key
    .command('rotate')
    .description('make a new key and put it into the file; the old one goes on working for the overlap')
    .requiredOption('--pool <url>', 'the node’s address (needed)')
    .requiredOption('--key-file <file>', 'the file that holds the key: it is rewritten (needed)')
    .option('--overlap <hours>', 'how long the old key still works, 0 to 720', readHours, 24)
    .option('--json', 'print the result as JSON')
    .action(
      run(ports, async (options: { pool: string; keyFile: string; overlap: number; json?: true }) => {
        const file = await openKeyFile(options.keyFile)
        const clientOf = (apiKey: string) => accountClient(options.pool, apiKey, ports)
        const done = await rotate(file, options.overlap * 3600, clientOf, ports.random)
        const until = done.validUntil === null ? 'is over' : `works until ${done.validUntil}`
        ports.print(
          options.json
            ? `${JSON.stringify(done)}\n`
            : `${file.path} holds key ${done.key} now; key ${done.replaces} ${until}.\n`,
        )
      }),
    )

  withAccess(key.command('revoke').description('end a key at once'))
    .argument('<id>', 'the name of the key: the first sixteen digits after fw-', readKeyId)
    .action(async (id: string, options: Access) =>
      run(ports, async () => {
        const done = await revoke(await clientFor(options, ports), id, options.buyer)
        const words = done.created ? 'is revoked' : 'was revoked before'
        ports.print(options.json ? `${JSON.stringify(done)}\n` : `Key ${id} ${words}.\n`)
      })(),
    )

  key
    .command('issue')
    .description(
      'for operators: a further key for a buyer, written to a file; the node is told its digest only',
    )
    .requiredOption('--pool <url>', 'the node’s address (needed)')
    .requiredOption('--buyer <id>', 'whose (needed)')
    .requiredOption('--out <file>', 'a new file for the key (needed)')
    .option('--home <folder>', 'the pool’s data folder, for the operator’s token')
    .action(
      run(ports, async (options: { pool: string; buyer: string; out: string; home?: string }) => {
        const client = await clientFor(options, ports)
        const apiKey = newKey(ports.random)
        await writeKeyFile(options.out, apiKey)
        await issue(client, options.buyer, apiKey)
        ports.print(`Key ${keyIdOf(apiKey)} of ${options.buyer} is in ${options.out}.\n`)
      }),
    )
}

function registerRefund(program: Command, ports: AccountPorts): void {
  program
    .command('refund')
    .description('for operators: take unused money off a buyer’s balance, to be sent back')
    .argument('<buyer>', 'whose')
    .requiredOption('--pool <url>', 'the node’s address (needed)')
    .requiredOption('--amount <units>', 'in the smallest unit of the currency, or "all" (needed)', readAmount)
    .requiredOption('--reference <text>', 'your name of this refund: the same again changes nothing (needed)')
    .option('--home <folder>', 'the pool’s data folder, for the operator’s token')
    .option('--json', 'print the result as JSON')
    .action(async (buyer: string, options: RefundOptions) =>
      run(ports, async () => {
        const done = await refund(await clientFor({ ...options, buyer }, ports), buyer, options)
        const words = done.created ? 'Refunded' : 'Refunded before'
        ports.print(
          options.json
            ? `${JSON.stringify(done)}\n`
            : `${words}: ${done.amount} to ${buyer} as ${done.reference}. Send it now: the balance is lower already.\n`,
        )
      })(),
    )
}

function registerInvoice(program: Command, ports: AccountPorts): void {
  withAccess(program.command('invoice').description('a month’s invoice, its signature checked'))
    .argument('<month>', 'a calendar month of UTC, as 2026-11', readMonth)
    .option('--anchors <file>', 'what you trust, got elsewhere: verifies whose signature it is')
    .option('--draft', 'a month that goes on: what it would say by now, signed by nobody')
    .option('--format <name>', 'text, csv or html', readFormat, 'text')
    .action(async (of: string, options: InvoiceOptions) =>
      run(ports, async () => {
        const client = await clientFor(options, ports)
        const wanted = { month: of, buyer: options.buyer ?? null }
        const key = options.draft ? undefined : await ledgerKeyOf(options.pool, options.anchors, ports)
        const shown: Shown =
          key === undefined
            ? { kind: 'draft', invoice: await fetchDraft(client, wanted) }
            : { kind: 'signed', invoice: await fetchInvoice(client, wanted, key) }
        const pinned = key?.pinned === true
        if (options.json || options.format === 'csv') ports.say(standingOf(shown, pinned))
        ports.print(
          options.json ? `${JSON.stringify(shown.invoice)}\n` : VIEWS[options.format](shown, pinned),
        )
      })(),
    )
}

const VIEWS = { text: invoiceText, csv: invoiceCsv, html: invoiceHtml } as const

interface InvoiceOptions extends Access {
  readonly anchors?: string
  readonly draft?: true
  readonly format: keyof typeof VIEWS
}

interface RefundOptions {
  readonly pool: string
  readonly amount: string
  readonly reference: string
  readonly home?: string
  readonly json?: true
}

function withAccess(command: Command): Command {
  return command
    .requiredOption('--pool <url>', 'the node’s address (needed)')
    .option('--key-file <file>', 'a file that holds the buyer’s key')
    .option('--buyer <id>', 'for operators: whose account')
    .option('--home <folder>', 'for operators: the pool’s data folder')
    .option('--json', 'print the result as JSON')
    .addHelpText('after', WHO)
}

/** With the operator's token where a buyer is named, else with the buyer's own key. */
async function clientFor(
  { pool, keyFile, buyer, home }: Access,
  ports: AccountPorts,
): Promise<AccountClient> {
  if (buyer !== undefined) return accountClient(pool, await operatorToken(home, ports.env), ports)
  const apiKey = await buyerKey(keyFile, ports.env)
  if (apiKey !== undefined) return accountClient(pool, apiKey, ports)
  throw new AccountError(
    2,
    'This needs a key: name its file with --key-file, or set FAIRWEIGHT_API_KEY. Operators name a buyer with --buyer.',
  )
}

function run<Arguments extends readonly unknown[]>(
  ports: AccountPorts,
  work: (...of: Arguments) => Promise<void>,
): (...of: Arguments) => Promise<void> {
  return async (...of) => {
    try {
      await work(...of)
    } catch (error) {
      if (!(error instanceof AccountError)) throw error
      ports.say(error.message)
      process.exitCode = error.exitCode
    }
  }
}

function readAmount(text: string): string {
  if (text !== 'all' && !/^[1-9]\d{0,18}$/.test(text))
    throw new InvalidArgumentError('An amount is whole units above 0, or "all".')
  return text
}

function readMonth(text: string): string {
  if (!month.safeParse(text).success) throw new InvalidArgumentError('A month is written as 2026-11.')
  return text
}

function readFormat(text: string): keyof typeof VIEWS {
  if (text !== 'text' && text !== 'csv' && text !== 'html')
    throw new InvalidArgumentError('A format is text, csv or html.')
  return text
}

function readHours(text: string): number {
  const hours = Number(text)
  if (!/^\d{1,3}$/.test(text) || hours > 720)
    throw new InvalidArgumentError('Hours are a number from 0 to 720.')
  return hours
}

function readKeyId(text: string): string {
  const id = /^(?:fw-)?([0-9a-f]{16})$/.exec(text)?.[1]
  if (id === undefined)
    throw new InvalidArgumentError('A key’s name has sixteen digits; the whole key is a secret.')
  return id
}

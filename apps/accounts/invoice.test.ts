import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { Command } from 'commander'
import { parse } from 'csv-parse/sync'
import fastify, { type FastifyInstance } from 'fastify'
import type { NodeContext } from '#node/core'
import { readInvoice, signInvoice, type Invoice } from '#statements'
import { ContributeError } from '../contribute/errors.ts'
import { refund } from '../node/ledger/payments.ts'
import { registerLedgerRoutes } from '../node/ledger/routes.ts'
import { buyerWith, callOnce } from '../node/ledger/testing/calls.ts'
import { hexOf, TestServer } from '../node/ledger/testing/node.ts'
import { registerAccounts } from './command.ts'
import { invoiceCsv, invoiceHtml } from './invoice-views.ts'
import type { AccountPorts } from './ports.ts'

let server: TestServer
let folder: string
let app: FastifyInstance
let context: NodeContext
let url: string
let apiKey: string
let anchors: string

before(async () => {
  server = await TestServer.start()
  folder = await mkdtemp(join(tmpdir(), 'fairweight-invoice-'))
  const pool = await server.pool()
  context = await pool.node()
  app = fastify()
  registerLedgerRoutes(app, context)
  url = await app.listen({ host: '127.0.0.1', port: 0 })
  const made = await buyerWith(context, 1_000_000n)
  apiKey = made.apiKey
  await callOnce(context, apiKey, { promptTokens: 100, completionTokens: 50 })
  await refund(context, made.buyer, { amount: 5n, reference: '-1' })
  pool.time = new Date('2026-12-01T01:00:00Z')
  anchors = join(folder, 'anchors.json')
  await writeFile(
    anchors,
    JSON.stringify({
      format: 'fairweight/anchors/v1',
      policy: context.policy.digest,
      operator: null,
      witnesses: [],
      quorum: 0,
      simulatedRoots: [],
      checkpoint: null,
    }),
  )
})
after(async () => {
  await app.close()
  await rm(folder, { recursive: true, force: true })
  await server.stop()
})

const exitCode = () => Number(process.exitCode ?? 0)

async function invoice(args: readonly string[], ports: Partial<AccountPorts> = {}) {
  const out: string[] = []
  const said: string[] = []
  const program = new Command().exitOverride()
  registerAccounts(program, {
    print: (text) => void out.push(text),
    say: (line) => void said.push(line),
    env: { FAIRWEIGHT_API_KEY: apiKey },
    // What appraisal itself refuses is tested where it lives; here it knows the machine.
    appraiseNode: async () => ({ keyset: context.machine.keyset }) as never,
    ...ports,
  })
  process.exitCode = undefined
  await program.parseAsync(['node', 'fairweight', 'invoice', ...args, '--pool', url])
  const code = exitCode()
  process.exitCode = undefined
  return { code, out: out.join(''), said: said.join('\n') }
}

/** A node that answers with an invoice that was changed on its way. */
const answering = (change: (of: Invoice) => unknown): Partial<AccountPorts> => ({
  async fetch(input, init) {
    const answer = await fetch(input, init)
    const body = (await answer.json()) as { invoice: Invoice }
    return new Response(JSON.stringify({ invoice: await change(body.invoice) }), { status: answer.status })
  },
})

test('an invoice is checked against the verified ledger key, and shown with every place of its amounts', async () => {
  const { code, out } = await invoice(['2026-11', '--anchors', anchors])
  assert.equal(code, 0)
  for (const line of [
    /^Invoice 1 for 2026-11 of Operator$/m,
    /signed by the pool's ledger, whose machine was verified; digest [0-9a-f]{64}/,
    /meadow .* 1 .* 100 .* 50 .* 0\.000200/,
    /payment .* payment-.* 1\.000000/,
    /refund .* -1 .* 0\.000005/,
    /closing balance .* 0\.999795/,
  ])
    assert.match(out, line)
  const json = await invoice(['2026-11', '--anchors', anchors, '--json'])
  assert.equal(readInvoice(JSON.parse(json.out)).closing, '999795')
})

test('an invoice that another signed, or that was changed, is not shown', async () => {
  const stranger = context.machine.key('serve')
  const lies: Record<string, (of: Invoice) => unknown> = {
    'another key': ({ key_id: _key, signature: _signed, ...body }) => signInvoice(body, stranger),
    'another key under the ledger’s name': async ({ key_id, signature: _signed, ...body }) => ({
      ...(await signInvoice(body, stranger)),
      key_id,
    }),
    'another buyer': (of) => ({ ...of, buyer: 'buyer-0000000000000000' }),
    'a lower refund that adds up': (of) => ({
      ...of,
      refunds: [{ ...of.refunds[0], amount: '4' }],
      refunded: '4',
      closing: '999796',
    }),
    'a sum that does not add up': (of) => ({ ...of, closing: '1' }),
    nothing: () => null,
  }
  for (const [lie, change] of Object.entries(lies)) {
    const { code, out, said } = await invoice(['2026-11', '--anchors', anchors], answering(change))
    assert.deepEqual([code, out, said.length > 10], [1, '', true], lie)
  }
  const otherMonth = await invoice(
    ['2026-11', '--anchors', anchors],
    answering(({ key_id: _key, signature: _signed, ...body }) =>
      signInvoice(
        { ...body, month: '2026-10', payments: [], refunds: [], paid: '1000000', refunded: '5' },
        context.machine.key('ledger'),
      ).catch(() => null),
    ),
  )
  assert.deepEqual([otherMonth.code, otherMonth.out], [1, ''])
})

test('a machine that is not verified stops everything', async () => {
  const refused = async () => {
    throw new ContributeError(1, 'The node is not trusted: a2.measurement')
  }
  const { code, out, said } = await invoice(['2026-11', '--anchors', anchors], { appraiseNode: refused })
  assert.deepEqual([code, out], [1, ''])
  assert.match(said, /not trusted/)
  assert.equal((await invoice(['2026-11', '--anchors', '/nowhere'])).code, 2)
})

test('a month that goes on has a draft, and says what it is', async () => {
  const open = await invoice(['2026-12'])
  assert.equal(open.code, 1)
  const draft = await invoice(['2026-12', '--draft'])
  assert.equal(draft.code, 0)
  assert.match(draft.out, /DRAFT: .* nobody has signed this/)
  assert.match(draft.out, /No call in this month/)
})

test('the table opens in a spreadsheet as text and adds up', async () => {
  const { out, said } = await invoice(['2026-11', '--anchors', anchors, '--format', 'csv'])
  assert.match(said, /whose machine was verified/)
  const rows: Record<string, string>[] = parse(out, { columns: true })
  assert.deepEqual(
    rows.map(({ kind, name, amount }) => [kind, name, amount]).filter(([kind]) => kind !== 'payment'),
    [
      ['calls', 'meadow', '0.000200'],
      ['opening balance', '', '0.000000'],
      ['refund', `'-1`, '0.000005'],
      ['charged', '', '0.000200'],
      ['closing balance', '', '0.999795'],
    ],
  )
})

test('nothing that an operator or payer wrote becomes markup or a formula', async () => {
  const { out } = await invoice(['2026-11', '--anchors', anchors, '--json'])
  const evil: Invoice = {
    ...readInvoice(JSON.parse(out)),
    operator: { name: '<script>alert(1)</script>"&', publicKey: hexOf('x') },
  }
  const shown = { kind: 'signed' as const, invoice: evil }
  const page = invoiceHtml(shown, true)
  assert.ok(!page.includes('<script') && page.includes('&lt;script&gt;alert(1)&lt;/script&gt;&quot;&amp;'))
  assert.match(page, /default-src 'none'/)
  assert.ok(!/"[=+@-]/.test(invoiceCsv(shown)))
})

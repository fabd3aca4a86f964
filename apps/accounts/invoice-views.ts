/** An invoice for people: text, a table, a page. What stands in it was written by others, and each view escapes it. */
import Table from 'cli-table3'
import { escapeMarkup } from '#bytes'
import { csvLine, formatAmount } from '#ledger'
import { invoiceDigest, type Invoice, type InvoiceBody } from '#statements'

export type Shown =
  | { readonly kind: 'signed'; readonly invoice: Invoice }
  | { readonly kind: 'draft'; readonly invoice: InvoiceBody }

/** What is known of the signature, in words. */
export function standingOf(shown: Shown, pinned: boolean): string {
  if (shown.kind === 'draft') return 'DRAFT: the month goes on, and nobody has signed this'
  return pinned
    ? `signed by the pool's ledger, whose machine was verified; digest ${invoiceDigest(shown.invoice)}`
    : `signed by the ledger key that this node names, UNPINNED: --anchors verifies whose it is; digest ${invoiceDigest(shown.invoice)}`
}

export function invoiceText(shown: Shown, pinned: boolean): string {
  const { invoice } = shown
  const plain = { style: { head: [], border: [], compact: true } }
  const lines = new Table({
    ...plain,
    head: ['model', 'calls', 'prompt tokens', 'completion tokens', 'amount'],
    colAligns: ['left', 'right', 'right', 'right', 'right'],
  })
  for (const one of invoice.lines)
    lines.push([one.name, one.calls, one.promptTokens, one.completionTokens, money(invoice, one.amount)])
  const moves = new Table({
    ...plain,
    head: ['', 'when', 'reference', 'amount'],
    colAligns: ['left', 'left', 'left', 'right'],
  })
  for (const [what, at, reference, amount] of movesOf(invoice)) moves.push([what, at, reference, amount])
  return [
    `${titleOf(shown)} of ${invoice.operator.name}`,
    `to ${invoice.buyer}, for ${invoice.month} (UTC), in ${invoice.currency.asset}`,
    standingOf(shown, pinned),
    '',
    ...(invoice.lines.length === 0 ? ['No call in this month.'] : [lines.toString()]),
    moves.toString(),
    '',
  ].join('\n')
}

export function invoiceCsv(shown: Shown): string {
  const { invoice } = shown
  const head = [
    'invoice',
    'month',
    'kind',
    'when',
    'name',
    'model',
    'serves',
    'calls',
    'prompt_tokens',
    'completion_tokens',
    'amount',
    'currency',
  ]
  const name = shown.kind === 'draft' ? 'draft' : `${invoice.buyer}/${invoice.number}`
  const row = (kind: string, when: string, of: readonly string[], amount: string) => [
    name,
    invoice.month,
    kind,
    when,
    ...of,
    amount,
    invoice.currency.asset,
  ]
  const nothing = ['', '', '', '', '', '']
  return [
    head,
    ...invoice.lines.map((one) =>
      row(
        'calls',
        '',
        [
          one.name,
          one.model,
          one.serves,
          String(one.calls),
          String(one.promptTokens),
          String(one.completionTokens),
        ],
        money(invoice, one.amount),
      ),
    ),
    ...movesOf(invoice).map(([kind, at, reference, amount]) =>
      row(kind, at, [reference, ...nothing.slice(1)], amount),
    ),
  ]
    .map(csvLine)
    .join('')
}

export function invoiceHtml(shown: Shown, pinned: boolean): string {
  const { invoice } = shown
  const rows = (of: readonly (readonly string[])[]) =>
    of.map((cells) => `<tr>${cells.map((cell) => `<td>${escapeMarkup(cell)}</td>`).join('')}</tr>`).join('\n')
  const calls = invoice.lines.map((one) => [
    one.name,
    one.model.slice(0, 16),
    String(one.calls),
    String(one.promptTokens),
    String(one.completionTokens),
    money(invoice, one.amount),
  ])
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta http-equiv="content-security-policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width">
<title>${escapeMarkup(titleOf(shown))}</title>
<style>
:root { color-scheme: light dark }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 52rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; width: 100%; margin: 1rem 0 }
td, th { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid #8886 }
td:last-child, th:last-child { text-align: right; font-variant-numeric: tabular-nums }
small { overflow-wrap: anywhere }
</style>
<h1>${escapeMarkup(titleOf(shown))}</h1>
<p>${escapeMarkup(invoice.operator.name)} to ${escapeMarkup(invoice.buyer)}, ${escapeMarkup(invoice.month)} (UTC), in ${escapeMarkup(invoice.currency.asset)}</p>
<table>
<tr><th>model<th>digest<th>calls<th>prompt tokens<th>completion tokens<th>amount</tr>
${rows(calls)}
</table>
<table>
<tr><th><th>when<th>reference<th>amount</tr>
${rows(movesOf(invoice))}
</table>
<p><small>${escapeMarkup(standingOf(shown, pinned))}</small></p>
</html>
`
}

function titleOf({ kind, invoice }: Shown): string {
  return kind === 'draft'
    ? `Draft invoice for ${invoice.month}`
    : `Invoice ${invoice.number} for ${invoice.month}`
}

// What, when, under which reference, how much: from the opening balance to the closing one.
function movesOf(invoice: InvoiceBody): [string, string, string, string][] {
  const { opening, payments, refunds, charged, closing } = invoice
  return [
    ['opening balance', '', '', money(invoice, opening)],
    ...payments.map((one): [string, string, string, string] => [
      'payment',
      one.at,
      one.reference,
      money(invoice, one.amount),
    ]),
    ...refunds.map((one): [string, string, string, string] => [
      'refund',
      one.at,
      one.reference,
      money(invoice, one.amount),
    ]),
    ['charged', '', '', money(invoice, charged)],
    ['closing balance', '', '', money(invoice, closing)],
  ]
}

function money({ currency }: InvoiceBody, amount: string): string {
  return formatAmount(BigInt(amount), currency.scale)
}

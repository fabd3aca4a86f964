/** `fairweight invoice`: fetched, its signature and series checked, and only then shown. */
import { z } from 'zod'
import { encodeHex } from '#bytes'
import { SealError } from '#seal'
import {
  evidence,
  isInvoiceOf,
  openStatement,
  readInvoice,
  StatementError,
  type Invoice,
  type InvoiceBody,
  type Keyset,
} from '#statements'
import { ContributeError } from '../contribute/errors.ts'
import { readAnchorsFile } from '../contribute/inputs.ts'
import { NodeClient } from '../contribute/node-client.ts'
import type { AccountClient } from './client.ts'
import { AccountError } from './errors.ts'
import { readAnswer } from './keys.ts'
import type { AccountPorts } from './ports.ts'

export interface LedgerKey {
  readonly publicKey: string
  /** False where the node itself named it, and nothing that is known from elsewhere confirms it. */
  readonly pinned: boolean
}

export interface Wanted {
  /** Null for one's own. */
  readonly buyer: string | null
  readonly month: string
}

/** Throws {@link AccountError} where it is another month's or buyer's, does not add up, or is not signed by `key`. */
export async function fetchInvoice(
  client: AccountClient,
  { buyer, month }: Wanted,
  key: LedgerKey,
): Promise<Invoice> {
  const answer = readAnswer(z.object({ invoice: z.unknown() }), await client.get(pathOf(buyer, month)))
  const invoice = readable(answer.invoice)
  if (invoice.month !== month || (buyer !== null && invoice.buyer !== buyer))
    throw new AccountError(1, 'The node shows the invoice of another month or buyer.')
  if (!(await isInvoiceOf(invoice, key.publicKey)))
    throw new AccountError(1, 'This invoice is not signed by the pool’s ledger: do not pay or book it.')
  return invoice
}

/** What an invoice would say by now. Nobody has signed it. */
export async function fetchDraft(client: AccountClient, { buyer, month }: Wanted): Promise<InvoiceBody> {
  const path = `${pathOf(buyer, month)}?draft=true`
  const { draft } = readAnswer(z.object({ draft: z.record(z.string(), z.unknown()) }), await client.get(path))
  // Read as an invoice is read, so that a draft adds up too; the signature is nobody's.
  const {
    key_id: _key,
    signature: _signed,
    ...body
  } = readable({
    ...draft,
    key_id: '0'.repeat(64),
    signature: '0'.repeat(128),
  })
  return body
}

/** By anchors, the machine is verified first and then asked for its keyset; without, the node is taken at its word. */
export async function ledgerKeyOf(
  url: string,
  anchorsPath: string | undefined,
  ports: AccountPorts,
): Promise<LedgerKey> {
  const node = new NodeClient(url, ports)
  try {
    const anchors = await readAnchorsFile(anchorsPath)
    const nonce = ports.random(32)
    if (anchors === undefined) {
      const answer = await node.get<{ envelope?: unknown }>(`/v1/attestation?nonce=${encodeHex(nonce)}`)
      const { keyset } = (await openStatement(evidence, answer.envelope)).predicate
      return { publicKey: ledgerIn(keyset), pinned: false }
    }
    if (anchors.policy === null)
      throw new AccountError(
        2,
        'The anchors name no policy: add its digest, which says what machine to trust.',
      )
    const { keyset } = await ports.appraiseNode({
      node,
      policy: anchors.policy,
      anchors,
      nonce,
      at: ports.now(),
    })
    return { publicKey: ledgerIn(keyset), pinned: true }
  } catch (error) {
    if (error instanceof ContributeError) throw new AccountError(error.exitCode, error.message, error.code)
    if (error instanceof StatementError || error instanceof SealError)
      throw new AccountError(1, `What the node sent is not trusted: ${error.message}.`)
    throw error
  }
}

function ledgerIn({ keys }: Keyset): string {
  const key = keys.find(({ role }) => role === 'ledger')
  if (key === undefined) throw new AccountError(1, 'This node has no ledger: ask the one that keeps it.')
  return key.publicKey
}

function pathOf(buyer: string | null, month: string): string {
  return buyer === null
    ? `/v1/invoices/${month}`
    : `/v1/operator/buyers/${encodeURIComponent(buyer)}/invoices/${month}`
}

function readable(value: unknown): Invoice {
  try {
    return readInvoice(value)
  } catch (error) {
    if (!(error instanceof StatementError)) throw error
    throw new AccountError(1, `The node shows an invoice that does not hold: ${error.message}.`)
  }
}

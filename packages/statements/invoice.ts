/**
 * Invoices (spec/invoice.md): what one buyer paid, got back and was charged in one calendar month of UTC.
 *
 * No statement: nothing else rests on an invoice, and a leaf in the log would tell the public how many buyers a pool
 * has. It is signed by the ledger key all the same, and names the one before.
 */
import { z } from 'zod'
import { canonicalBytes, decodeHex, encodeHex, purposeHash } from '#bytes'
import { isSignature, type SigningKey } from '#seal'
import { StatementError } from './errors.ts'
import { amount, count, currency, hex32, isDistinct, label, slug, timestamp, underPolicy } from './fields.ts'
import { issueOf } from './statement.ts'

const buyerId = z.string().regex(/^buyer-[0-9a-f]{16}$/)

/** `2026-11`: a calendar month of UTC. */
export const month = z.string().regex(/^\d{4}-(0[1-9]|1[0-2])$/)

const payment = z.strictObject({ at: timestamp, reference: z.string().regex(/^[\w.:/-]{1,100}$/), amount })

const line = z.strictObject({
  /** As the model is sold. */
  name: slug,
  /** Digest of the adapter's files, or of the base where the bare base answered. */
  model: hex32,
  serves: z.enum(['base', 'trained']),
  calls: z.int().min(1),
  promptTokens: count,
  completionTokens: count,
  amount,
})

const body = {
  format: z.literal('fairweight/invoice/v1'),
  ...underPolicy,
  /** Who issues it, as the policy names it. */
  operator: z.strictObject({ name: label, publicKey: hex32 }),
  buyer: buyerId,
  /** From 1, without a gap; a series for each buyer, so that none tells of the others. */
  number: z.int().min(1),
  /** Digest of the invoice before; null for the first. */
  previous: hex32.nullable(),
  month,
  currency,
  opening: amount,
  payments: z.array(payment),
  refunds: z.array(payment),
  lines: z.array(line),
  paid: amount,
  refunded: amount,
  charged: amount,
  closing: amount,
  /** Over the digests of the receipts that the lines count: {@link receiptsDigest}. */
  receipts: hex32,
}

const signature = { key_id: hex32, signature: z.string().regex(/^[0-9a-f]{128}$/) }

const unsigned = z.strictObject(body)
export type InvoiceBody = z.infer<typeof unsigned>

const invoice = z
  .strictObject({ ...body, ...signature })
  .refine(({ payments, paid }) => sum(payments) === BigInt(paid), 'the payments do not make up what was paid')
  .refine(
    ({ refunds, refunded }) => sum(refunds) === BigInt(refunded),
    'the refunds do not make up their sum',
  )
  .refine(({ lines, charged }) => sum(lines) === BigInt(charged), 'the lines do not make up the charge')
  .refine(
    (it) =>
      BigInt(it.opening) + BigInt(it.paid) - BigInt(it.refunded) - BigInt(it.charged) === BigInt(it.closing),
    'opening, payments, refunds and charge do not make up the closing balance',
  )
  .refine(
    ({ number, previous, opening }) =>
      number === 1 ? previous === null && opening === '0' : previous !== null,
    'the first invoice opens at 0 and names none before it; every other names one',
  )
  .refine(
    ({ payments, refunds, month: of }) =>
      [...payments, ...refunds].every(({ at }) => at.startsWith(`${of}-`)),
    'a payment of another month',
  )
  .refine(
    ({ payments, refunds }) =>
      isDistinct(payments.map((one) => one.reference)) && isDistinct(refunds.map((one) => one.reference)),
    'a payment stands twice',
  )
  .refine(
    ({ lines }) => isDistinct(lines.map((one) => `${one.name} ${one.serves} ${one.model}`)),
    'a model stands twice',
  )
export type Invoice = z.infer<typeof invoice>
export const invoiceSchema: z.ZodType<Invoice> = invoice

/** Throws {@link StatementError} `document-invalid`. Its signature is another question: {@link isInvoiceOf}. */
export function readInvoice(value: unknown): Invoice {
  const result = invoice.safeParse(value)
  if (!result.success) throw new StatementError('document-invalid', `invoice: ${issueOf(result.error)}`)
  return result.data
}

/** Throws {@link StatementError} `document-invalid` where the invoice does not fit or does not add up. */
export async function signInvoice(of: InvoiceBody, key: SigningKey): Promise<Invoice> {
  const signed = encodeHex(await key.sign(messageOf(of)))
  return readInvoice({ ...of, key_id: key.publicKey, signature: signed })
}

/** True where the invoice is signed by `ledgerKey`, the keyset's role `ledger`. */
export async function isInvoiceOf(of: Invoice, ledgerKey: string): Promise<boolean> {
  const { key_id: signer, signature: signed, ...fields } = of
  return signer === ledgerKey && isSignature(signer, messageOf(fields), decodeHex(signed))
}

/** What the next invoice names. It does not cover the signature. */
export function invoiceDigest({ key_id: _key, signature: _signed, ...fields }: Invoice): string {
  return encodeHex(messageOf(fields))
}

/** Over the digests of serving receipts, in the order of their text: who holds them can tell that none is missing. */
export function receiptsDigest(digests: readonly string[]): string {
  return encodeHex(purposeHash('fairweight/invoice-receipts/v1', canonicalBytes([...digests].sort())))
}

function messageOf(fields: InvoiceBody) {
  return purposeHash('fairweight/invoice/v1', canonicalBytes(fields))
}

function sum(rows: readonly { readonly amount: string }[]): bigint {
  return rows.reduce((all, one) => all + BigInt(one.amount), 0n)
}

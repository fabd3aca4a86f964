/** The text of vectors/statements.json: every kind accepted once and refused many times, and known answers. */
import { encodeHex } from '#bytes'
import * as statements from '#statements'
import type { KindName, Statement, StatementKind } from '#statements'
import { knownAnswers } from './answers.ts'
import { dataExamples } from './data.ts'
import { documentVectors } from './documents.ts'
import { fixed, fixedSigners, SIGNERS, type Loose, type SignerName } from './fixed.ts'
import { LIES } from './lies.ts'
import { moneyExamples } from './money.ts'
import { peopleExamples } from './people.ts'
import { poolExamples } from './pool.ts'
import { assertRefused, frameRefusals, refusalsOf } from './refusals.ts'

/** Throws where a case that must be refused is not, or by another rule. */
export async function vectorsText(): Promise<string> {
  const signers = await fixedSigners()
  const pool = await poolExamples(signers)
  const data = await dataExamples(signers, pool)
  const money = await moneyExamples(signers, pool, data)
  const people = await peopleExamples(signers, pool, data, money)
  const [alba] = data.contributions
  const told: Record<KindName, [StatementKind<Loose>, Statement<Loose>, SignerName]> = {
    policy: [statements.policy, pool.policyStatement, 'operator'],
    evidence: [statements.evidence, pool.evidenceStatement, 'log'],
    offer: [statements.offer, alba!.offerStatement, 'alba'],
    'contribution-receipt': [statements.contributionReceipt, alba!.receiptStatement, 'ingest'],
    manifest: [statements.manifest, data.manifestStatement, 'mix'],
    'training-receipt': [statements.trainingReceipt, data.trainingStatement, 'train'],
    attribution: [statements.attribution, data.attributionStatement, 'train'],
    fidelity: [statements.fidelity, data.fidelityStatement, 'train'],
    'usage-close': [statements.usageClose, money.closeStatement, 'ledger'],
    payout: [statements.payout, money.payoutStatement, 'ledger'],
    withdrawal: [statements.withdrawal, money.withdrawalStatement, 'bruno'],
    'withdrawal-receipt': [statements.withdrawalReceipt, money.withdrawalReceiptStatement, 'ingest'],
    'payee-change': [statements.payeeChange, people.changeStatement, 'bruno'],
    'payee-cancellation': [statements.payeeCancellation, people.cancellationStatement, 'bruno'],
    'payee-receipt': [statements.payeeReceipt, people.changeReceiptStatement, 'ingest'],
    dispute: [statements.dispute, people.disputeStatement, 'bruno'],
    'dispute-receipt': [statements.disputeReceipt, people.disputeReceiptStatement, 'ingest'],
    'dispute-answer': [statements.disputeAnswer, people.disputeAnswerStatement, 'ingest'],
  }
  const file = {
    format: 'fairweight/vectors/statements/v1',
    about: 'Made by tools/spec/main.ts; replayed by packages/statements/vectors.test.ts. Seeds are public.',
    keys: Object.fromEntries(
      SIGNERS.map((name) => [name, { seed: encodeHex(fixed(name)), publicKey: signers[name].publicKey }]),
    ),
    statements: await Promise.all(
      statements.STATEMENT_KINDS.map(async (name) => {
        const [kind, statement, signer] = told[name]
        const refused = await refusalsOf(kind, statement, signers[signer], LIES[name])
        if (name === 'withdrawal') refused.push(...(await frameRefusals(statement, signers[signer], signers)))
        await assertRefused(kind, refused)
        const { digest, envelope } = statement
        return { kind: name, digest, signer, envelope, refused }
      }),
    ),
    documents: documentVectors(signers, pool, data, money, people),
    answers: knownAnswers(signers, pool, data, money, people),
  }
  return `${inLines(file, 4)}\n`
}

/** JSON with a line for each member down to `depth`, so that a changed case is one changed line. */
function inLines(value: unknown, depth: number, indent = ''): string {
  if (depth === 0 || typeof value !== 'object' || value === null) return JSON.stringify(value)
  const inner = `${indent} `
  const lines = Array.isArray(value)
    ? value.map((one) => inner + inLines(one, depth - 1, inner))
    : Object.entries(value).map(
        ([name, one]) => `${inner}${JSON.stringify(name)}: ${inLines(one, depth - 1, inner)}`,
      )
  const [open, close] = Array.isArray(value) ? '[]' : '{}'
  return lines.length === 0 ? `${open}${close}` : `${open}\n${lines.join(',\n')}\n${indent}${close}`
}

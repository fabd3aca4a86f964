/**
 * The first step of every audit: each statement is opened once, whatever claims look at it later.
 *
 * Opening checks the signature, the canonical form, the schema and the kind. Whether the signer had the
 * authority is authority.ts's question.
 */
import { BytesError } from '#bytes'
import { SealError } from '#seal'
import {
  attribution,
  contributionReceipt,
  dispute,
  disputeAnswer,
  disputeReceipt,
  evidence,
  fidelity,
  manifest,
  offer,
  openStatement,
  payeeCancellation,
  payeeChange,
  payeeReceipt,
  payout,
  policy,
  StatementError,
  trainingReceipt,
  usageClose,
  withdrawal,
  withdrawalReceipt,
  type Attribution,
  type DisputeAnswer,
  type DisputeReceipt,
  type Fidelity,
  type KindName,
  type Manifest,
  type NodeEvidence,
  type Payout,
  type Policy,
  type PublicRecord,
  type Statement,
  type StatementKind,
  type TrainingReceipt,
  type UsageClose,
} from '#statements'
import { messageOf, type CheckRun, type Findings } from './findings.ts'

/** A statement that opened, and where the record says it stands in the log. */
export interface Logged<Predicate> extends Statement<Predicate> {
  readonly leafIndex: number
  readonly salt: string
  /** How results speak of it. */
  readonly name: string
}

export interface OpenedRecord {
  readonly policies: readonly Logged<Policy>[]
  readonly evidence: readonly Logged<NodeEvidence>[]
  readonly manifests: readonly Logged<Manifest>[]
  readonly trainings: readonly Logged<TrainingReceipt>[]
  readonly attributions: readonly Logged<Attribution>[]
  readonly fidelities: readonly Logged<Fidelity>[]
  readonly closes: readonly Logged<UsageClose>[]
  readonly payouts: readonly Logged<Payout>[]
  readonly disputeReceipts: readonly Logged<DisputeReceipt>[]
  readonly disputeAnswers: readonly Logged<DisputeAnswer>[]
}

/** Every kind's row of spec/statement.md, by its name. */
export const kinds = {
  policy,
  evidence,
  offer,
  'contribution-receipt': contributionReceipt,
  manifest,
  'training-receipt': trainingReceipt,
  attribution,
  fidelity,
  'usage-close': usageClose,
  payout,
  withdrawal,
  'withdrawal-receipt': withdrawalReceipt,
  'payee-change': payeeChange,
  'payee-cancellation': payeeCancellation,
  'payee-receipt': payeeReceipt,
  dispute,
  'dispute-receipt': disputeReceipt,
  'dispute-answer': disputeAnswer,
} satisfies Record<KindName, StatementKind<never> | object>

export interface OpeningChecks {
  readonly signature: CheckRun
  readonly form: CheckRun
  readonly kind: CheckRun
}

export function openingChecks(findings: Findings): OpeningChecks {
  return {
    signature: findings.check('statement.signature', 'each envelope’s signature with the key it names'),
    form: findings.check('statement.form', 'each statement’s payload with its canonical form and schema'),
    kind: findings.check('statement.kind', 'each statement’s kind with the one it is published as'),
  }
}

/** All public statements of the record, by kind and in the order of the log. */
export async function openRecord(
  record: PublicRecord,
  checks: OpeningChecks,
  findings: Findings,
): Promise<OpenedRecord> {
  const visible = findings.check('statement.visibility', 'each published statement with who may see its kind')
  const once = findings.check('statement.once', 'each statement’s digest and place with all others')
  const seen = new Map<string, string>()
  const opened: Logged<unknown>[] = []
  for (const { leafIndex, kind, salt, envelope } of record.statements) {
    const name = `${kind} at leaf ${leafIndex}`
    visible.demand(
      kinds[kind].visibility === 'public',
      () => `${name} is published; only its party may see it`,
    )
    const row = kinds[kind] as StatementKind<unknown>
    const statement = await open(row, envelope, name, checks)
    if (statement === undefined) continue
    const places = [`digest ${statement.digest}`, `leaf ${leafIndex}`]
    const earlier = places.map((place) => seen.get(place)).find((other) => other !== undefined)
    once.demand(earlier === undefined, () => `${name} is also published as ${earlier}`)
    for (const place of places) seen.set(place, name)
    if (earlier === undefined) opened.push({ ...statement, leafIndex, salt, name })
  }
  opened.sort((left, right) => left.leafIndex - right.leafIndex)
  const of = <P>(kind: StatementKind<P>) => opened.filter((one): one is Logged<P> => one.kind === kind.kind)
  return {
    policies: of(policy),
    evidence: of(evidence),
    manifests: of(manifest),
    trainings: of(trainingReceipt),
    attributions: of(attribution),
    fidelities: of(fidelity),
    closes: of(usageClose),
    payouts: of(payout),
    disputeReceipts: of(disputeReceipt),
    disputeAnswers: of(disputeAnswer),
  }
}

/** One statement, or undefined with the failed check that says why not. Never throws. */
export async function open<Predicate>(
  kind: StatementKind<Predicate>,
  envelope: unknown,
  name: string,
  { signature, form, kind: kindCheck }: OpeningChecks,
): Promise<Statement<Predicate> | undefined> {
  try {
    const statement = await openStatement(kind, envelope)
    for (const run of [signature, form, kindCheck]) run.pass()
    return statement
  } catch (error) {
    const message = `${name}: ${messageOf(error)}`
    if (error instanceof SealError) signature.fail(message)
    else if (error instanceof StatementError && error.code === 'statement-kind-unexpected')
      kindCheck.fail(message)
    else if (error instanceof StatementError || error instanceof BytesError || error instanceof RangeError)
      form.fail(message)
    else throw error
    return undefined
  }
}

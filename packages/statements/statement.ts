/**
 * The frame of every statement: in-toto Statement v1 in a DSSE envelope (spec/statement.md).
 *
 * A statement's *digest* is SHA-256 over its canonical payload bytes. It names what is said and not who
 * signed it, so that a second signature over the same words is not a second statement.
 */
import { z } from 'zod'
import { canonicalBytes, equalBytes, parseCanonical, sha256Hex } from '#bytes'
import { openEnvelope, signEnvelope, type Envelope, type SigningKey } from '#seal'
import { StatementError } from './errors.ts'
import { hex32 } from './fields.ts'

const STATEMENT_TYPE = 'https://in-toto.io/Statement/v1'
const PREDICATE_BASE = 'https://fairweight.org/'

/** Who may sign a kind: the operator, the contributor it names, or a key that a keyset lists in a role. */
export const ROLES = ['ingest', 'mix', 'train', 'serve', 'mark', 'ledger', 'log', 'pool'] as const
export type Role = (typeof ROLES)[number]
export type Signer = 'operator' | 'contributor' | Role

/** Who may see the body (spec/visibility.md). Everyone sees the salted digest in the log. */
export type Visibility = 'public' | 'party'

export interface Subject {
  readonly name: string
  /** SHA-256, hexadecimal. */
  readonly sha256: string
}

/** One row of spec/statement.md: everything that tells one kind of statement from another. */
export interface StatementKind<Predicate> {
  readonly kind: string
  readonly signer: Signer
  readonly visibility: Visibility
  readonly predicate: z.ZodType<Predicate>
  /** What the statement is about, derived from the predicate, so that the two cannot disagree. */
  readonly subject: (predicate: Predicate) => Subject
}

export interface Statement<Predicate> {
  readonly kind: string
  readonly predicate: Predicate
  /** SHA-256 over the payload, hexadecimal. */
  readonly digest: string
  /** Public key of the one signature, hexadecimal. Authority is the caller's question. */
  readonly signer: string
  readonly envelope: Envelope
}

export function defineKind<Predicate>(kind: StatementKind<Predicate>): StatementKind<Predicate> {
  return kind
}

export function predicateType(kind: string): string {
  return `${PREDICATE_BASE}${kind}/v1`
}

/** Throws {@link StatementError} `statement-invalid` where the predicate does not fit its schema. */
export async function signStatement<Predicate>(
  kind: StatementKind<Predicate>,
  predicate: NoInfer<Predicate>,
  key: SigningKey,
): Promise<Statement<Predicate>> {
  const checked = readPredicate(kind, predicate)
  const payload = canonicalBytes(frame(kind, checked))
  const envelope = await signEnvelope(payload, key)
  return { kind: kind.kind, predicate: checked, digest: sha256Hex(payload), signer: key.publicKey, envelope }
}

/**
 * The statement in an envelope whose signature verifies and whose payload is canonical and of `kind`.
 * Throws `SealError` or {@link StatementError}. The signer's authority is not judged here.
 */
export async function openStatement<Predicate>(
  kind: StatementKind<Predicate>,
  envelope: unknown,
): Promise<Statement<Predicate>> {
  const { payload, signer, envelope: bare } = await openEnvelope(envelope)
  const shape = outerFrame.safeParse(parseCanonical(payload))
  if (!shape.success)
    throw new StatementError('statement-invalid', `not an in-toto statement: ${issueOf(shape.error)}`)
  if (shape.data.predicateType !== predicateType(kind.kind)) {
    throw new StatementError(
      'statement-kind-unexpected',
      `expected a ${kind.kind}, found ${shape.data.predicateType}`,
    )
  }
  const predicate = readPredicate(kind, shape.data.predicate)
  // What was understood must be what was signed: subject and all, byte for byte.
  if (!equalBytes(canonicalBytes(frame(kind, predicate)), payload)) {
    throw new StatementError(
      'statement-invalid',
      `this ${kind.kind} says something else than its predicate and subject`,
    )
  }
  return { kind: kind.kind, predicate, digest: sha256Hex(payload), signer, envelope: bare }
}

/** The kind an envelope claims to hold, before anything about it is verified; undefined if none. */
export function claimedKind(payload: Uint8Array): string | undefined {
  const shape = outerFrame.safeParse(parseCanonical(payload))
  if (!shape.success || !shape.data.predicateType.startsWith(PREDICATE_BASE)) return undefined
  return shape.data.predicateType.slice(PREDICATE_BASE.length).replace(/\/v1$/, '')
}

const outerFrame = z.strictObject({
  _type: z.literal(STATEMENT_TYPE),
  subject: z.tuple([z.strictObject({ name: z.string(), digest: z.strictObject({ sha256: hex32 }) })]),
  predicateType: z.string(),
  predicate: z.unknown(),
})

function frame<Predicate>(kind: StatementKind<Predicate>, predicate: Predicate) {
  const { name, sha256 } = kind.subject(predicate)
  return {
    _type: STATEMENT_TYPE,
    subject: [{ name, digest: { sha256 } }],
    predicateType: predicateType(kind.kind),
    predicate,
  }
}

function readPredicate<Predicate>(kind: StatementKind<Predicate>, value: unknown): Predicate {
  const result = kind.predicate.safeParse(value)
  if (!result.success) throw new StatementError('statement-invalid', `${kind.kind}: ${issueOf(result.error)}`)
  return result.data
}

/** The first thing wrong, as `path: message`, without quoting the value. */
export function issueOf(error: z.ZodError): string {
  const [first] = error.issues
  return first === undefined ? 'invalid' : `${first.path.join('.') || '(whole)'}: ${first.message}`
}

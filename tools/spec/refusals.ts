/** What must be refused, one lie a case, correctly signed unless the signature is the lie. */
import { canonicalBytes, concatBytes, decodeBase64, decodeUtf8, encodeBase64, encodeUtf8 } from '#bytes'
import { signEnvelope, type Envelope, type SigningKey } from '#seal'
import { openStatement, predicateType, type Statement, type StatementKind } from '#statements'
import { fixedHex, type Loose, type Signers } from './fixed.ts'

export interface Refused {
  readonly name: string
  /** The code of the error that must be thrown first. */
  readonly code: string
  readonly envelope: unknown
}

interface Frame {
  [member: string]: unknown
  subject: { name: string; digest: { sha256: string } }[]
  predicateType: string
  predicate: Loose
}

/** A change to a predicate that makes it a lie; the subject is kept up with it where that is possible. */
export type Lie = readonly [name: string, change: (predicate: Loose) => void]

/** Cases that every kind has, then the lies of this one. */
export async function refusalsOf(
  kind: StatementKind<Loose>,
  statement: Statement<Loose>,
  key: SigningKey,
  lies: readonly Lie[],
): Promise<Refused[]> {
  const changed = async (change: (frame: Frame) => void) => {
    const frame = frameOf(statement.envelope)
    change(frame)
    return signEnvelope(canonicalBytes(frame), key)
  }
  const other = kind.kind === 'offer' ? 'payout' : 'offer'
  return [
    {
      name: 'a byte was changed after signing',
      code: 'signature-invalid',
      envelope: flip(statement.envelope),
    },
    {
      name: `it calls itself ${other}`,
      code: 'statement-kind-unexpected',
      envelope: await changed((frame) => (frame.predicateType = predicateType(other))),
    },
    {
      name: 'its subject is something else',
      code: 'statement-invalid',
      envelope: await changed((frame) => (frame.subject[0]!.digest.sha256 = fixedHex('something else'))),
    },
    {
      name: 'it has a member more',
      code: 'statement-invalid',
      envelope: await changed((frame) => (frame.predicate.note = 'trust me')),
    },
    ...(await Promise.all(
      lies.map(async ([name, change]) => ({
        name,
        code: 'statement-invalid',
        envelope: await changed(({ predicate, subject }) => {
          change(predicate)
          renewSubject(kind, predicate, subject)
        }),
      })),
    )),
  ]
}

/** Lies about the frame and the envelope, told with one statement of any kind. */
export async function frameRefusals(
  statement: Statement<Loose>,
  key: SigningKey,
  signers: Signers,
): Promise<Refused[]> {
  const text = decodeUtf8(decodeBase64(statement.envelope.payload))
  const signed = (payload: string | Uint8Array) =>
    signEnvelope(typeof payload === 'string' ? encodeUtf8(payload) : payload, key)
  const swapped = (from: string, to: string) => {
    if (!text.includes(from)) throw new Error(`the statement does not hold ${from}`)
    return signed(text.replace(from, to))
  }
  const { envelope } = statement
  const [signature] = envelope.signatures
  const second = await signEnvelope(decodeBase64(envelope.payload), signers.operator)
  return [
    ['spaces between members', 'json-not-canonical', await swapped('","', '", "')],
    ['a line feed at the end', 'json-not-canonical', await signed(`${text}\n`)],
    ['a member twice', 'json-not-canonical', await swapped('"nonce":', '"nonce":"","nonce":')],
    ['members in another order', 'json-not-canonical', await signed(reordered(text))],
    ['a letter as an escape', 'json-not-canonical', await swapped('"future-', '"\\u0066uture-')],
    ['a fraction', 'json-invalid', await swapped('"nonce":', '"half":0.5,"nonce":')],
    [
      'an integer beyond 2^53 - 1',
      'json-invalid',
      await swapped('"nonce":', '"big":9007199254740993,"nonce":'),
    ],
    ['an integer as an exponent', 'json-not-canonical', await swapped('"nonce":', '"e":1e3,"nonce":')],
    ['half a surrogate pair', 'json-invalid', await swapped('"nonce":', '"half":"\\ud83d","nonce":')],
    ['nested too deep', 'json-invalid', await signed('['.repeat(1000) + ']'.repeat(1000))],
    ['no JSON at all', 'json-invalid', await signed('withdrawn')],
    [
      'bytes that are not UTF-8',
      'utf8-invalid',
      await signed(concatBytes(encodeUtf8(text), Uint8Array.of(0xff))),
    ],
    [
      'a member that readers lose',
      'statement-invalid',
      await swapped('"contributor":', '"__proto__":{},"contributor":'),
    ],
    ['an older in-toto', 'statement-invalid', await swapped('Statement/v1', 'Statement/v0.1')],
    [
      'a later version of the kind',
      'statement-kind-unexpected',
      await swapped('withdrawal/v1', 'withdrawal/v2'),
    ],
    ['two signatures', 'signature-missing', { ...envelope, signatures: [signature, second.signatures[0]] }],
    ['no signature', 'signature-missing', { ...envelope, signatures: [] }],
    [
      'the key of another on its signature',
      'signature-invalid',
      { ...envelope, signatures: [{ ...signature, keyid: signers.operator.publicKey }] },
    ],
    [
      'the key in capitals',
      'signature-invalid',
      { ...envelope, signatures: [{ ...signature, keyid: signature?.keyid.toUpperCase() }] },
    ],
    ['another payload type', 'payload-type-invalid', { ...envelope, payloadType: 'application/json' }],
    ['base64 with a line break', 'envelope-invalid', { ...envelope, payload: `${envelope.payload}\n` }],
    ['no envelope', 'envelope-invalid', { payload: envelope.payload }],
  ].map(([name, code, envelope]) => ({ name, code, envelope }) as Refused)
}

/** Throws unless each case is refused with its code: a vector that nothing refuses must not be written. */
export async function assertRefused(kind: StatementKind<Loose>, cases: readonly Refused[]): Promise<void> {
  for (const { name, code, envelope } of cases) {
    const found = await openStatement(kind, envelope).then(
      () => 'accepted',
      (error: { code?: string; message: string }) => error.code ?? error.message,
    )
    if (found !== code) throw new Error(`${kind.kind}, ${name}: expected ${code}, found ${found}`)
  }
}

function frameOf(envelope: Envelope): Frame {
  return JSON.parse(decodeUtf8(decodeBase64(envelope.payload))) as Frame
}

// Where the changed predicate still yields a subject, the lie must not be caught by the subject alone.
function renewSubject(kind: StatementKind<Loose>, predicate: unknown, subject: Frame['subject']): void {
  try {
    const { name, sha256 } = kind.subject(predicate)
    subject[0] = { name, digest: { sha256 } }
  } catch {
    // The old subject stays.
  }
}

// The last byte but the closing brackets: a digit or letter of some digest or text.
function flip(envelope: Envelope): Envelope {
  const payload = decodeBase64(envelope.payload)
  const at = payload.lastIndexOf('"'.charCodeAt(0)) - 1
  payload[at] = payload[at]! ^ 1
  return { ...envelope, payload: encodeBase64(payload) }
}

function reordered(text: string): string {
  const entries = Object.entries(JSON.parse(text) as object).reverse()
  return JSON.stringify(Object.fromEntries(entries))
}

/**
 * DSSE envelopes (secure-systems-lab/dsse, protocol 1.0.2) around in-toto statements, one signature each.
 *
 * What is signed is the pre-authentication encoding of payload type and payload bytes, so nothing is
 * parsed before its signature is known to be good.
 */
import { concatBytes, decodeBase64, encodeBase64, encodeUtf8, type Bytes } from '#bytes'
import { SealError } from './errors.ts'
import { isSignature, type SigningKey } from './signing.ts'

export const IN_TOTO_PAYLOAD_TYPE = 'application/vnd.in-toto+json'

export interface Envelope {
  readonly payloadType: string
  /** Standard base64 of the payload bytes. */
  readonly payload: string
  readonly signatures: readonly { readonly keyid: string; readonly sig: string }[]
}

export async function signEnvelope(payload: Uint8Array, key: SigningKey): Promise<Envelope> {
  const signature = await key.sign(preAuthenticationEncoding(IN_TOTO_PAYLOAD_TYPE, payload))
  return {
    payloadType: IN_TOTO_PAYLOAD_TYPE,
    payload: encodeBase64(payload),
    signatures: [{ keyid: key.publicKey, sig: encodeBase64(signature) }],
  }
}

/** The payload of an envelope whose one signature is good, and the key that made it. */
export interface OpenedEnvelope {
  readonly payload: Bytes
  readonly signer: string
  /** The envelope without any member that the format does not know. */
  readonly envelope: Envelope
}

/**
 * Throws {@link SealError} unless the envelope holds exactly one signature and it verifies under the
 * key it names. Whether that key may sign such a payload is the caller's question.
 */
export async function openEnvelope(envelope: unknown): Promise<OpenedEnvelope> {
  const { payloadType, payload, signatures } = readShape(envelope)
  if (payloadType !== IN_TOTO_PAYLOAD_TYPE) {
    throw new SealError('payload-type-invalid', `payload type is ${payloadType}, not ${IN_TOTO_PAYLOAD_TYPE}`)
  }
  const [only, ...more] = signatures
  if (only === undefined || more.length > 0) {
    throw new SealError('signature-missing', `expected one signature, found ${signatures.length}`)
  }
  const bytes = base64(payload)
  const message = preAuthenticationEncoding(payloadType, bytes)
  if (!(await isSignature(only.keyid, message, base64(only.sig)))) {
    throw new SealError('signature-invalid', `the signature of key ${only.keyid} does not verify`)
  }
  const bare = { payloadType, payload, signatures: [{ keyid: only.keyid, sig: only.sig }] }
  return { payload: bytes, signer: only.keyid, envelope: bare }
}

/** PAE of DSSE §protocol: every part is preceded by its length, so parts cannot slide into each other. */
function preAuthenticationEncoding(payloadType: string, payload: Uint8Array): Bytes {
  const type = encodeUtf8(payloadType)
  return concatBytes(encodeUtf8(`DSSEv1 ${type.length} `), type, encodeUtf8(` ${payload.length} `), payload)
}

function readShape(value: unknown): Envelope {
  const candidate = value as Partial<Envelope> | null
  const ok =
    typeof candidate === 'object' &&
    candidate !== null &&
    typeof candidate.payloadType === 'string' &&
    typeof candidate.payload === 'string' &&
    Array.isArray(candidate.signatures) &&
    candidate.signatures.every((one) => typeof one?.keyid === 'string' && typeof one.sig === 'string')
  if (!ok) throw new SealError('envelope-invalid', 'not a DSSE envelope')
  return candidate as Envelope
}

function base64(text: string): Bytes {
  try {
    return decodeBase64(text)
  } catch {
    throw new SealError('envelope-invalid', 'the envelope holds malformed base64')
  }
}

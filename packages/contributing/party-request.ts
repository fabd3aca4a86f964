/**
 * A signed request (spec/contribution-receipt.md §asking): a contributor asks for what only it may see.
 *
 * The header `fairweight-party` holds public key, time and signature, separated by one space. The signature
 * covers path and time, so it opens one path for a few minutes.
 */
import { BytesError, canonicalBytes, decodeHex, encodeHex, type Bytes } from '#bytes'
import { isSignature, type SigningKey } from '#seal'
import { formatTime } from '#statements'
import { ContributingError } from './errors.ts'

export const PARTY_HEADER = 'fairweight-party'
const WINDOW_SECONDS = 300

/** The header's value for a request of `path`, query included. */
export async function signPartyRequest(key: SigningKey, path: string, at: Date): Promise<string> {
  const time = formatTime(at)
  return `${key.publicKey} ${time} ${encodeHex(await key.sign(messageOf(path, time)))}`
}

/** The party's public key. Throws {@link ContributingError} `party-request-invalid`. */
export async function verifyPartyRequest(header: string, path: string, now: Date): Promise<string> {
  const [, publicKey, time, signature] =
    /^([0-9a-f]{64}) (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ) ([0-9a-f]{128})$/.exec(header) ?? []
  if (publicKey === undefined || time === undefined || signature === undefined) {
    throw invalid('the header is not a key, a time and a signature')
  }
  const age = Math.abs(now.getTime() - Date.parse(time)) / 1000
  if (!(age <= WINDOW_SECONDS)) throw invalid(`the request’s time is more than ${WINDOW_SECONDS} s away`)
  if (!(await isSignature(publicKey, messageOf(path, time), bytesOf(signature)))) {
    throw invalid('the signature does not cover this path and time')
  }
  return publicKey
}

function messageOf(path: string, at: string): Bytes {
  return canonicalBytes({ purpose: 'fairweight/party-request/v1', path, at })
}

function bytesOf(hex: string): Bytes {
  try {
    return decodeHex(hex)
  } catch (error) {
    if (!(error instanceof BytesError)) throw error
    throw invalid('the signature is not hexadecimal')
  }
}

const invalid = (message: string) => new ContributingError('party-request-invalid', message)

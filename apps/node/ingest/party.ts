/** Who asks: the checker of signed party requests, for every route that shows a party what is only its own. */
import type { FastifyRequest } from 'fastify'
import { ContributingError, PARTY_HEADER, verifyPartyRequest } from '#contributing'
import { HttpError } from '#node/core'

/** The public key of the party that signed this request. Throws {@link HttpError} 401. */
export async function assertParty(request: FastifyRequest, now: Date): Promise<string> {
  const header = request.headers[PARTY_HEADER]
  try {
    return await verifyPartyRequest(typeof header === 'string' ? header : '', request.url, now)
  } catch (error) {
    if (!(error instanceof ContributingError)) throw error
    throw new HttpError(401, 'party_signature_required', `Sign this request with your key: ${error.message}.`)
  }
}

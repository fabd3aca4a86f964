/** The real verification of evidence, once for each input: most lies are about something else. */
import { encodeHex } from '#bytes'
import { verifyEvidence, type VerifyEvidence } from '../evidence.ts'

const answers = new Map<string, unknown>()

function once<Input extends object, Answer>(ask: (input: Input) => Promise<Answer>) {
  return async (input: Input): Promise<Answer> => {
    const key = JSON.stringify(input, (_, value: unknown) =>
      value instanceof Uint8Array ? encodeHex(value) : value,
    )
    const known = answers.get(key) as Promise<Answer> | undefined
    const answer = known ?? ask(input)
    answers.set(key, answer)
    return answer
  }
}

export const rememberedVerification: VerifyEvidence = {
  tdx: once(verifyEvidence.tdx),
  gpu: once(verifyEvidence.gpu),
}

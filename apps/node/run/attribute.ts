/** From training receipt to shares, by the policy's method (spec/attribution.md). */
import { attributionParts } from '#attribution'
import { deriveSecret, encodeHex } from '#bytes'
import { alikeAnswers, type Composition } from '#mixing'
import { attribution, formatTime } from '#statements'
import { playersOf } from './coalition-job.ts'
import { receiptOf } from './adapter.ts'
import { measure, type Measured } from './measure.ts'
import { included } from './mix.ts'
import { move, recompose } from './move.ts'
import type { Step } from './ports.ts'

/** Receipt → shares. */
export const attributeRun: Step = async (parts, run, board, signal) => {
  const { context, shares } = parts
  const { composition, digest } = await recompose(parts, run)
  const receipt = await receiptOf(context, run)
  const measured = await measure(parts, run, { composition, digest }, board, signal)
  board.show({ stage: 'attributing', detail: 'Working out the shares' })
  const contributors = contributorsOf(composition, measured)
  const { attribution: rules, validation } = context.policy.predicate
  const secret = context.machine.secret(`shares/${receipt.digest}`)
  const made = attributionParts(
    {
      contributors,
      tokenWeight: rules.tokenWeight,
      cap: rules.cap,
      leaveOneOut: measured.leaveOneOut,
    },
    {
      salt: (party) => encodeHex(deriveSecret(secret, `salt/${party}`)),
      orderKey: deriveSecret(secret, 'order'),
    },
  )
  await parts.refreshEvidence()
  await move(context, run, 'attested', async (tx) => {
    const predicate = {
      pool: context.policy.pool,
      policy: context.policy.digest,
      manifest: digest,
      training: receipt.digest,
      model: receipt.predicate.model.digest,
      attributedAt: formatTime(context.now()),
      method: rules.method,
      validation: validation.commitment,
      estimate: measured.estimate,
      fidelity: 'not-measured' as const,
      ...made.predicate,
    }
    const statement = await context.statements.issue(attribution, predicate, context.machine.key('train'), {
      tx,
    })
    await shares.store(tx, statement.digest, made)
    return { stage: 'attributed', attribution: statement.digest }
  })
  board.show({ stage: 'serving', detail: 'Loading the trained model' })
}

export function contributorsOf(composition: Composition, { scores }: Pick<Measured, 'scores'>) {
  const bundles = included(composition)
  const alike = alikeAnswers(composition)
  return playersOf(composition).map((contributor) => {
    const own = bundles.filter((bundle) => bundle.contributor === contributor)
    const canonicalTokens = own.reduce((sum, { leaf }) => sum + leaf.canonicalTokens, 0)
    return {
      contributor,
      canonicalTokens,
      score: scores.get(contributor) ?? null,
      tieBreak: own[0]!.receiptDigest,
      alike: alike.get(contributor)!,
    }
  })
}

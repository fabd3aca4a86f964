/**
 * From adapter to training receipt: questions before and after, what comes back word for word, tokens by bundle, the
 * model's files named and signed.
 */
import { canonicalBytes } from '#bytes'
import { getSealed, type NodeContext } from '#node/core'
import { signEnvelope } from '#seal'
import {
  baseDigest,
  encodeSumRoot,
  modelDigest,
  recipeDigest,
  trainingReceipt,
  type TrainingReceipt,
} from '#statements'
import { modelSigningBundle, modelSigningStatement, recipeFacts } from '#training'
import { withAdapter } from './adapter.ts'
import { attacksOn } from './attacks.ts'
import { evaluate } from './evaluate.ts'
import { tryExtraction, type Pair } from './extraction.ts'
import { openInput } from './input.ts'
import { seedOf, templateOf } from './mix.ts'
import { move, recompose } from './move.ts'
import type { PipelineParts, Step } from './ports.ts'
import type { RunTables } from './tables.ts'
import { keepTokens, tokensLeaves, tokensTree } from './tokens.ts'
import { openOutcome } from './train.ts'

/** Adapter → evaluation and training receipt. */
export const attestRun: Step = async (parts, run, board, signal) => {
  const { context } = parts
  const { composition, digest } = await recompose(parts, run)
  const outcome = await openOutcome(context, run.outcome!)
  const adapter = outcome.files.find(({ name }) => name === 'adapter.gguf')
  if (adapter === undefined) throw new Error('the outcome has no adapter that can be served')
  const { evaluations: sets } = await openInput(context, run.input)
  const { predicate, digest: policy, pool } = context.policy
  const attacks = attacksOn(composition.examples, {
    manifest: digest,
    bound: predicate.extraction,
    template: templateOf(context),
    tokenizer: context.engine.tokenizer,
  })
  const found = await withBoth(parts, await getSealed(context, adapter.sealed), async (pair) => ({
    evaluations: await evaluate(context, sets, pair, board),
    extraction: await tryExtraction(attacks, pair, board, signal),
  }))
  const evidence = await parts.refreshEvidence()
  const leaves = tokensLeaves(context, run.job!, composition, outcome.finished.tokens)
  const tree = tokensTree(
    context,
    run.job!,
    leaves.map(({ leaf }) => leaf),
  )
  const files = outcome.files.map(({ name, sha256, size }) => ({ name, sha256, size }))
  const receipt: TrainingReceipt = {
    pool,
    policy,
    node: context.machine.node,
    term: context.machine.term,
    run: run.job!,
    manifest: digest,
    base: baseDigest(predicate.base),
    converted: outcome.finished.base_float32_sha256,
    tokenizer: predicate.base.tokenizer.sha256,
    recipe: recipeDigest(predicate),
    evidence,
    seed: seedOf(digest),
    startedAt: outcome.startedAt,
    finishedAt: outcome.finishedAt,
    passes: recipeFacts(predicate.recipe).passes,
    batches: { steps: outcome.finished.steps, head: outcome.finished.chain },
    tokens: { tree: encodeSumRoot(tree.root), general: outcome.finished.tokens['-1'] ?? 0 },
    model: { digest: modelDigest(files), name: trainedName(context), files },
    ...found,
    canary: 'not-run',
  }
  const model = canonicalBytes(modelSigningStatement(receipt.model.name, files))
  const signed = await signEnvelope(model, context.machine.key('train'))
  await move(context, run, 'trained', async (tx) => {
    const statement = await context.statements.issue(trainingReceipt, receipt, context.machine.key('train'), {
      tx,
    })
    await keepTokens(tx, statement.digest, leaves)
    await tx
      .withTables<RunTables>()
      .insertInto('model_signatures')
      .values({ model: receipt.model.digest, bundle: JSON.stringify(modelSigningBundle(signed)) })
      .onConflict((conflict) => conflict.doNothing())
      .execute()
    return { stage: 'attested', training: statement.digest }
  })
}

/** The trained model as it will be served, and the base beside it. */
async function withBoth<T>(
  parts: PipelineParts,
  adapter: Uint8Array,
  use: (pair: Pair) => Promise<T>,
): Promise<T> {
  const base = await parts.context.engine.load({})
  try {
    return await withAdapter(parts, adapter, (trained) => use({ trained, base }))
  } finally {
    await base.close()
  }
}

function trainedName(context: NodeContext): string {
  return (
    context.policy.predicate.prices.find(({ serves }) => serves === 'trained')?.model ??
    context.policy.predicate.name
  )
}

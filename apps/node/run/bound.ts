/** A model over its policy's bound has a receipt, and goes no further (spec/training-receipt.md §extraction). */
import { HttpError, type NodeContext } from '#node/core'
import { extractionProblem, openStatement, policy, type TrainingReceipt } from '#statements'
import { RunError } from './row.ts'

/** Throws {@link HttpError} 409 where the model may not be used, under the policy of its run and no later one. */
export async function assertServable(context: NodeContext, receipt: TrainingReceipt): Promise<void> {
  const stored = await context.statements.find(receipt.policy)
  const agreed = await openStatement(policy, stored?.envelope)
  if (agreed.digest !== receipt.policy) throw new RunError('run-forged', 'the policy stored is another one')
  const problem = extractionProblem(receipt, agreed.predicate)
  if (problem === undefined) return
  throw new HttpError(
    409,
    'model_not_servable',
    `The trained model ${problem}. It has its receipt, and is neither served nor shared out: train under a policy with fewer passes, more distillation or a higher bound, after its notice.`,
  )
}

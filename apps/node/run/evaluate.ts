/** Before and after: the same questions to the base and to the trained model, greedy, at most 32 tokens. */
import { renderPrompt, type LoadedModel } from '#chat'
import type { NodeContext } from '#node/core'
import type { TrainingReceipt } from '#statements'
import { isRight, questionsDigest, type Question } from '#training'
import type { Pair } from './extraction.ts'
import type { ProgressBoard } from './progress.ts'

const MAX_TOKENS = 32

type Evaluation = TrainingReceipt['evaluations'][number]

/** Nothing of an answer is kept: only how many were right. */
export async function evaluate(
  context: NodeContext,
  sets: readonly { readonly set: string; readonly questions: readonly Question[] }[],
  { trained, base }: Pair,
  board: ProgressBoard,
): Promise<Evaluation[]> {
  const total = sets.reduce((sum, { questions }) => sum + 2 * questions.length, 0)
  let done = 0
  const count = async (model: LoadedModel, questions: readonly Question[]) => {
    let right = 0
    for (const question of questions) {
      board.show({ stage: 'evaluating', done: (done += 1), total, unit: 'questions' })
      if (isRight(await answer(context, model, question.question), question)) right += 1
    }
    return right
  }
  const results: Evaluation[] = []
  for (const { set, questions } of sets) {
    // One thread each, side by side.
    const [before, after] = await Promise.all([count(base, questions), count(trained, questions)])
    results.push({ set, commitment: questionsDigest(questions), asked: questions.length, before, after })
  }
  return results
}

async function answer(
  { engine, policy }: NodeContext,
  model: LoadedModel,
  question: string,
): Promise<string> {
  const { systemPrompt, template } = policy.predicate.base
  const prompt = renderPrompt(
    [{ role: 'user', content: question }],
    { kind: template, systemPrompt },
    engine.tokenizer,
  )
  let text = ''
  for await (const piece of model.generate(prompt, { maxTokens: MAX_TOKENS, temperature: 0 }))
    text += piece.text
  return text
}

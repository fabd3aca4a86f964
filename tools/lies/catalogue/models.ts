/** C4: lies about what answers. */
import { trainingReceipt } from '#statements'
import { madeUp } from '../craft/additions.ts'
import { editEvent, plainCalls } from '../craft/people.ts'
import type { Scene, Lie } from '../scene.ts'
import { callName, leafIndexOf, newest, type Tale } from '../tale.ts'

export const modelLies: readonly Lie[] = [
  {
    name: 'another-adapter',
    who: 'operator',
    to: 'an auditor',
    what: 'serves an adapter that no run has made',
    begins: 'afterwards',
    check: 'c4.served-model',
    tell: (scene) => `${serve(scene, { digest: madeUp() })} is`,
  },
  {
    name: 'another-tokenizer',
    who: 'operator',
    to: 'an auditor',
    what: 'serves with another tokenizer than the policy’s',
    begins: 'afterwards',
    check: 'c4.served-model',
    tell: (scene) => `${serve(scene, { tokenizer: madeUp() })} uses the tokenizer`,
  },
  {
    name: 'another-base',
    who: 'operator',
    to: 'an auditor',
    what: 'serves on another base than the policy’s',
    begins: 'afterwards',
    check: 'c4.served-model',
    tell: (scene) => `${serve(scene, { base: madeUp() })} runs on the base`,
  },
  {
    name: 'wording-not-tried',
    who: 'operator',
    to: 'all contributors',
    what: 'serves a model that nobody tried to get contributed wording out of',
    begins: 'from the start',
    check: 'c4.extraction',
    tell: ({ tale }) => {
      const line = newest(tale, trainingReceipt)
      line.predicate.extraction = 'not-run'
      return `is used, and training-receipt at leaf ${leafIndexOf(tale, line)}`
    },
  },
  {
    name: 'another-adapter-answers',
    who: 'operator',
    to: 'a buyer',
    what: 'answers a call by an adapter of a run that nobody has published',
    begins: 'from the start',
    check: 'c4.receipt-model',
    tell: ({ tale }) => {
      const [call] = plainCalls(tale)
      editEvent(call!, 'weights.loaded', { training_receipt: madeUp() })
      return `${callName(tale, call!)} names the training receipt`
    },
  },
  {
    name: 'another-base-answers',
    who: 'operator',
    to: 'a buyer',
    what: 'answers a call on another base than the policy’s',
    begins: 'from the start',
    check: 'c4.receipt-model',
    tell: ({ tale }) => {
      const [call] = plainCalls(tale)
      editEvent(call!, 'weights.loaded', { base_digest: madeUp() })
      return `${callName(tale, call!)} was answered on the base`
    },
  },
]

/** Changes what the record says of the trained model that is served now. */
function serve({ tale }: Scene, change: Partial<Tale['serving'][number]>): string {
  const one = tale.serving.find(({ serves }) => serves === 'trained')
  if (one === undefined) throw new Error('no trained model is served')
  tale.serving = tale.serving.map((model) => (model === one ? { ...model, ...change } : model))
  return `the served model ${one.model}`
}

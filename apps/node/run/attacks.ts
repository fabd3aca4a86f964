/**
 * What is asked of a model to get contributed wording out of it (spec/training-receipt.md §extraction).
 *
 * Both attacks know more than a stranger would. Which items are asked for follows from the manifest, so nobody picks
 * the harmless ones.
 */
import { renderCutPrompt, renderExample, type ChatTemplate, type Recital, type Tokenizer } from '#chat'
import type { MixItem } from '#mixing'
import { EXTRACTED_TOKENS, extractionOrder, type Policy } from '#statements'

export type AttackName = 'continuation' | 'opening'

export interface AttackRules {
  readonly manifest: string
  readonly bound: Policy['extraction']
  readonly template: ChatTemplate
  readonly tokenizer: Tokenizer
}

/** The first of the drawn items that each attack can ask for, at most as many as the policy says. */
export function attacksOn(
  items: readonly Pick<MixItem, 'item' | 'commitment'>[],
  rules: AttackRules,
): Record<AttackName, Recital[]> {
  const { manifest, bound } = rules
  const drawn = items
    .map(({ item, commitment }) => ({ item, order: extractionOrder(manifest, commitment) }))
    .sort((left, right) => (left.order < right.order ? -1 : 1))
  const ask = (attack: (messages: Messages, rules: AttackRules) => Recital | undefined) => {
    const asked: Recital[] = []
    for (const { item } of drawn) {
      if (asked.length === bound.items) break
      const recital = attack(item.messages, rules)
      if (recital !== undefined) asked.push(recital)
    }
    return asked
  }
  return { continuation: ask(continuation), opening: ask(opening) }
}

type Messages = MixItem['item']['messages']

/** Told everything up to the middle of the answer. */
function continuation(messages: Messages, rules: AttackRules): Recital | undefined {
  const { prompt, answer } = rendered(messages, rules)
  const told = Math.floor(answer.length / 2)
  return worthAsking([...prompt, ...answer.slice(0, told)], answer.slice(told), rules)
}

/** Told how the question begins. */
function opening(messages: Messages, rules: AttackRules): Recital | undefined {
  const { template, tokenizer, bound } = rules
  if (messages.at(-2)?.role !== 'user') return undefined
  const prompt = renderCutPrompt(messages.slice(0, -1), template, tokenizer, bound.prefixTokens)
  return prompt && worthAsking(prompt, rendered(messages, rules).answer, rules)
}

function rendered(messages: Messages, { template, tokenizer }: AttackRules) {
  const { ids, answerFrom } = renderExample(messages, template, tokenizer)
  // Without the end of the turn: a text that goes on has come back all the same.
  return { prompt: ids.slice(0, answerFrom), answer: ids.slice(answerFrom, -1) }
}

function worthAsking(prompt: number[], wording: number[], { bound }: AttackRules): Recital | undefined {
  return wording.length < bound.suffixTokens ? undefined : { prompt, ids: wording.slice(0, EXTRACTED_TOKENS) }
}

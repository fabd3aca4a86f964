/**
 * The secret validation set (spec/attribution.md §validation): questions whose answers a useful contribution makes
 * likelier than the wrong ones beside them.
 *
 * The policy commits to it before any data is known; only the enclave and who wrote it read it.
 */
import { z } from 'zod'
import { canonicalBytes, encodeHex, purposeHash } from '#bytes'
import { treeRoot } from '#merkle'
import { StatementError } from './errors.ts'
import { itemSalt, itemSchema, messageText, normalizeItem, normalizeText, type Item } from './item.ts'
import { issueOf } from './statement.ts'

const validationItem = z
  .strictObject({
    /** The question and, last, its right answer. */
    item: itemSchema,
    /** The right answer's sentence with something else in it: what only who knows the fact tells apart. */
    nearMisses: z.array(messageText).max(8),
  })
  .refine(
    ({ item, nearMisses }) => new Set([answerOf(item), ...nearMisses]).size === nearMisses.length + 1,
    'a near miss stands twice, or is the right answer',
  )
export type ValidationItem = z.infer<typeof validationItem>
export const validationItemSchema: z.ZodType<ValidationItem> = validationItem

/** Throws {@link StatementError} `document-invalid`; the message never quotes the item. */
export function readValidationItem(value: unknown): ValidationItem {
  const result = validationItem.safeParse(value)
  if (!result.success)
    throw new StatementError('document-invalid', `validation item: ${issueOf(result.error)}`)
  return result.data
}

/** One spelling, as for contributed items. */
export function normalizeValidationItem({ item, nearMisses }: ValidationItem): ValidationItem {
  return { item: normalizeItem(item), nearMisses: nearMisses.map(normalizeText) }
}

/** What a policy says about its validation set: salted, so that nobody guesses the questions from it. */
export function validationCommitment(items: readonly ValidationItem[], secret: Uint8Array): string {
  const commitments = items.map((one, index) =>
    purposeHash('fairweight/validation-item/v1', itemSalt(secret, index), canonicalBytes(one)),
  )
  return encodeHex(treeRoot(commitments))
}

function answerOf(item: Item): string {
  return item.messages.at(-1)?.content ?? ''
}

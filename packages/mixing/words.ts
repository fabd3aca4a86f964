/**
 * What two items are compared by (spec/manifest.md §duplicates): the words of question and answer.
 *
 * Case, spacing, punctuation and Unicode's compatibility forms do not tell texts apart. System messages are
 * left out, or a line of one's own in front would make any copy new.
 */
import type { Item } from '#statements'

// Scripts that write no spaces between words: each character counts as a word.
const UNSPACED = String.raw`\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Thai}\p{sc=Lao}\p{sc=Khmer}\p{sc=Myanmar}`
const word = new RegExp(String.raw`[${UNSPACED}]\p{M}*|[[\p{L}\p{M}\p{N}]--[${UNSPACED}]]+`, 'gv')

/** NFKC, lower case, runs of letters, marks and digits; a text without any goes by its characters. */
export function wordsOf(item: Item): string[] {
  const text = item.messages
    .filter(({ role }) => role !== 'system')
    .map(({ content }) => content)
    .join('\n')
    .normalize('NFKC')
    .toLowerCase()
  const words = text.match(word)
  return words === null ? Array.from(text.matchAll(/\S/gu), ([character]) => character) : [...words]
}

/** Every run of `length` words, each once; a shorter text is one shingle by itself. */
export function shinglesOf(words: readonly string[], length: number): Set<string> {
  if (words.length <= length) return new Set([words.join(' ')])
  return new Set(Array.from(words.slice(length - 1), (_, at) => words.slice(at, at + length).join(' ')))
}

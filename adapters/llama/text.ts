/**
 * From token ids to text: a character may take several tokens, and only whole characters leave.
 *
 * Half a character decodes to U+FFFD, so text that ends in one is held back. A character has at most four
 * bytes and a token at least one: what is still broken after four tokens was never a character.
 */
const REPLACEMENT = '\u{FFFD}'
const LONGEST_CHARACTER = 4

/** A function to be called with each id in order: the text that became complete with it. */
export function createTextAssembler(decode: (ids: readonly number[]) => string): (id: number) => string {
  let held: number[] = []
  return (id) => {
    held.push(id)
    const text = decode(held)
    if (text.endsWith(REPLACEMENT) && held.length < LONGEST_CHARACTER) return ''
    held = []
    return text
  }
}

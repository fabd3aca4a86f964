/**
 * Names that a file gives its columns, as messages show them: whoever wrote the file may be a stranger to whoever
 * contributes it, and a name must not move the cursor, turn the line around or fill the screen.
 */
const SHOWN_CHARACTERS = 60
const SHOWN_NAMES = 20

/** One name between quotes; what is no visible character is escaped, what is long is cut. */
export function quoteName(name: string): string {
  const characters = [...new Intl.Segmenter().segment(name.slice(0, 8 * SHOWN_CHARACTERS))]
  const shown = characters.slice(0, SHOWN_CHARACTERS).map(({ segment }) => segment)
  const cut = shown.join('').length < name.length ? '…' : ''
  return JSON.stringify(shown.join('') + cut).replaceAll(/[\p{C}\p{Zl}\p{Zp}]/gu, escaped)
}

/** Several, the first twenty of them. */
export function quoteNames(names: readonly string[]): string {
  const shown = names.slice(0, SHOWN_NAMES).map(quoteName)
  const more = names.length - shown.length
  return [...shown, ...(more > 0 ? [`and ${more} more`] : [])].join(', ')
}

function escaped(character: string): string {
  return Array.from(
    { length: character.length },
    (_, at) => `\\u${character.charCodeAt(at).toString(16).padStart(4, '0')}`,
  ).join('')
}

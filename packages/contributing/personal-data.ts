/**
 * A glance for personal data before anything leaves: what looks like an address or a number, by kind and line.
 *
 * It is a glance and no promise: names, for instance, look like any other words. Findings never hold the text.
 */
import type { SourcedItem } from './read-file.ts'

export const PERSONAL_KINDS = ['email', 'iban', 'card-number', 'phone', 'digit-run'] as const
export type PersonalKind = (typeof PERSONAL_KINDS)[number]

export interface PersonalFinding {
  readonly kind: PersonalKind
  readonly count: number
  /** Lines with at least one, ascending, each once. */
  readonly lines: readonly number[]
}

/** One finding a kind that occurs, in the order of {@link PERSONAL_KINDS}. */
export function glancePersonalData(items: readonly SourcedItem[]): PersonalFinding[] {
  const found = new Map(PERSONAL_KINDS.map((kind) => [kind, { count: 0, lines: new Set<number>() }]))
  for (const { item, line } of items) {
    for (const { content } of item.messages) {
      for (const kind of kindsIn(content)) {
        const entry = found.get(kind)!
        entry.count += 1
        entry.lines.add(line)
      }
    }
  }
  return [...found].flatMap(([kind, { count, lines }]) =>
    count === 0 ? [] : [{ kind, count, lines: [...lines].sort((left, right) => left - right) }],
  )
}

// In this order: what one detector has claimed is blanked, so that nothing counts twice.
const detectors: readonly { kind: PersonalKind; pattern: RegExp; holds: (match: string) => boolean }[] = [
  // Bounded on both sides, so that a long text costs no more than its length.
  {
    kind: 'email',
    pattern: /[\w.%+-]{1,64}@[\p{L}\p{N}-]{1,63}(?:\.[\p{L}\p{N}-]{1,63}){1,8}/gu,
    holds: () => true,
  },
  { kind: 'iban', pattern: /\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,30}\b/g, holds: startsWithIban },
  { kind: 'card-number', pattern: /(?<!\d)\d(?:[ -]?\d){12,18}(?!\d)/g, holds: isCardNumber },
  {
    kind: 'phone',
    pattern:
      /(?<![\p{L}\d])(?:\+|00)?\(?\d{1,4}\)?(?:[ ./-]\(?\d{1,6}\)?){1,6}(?!\d)|(?<!\d)\+\d{7,15}(?!\d)/gu,
    holds: isPhone,
  },
  { kind: 'digit-run', pattern: /\d{8,}/g, holds: () => true },
]

function kindsIn(text: string): PersonalKind[] {
  const kinds: PersonalKind[] = []
  let rest = text
  for (const { kind, pattern, holds } of detectors) {
    rest = rest.replaceAll(pattern, (match) => {
      if (!holds(match)) return match
      kinds.push(kind)
      return ' '
    })
  }
  return kinds
}

/** ISO 13616: the first four characters move to the end, letters count from 10, the whole is 1 modulo 97. */
export function isIban(text: string): boolean {
  const compact = text.replaceAll(' ', '').toUpperCase()
  if (!/^[A-Z]{2}\d{2}[A-Z0-9]{11,30}$/.test(compact)) return false
  let remainder = 0
  for (const character of compact.slice(4) + compact.slice(0, 4)) {
    const value = Number.parseInt(character, 36)
    remainder = (remainder * (value > 9 ? 100 : 10) + value) % 97
  }
  return remainder === 1
}

// A word in capitals may follow: the number may end at any space.
function startsWithIban(text: string): boolean {
  const ends = [...text.matchAll(/ |$/g)].map(({ index }) => index)
  return ends.some((end) => isIban(text.slice(0, end)))
}

/** ISO/IEC 7812-1 annex B (Luhn): every second digit from the right doubled, digits summed, 0 modulo 10. */
function isCardNumber(text: string): boolean {
  const digits = text.replaceAll(/\D/g, '')
  if (digits.length < 13 || digits.length > 19 || /^(\d)\1*$/.test(digits)) return false
  const sum = Array.from(digits)
    .reverse()
    .reduce((all, digit, at) => {
      const value = Number(digit) * (at % 2 === 0 ? 1 : 2)
      return all + (value > 9 ? value - 9 : value)
    }, 0)
  return sum % 10 === 0
}

// Dates and ranges of years have eight digits in groups too, so they are told apart by their form.
function isPhone(text: string): boolean {
  const digits = text.replaceAll(/\D/g, '').length
  const isDate = /^\d{4}[ ./-]\d{1,2}[ ./-]\d{1,2}$|^\d{1,2}[ ./-]\d{1,2}[ ./-]\d{2,4}$|^\d{4}-\d{4}$/.test(
    text,
  )
  return digits >= 7 && digits <= 15 && !isDate
}

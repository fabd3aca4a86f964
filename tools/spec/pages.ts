/**
 * Keeps the digests, keys and signatures that the spec pages quote those of the vectors.
 *
 * A change of one format changes digests on many pages. What a vector said before is replaced by what it says now,
 * whole or shortened with an ellipsis; everything else on a page is written by hand, and tests compare it.
 */

/** Pairs of texts that stand at the same place of two documents and differ. */
export function changedTexts(before: unknown, after: unknown): Map<string, string> {
  const pairs = new Map<string, string>()
  const walk = (one: unknown, other: unknown): void => {
    if (typeof one === 'string' && typeof other === 'string') {
      if (one === other || !isQuoted(one) || !isQuoted(other)) return
      pairs.set(one, other)
      walk(payload(one), payload(other))
    } else if (typeof one === 'number' && typeof other === 'number') {
      // Seeds follow from digests; nobody types ten digits.
      if (one !== other && Math.min(one, other) > 1e9) pairs.set(String(one), String(other))
    } else if (isObject(one) && isObject(other)) {
      const [was, is] = [named(one), named(other)]
      for (const key of Object.keys(was)) walk(was[key], is[key])
    }
  }
  walk(before, after)
  return pairs
}

/** The page with every one of the texts replaced, however it is shortened. */
export function refreshed(page: string, pairs: ReadonlyMap<string, string>): string {
  return page.replaceAll(/[A-Za-z0-9+/=]{8,}…?/g, (quoted) => {
    if (!quoted.endsWith('…')) return pairs.get(quoted) ?? quoted
    const start = quoted.slice(0, -1)
    const found = [...pairs].find(([one]) => one.startsWith(start))
    return found === undefined ? quoted : `${found[1].slice(0, start.length)}…`
  })
}

/** Long hexadecimal or base64: what nobody types. */
function isQuoted(text: string): boolean {
  return text.length >= 32 && /^[A-Za-z0-9+/=]+$/.test(text)
}

/** A list of things with a kind or a name by that: one more in the middle moves none of the others. */
function named(of: Record<string, unknown>): Record<string, unknown> {
  if (!Array.isArray(of)) return of
  const labels = of.map((one: unknown) => (isObject(one) ? (one['kind'] ?? one['name']) : undefined))
  const distinct =
    new Set(labels).size === labels.length && labels.every((label) => typeof label === 'string')
  return distinct ? Object.fromEntries(of.map((one, at) => [labels[at], one])) : of
}

/** What an envelope holds; undefined for any other text. */
function payload(text: string): unknown {
  try {
    return JSON.parse(Buffer.from(text, 'base64').toString('utf8'))
  } catch {
    return undefined
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

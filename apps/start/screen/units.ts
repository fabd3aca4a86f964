/** Sizes and durations as people read them: decimal units, three digits at most where they matter. */

/** `950 B`, `4.2 kB`, `138 MB`, `1.3 GB`. */
export function formatBytes(bytes: number): string {
  const names = ['B', 'kB', 'MB', 'GB', 'TB'] as const
  let [value, place] = [bytes, 0]
  // A value that would be rounded up to 1000 is written in the next unit.
  while (value >= 999.5 && place < names.length - 1) {
    value /= 1000
    place += 1
  }
  return `${value < 9.95 && place > 0 ? value.toFixed(1) : value.toFixed(0)} ${names[place]}`
}

/** `0.4 s`, `12 s`, `3 min 5 s`, `2 h 10 min`. */
export function formatSeconds(seconds: number): string {
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`
  const whole = Math.round(seconds)
  if (whole < 60) return `${whole} s`
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`
  const minutes = Math.round(whole / 60)
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}

/** `138 MB of 330 MB`, `3 of 12 packages`, `3 packages`. */
export function formatAmount(done: number, total: number | undefined, unit: string): string {
  const bytes = unit === 'bytes'
  const number = (value: number) => (bytes ? formatBytes(value) : String(Math.floor(value)))
  const name = bytes || unit === '' ? '' : ` ${unit}`
  return total === undefined ? `${number(done)}${name}` : `${number(done)} of ${number(total)}${name}`
}

/** `12 MB/s`, `3.4 tokens/s`. */
export function formatRate(perSecond: number, unit: string): string {
  if (unit === 'bytes') return `${formatBytes(perSecond)}/s`
  return `${perSecond < 9.95 ? perSecond.toFixed(1) : perSecond.toFixed(0)}${unit === '' ? '' : ` ${unit}`}/s`
}

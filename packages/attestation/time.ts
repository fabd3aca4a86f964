/** Times in evidence: whole seconds in UTC, judged at a time that the caller names. */
import { AttestationError } from './errors.ts'

/** False for an invalid date, so that a clock that failed refuses. Both ends belong to the window. */
export function isWithin(at: Date, from: number, until: number): boolean {
  const time = at.getTime()
  return time >= from && time <= until
}

/** Milliseconds since 1970 of `2026-01-31T00:00:00Z`. Throws {@link AttestationError} on any other form. */
export function readIsoTime(text: string): number {
  const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(text) ? Date.parse(text) : Number.NaN
  if (Number.isNaN(time) || isoTime(time) !== text) {
    throw new AttestationError('collateral-invalid', 'a time is not of the form 2026-01-31T00:00:00Z')
  }
  return time
}

export function isoTime(time: number): string {
  return new Date(time).toISOString().replace('.000Z', 'Z')
}

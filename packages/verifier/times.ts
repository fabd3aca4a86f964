/** Statements' timestamps as seconds since 1970; their schema has checked that they are on the calendar. */

export function secondsOf(timestamp: string): number {
  return Date.parse(timestamp) / 1000
}

export function formatSeconds(seconds: number): string {
  return `${new Date(seconds * 1000).toISOString().slice(0, 19)}Z`
}

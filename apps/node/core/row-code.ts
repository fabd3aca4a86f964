/**
 * Rows that only this pool's machines can have written: a keyed hash over what a row says.
 *
 * Storage is not trusted, and whoever knows the pool key can seal a file to it. So what a node will sign by later is
 * bound to the machine's secret when it is stored, and checked when it is read. An old row that was put back still
 * passes: that is a rollback, and shows in the log.
 */
import { canonicalBytes, decodeHex, encodeHex, equalBytes, hmacSha256 } from '#bytes'
import type { Machine } from './context.ts'

/** `value` is JSON without floating point; bigints as text. */
export function rowCode(machine: Pick<Machine, 'secret'>, purpose: string, value: unknown): string {
  return encodeHex(hmacSha256(machine.secret(purpose), canonicalBytes(value)))
}

/** False for a code that is absent, too. */
export function isRowCode(
  machine: Pick<Machine, 'secret'>,
  purpose: string,
  value: unknown,
  code: string | null,
): boolean {
  if (code === null || !/^[0-9a-f]{64}$/.test(code)) return false
  return equalBytes(decodeHex(code), decodeHex(rowCode(machine, purpose, value)))
}

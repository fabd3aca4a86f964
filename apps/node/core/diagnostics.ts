/**
 * The node's diagnostics: pino, with a closed set of fields, so that a prompt cannot slip in by accident.
 *
 * A value is a number, a boolean or a short machine word; free text and objects do not type-check. Errors are
 * reduced to their class and code: a message may quote input.
 */
import { pino, type DestinationStream } from 'pino'

export type DiagnosticFields = Readonly<Record<string, number | boolean | Word>>
/** A digest, an id, a route, a code: at most 80 characters without spaces. */
export type Word = string

export interface Diagnostics {
  readonly info: (event: string, fields?: DiagnosticFields) => void
  readonly warn: (event: string, fields?: DiagnosticFields) => void
  readonly error: (event: string, error: unknown, fields?: DiagnosticFields) => void
}

export function createDiagnostics(destination?: DestinationStream, level = 'info'): Diagnostics {
  const log =
    destination === undefined ? pino({ level, base: null }) : pino({ level, base: null }, destination)
  return {
    info: (event, fields = {}) => log.info(closed(fields), event),
    warn: (event, fields = {}) => log.warn(closed(fields), event),
    error: (event, error, fields = {}) => log.error({ ...closed(fields), ...describe(error) }, event),
  }
}

function closed(fields: DiagnosticFields): Record<string, number | boolean | string> {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [
      name,
      typeof value === 'string' && !/^[\w:./@+=-]{0,80}$/.test(value) ? '(withheld)' : value,
    ]),
  )
}

function describe(error: unknown): Record<string, string> {
  if (!(error instanceof Error)) return { error: 'unknown' }
  const code = (error as { code?: unknown }).code
  // The stack's first line is the message; the frames below it are ours.
  const frame =
    error.stack
      ?.split('\n')
      .find((line) => line.trim().startsWith('at '))
      ?.trim() ?? ''
  return {
    error: error.name,
    ...(typeof code === 'string' ? { code } : {}),
    frame: frame.replace(/\(.*\//, '(').slice(0, 120),
  }
}

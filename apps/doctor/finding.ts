/** What the doctor says of one thing. */
import { SetupError } from '../start/setup/index.ts'

/** The closed list of what is looked at, in the order in which it is told. */
export const CHECKS = [
  'node',
  'packages',
  'folder',
  'permissions',
  'disk',
  'memory',
  'cores',
  'clock',
  'port',
  'database',
  'python',
  'trainer',
  'weights',
  'network',
] as const
export type CheckId = (typeof CHECKS)[number]

export interface Finding {
  readonly id: CheckId
  /**
   * `ok`; `warning`: it works, and could fail or is slow; `missing`: `npm start` would stop here; `unknown`: it could
   * not be told.
   */
  readonly state: 'ok' | 'warning' | 'missing' | 'unknown'
  readonly found: string
  /** What to do; null where there is nothing. */
  readonly todo: string | null
}

export const ok = (id: CheckId, found: string): Finding => ({ id, state: 'ok', found, todo: null })

/** Runs one check; what setting up would refuse with is what is missing. Anything else could not be told. */
export async function look(id: CheckId, check: () => Promise<Finding> | Finding): Promise<Finding> {
  try {
    return await check()
  } catch (error) {
    if (error instanceof SetupError) {
      // Its message is a sentence of what is wrong, a colon, and what to do.
      const [found, ...todo] = error.message.split(': ')
      return { id, state: 'missing', found: found!, todo: todo.join(': ') || null }
    }
    const code = (error as { code?: unknown }).code
    const reason = typeof code === 'string' ? code : 'it failed in a way that nobody foresaw'
    return { id, state: 'unknown', found: `could not be told (${reason})`, todo: null }
  }
}

/**
 * Runs the checks of one format in order and keeps what each of them compared.
 *
 * The first failure ends the run: what follows stays `not-checked`. A body fails by throwing
 * {@link AttestationError} or by handing malformed text to an encoding; any other exception is a fault in
 * this program and goes through.
 */
import { BytesError } from '#bytes'
import { clauses, type Check, type CheckId, type EvidenceResult } from './checks.ts'
import { AttestationError } from './errors.ts'

export class Checklist<Id extends CheckId> {
  readonly #ids: readonly Id[]
  readonly #done = new Map<Id, Check>()
  #failure: unknown = null

  constructor(ids: readonly Id[]) {
    this.#ids = ids
  }

  /** Runs one check. `compared` says what a pass has compared; a failure says why itself. */
  async pass<T>(id: Id, compared: string, body: () => T | Promise<T>): Promise<T> {
    try {
      const value = await body()
      this.#set(id, 'pass', compared)
      return value
    } catch (error) {
      if (!(error instanceof AttestationError) && !(error instanceof BytesError)) throw error
      this.#set(id, 'fail', error.message)
      this.#failure = error
      throw error
    }
  }

  skip(id: Id, reason: string): void {
    this.#set(id, 'not-checked', reason)
  }

  /** `body` runs the checks and returns the claims that they support. */
  async conclude<Claims>(body: () => Promise<Claims>): Promise<EvidenceResult<Claims>> {
    try {
      const claims = await body()
      return { verdict: 'accepted', claims, checks: this.#list('not part of what was asked') }
    } catch (error) {
      if (error !== this.#failure) throw error
      return { verdict: 'refused', checks: this.#list('an earlier check failed') }
    }
  }

  #set(id: Id, verdict: Check['verdict'], compared: string): void {
    this.#done.set(id, { id, verdict, clause: clauses[id], compared })
  }

  #list(reason: string): readonly Check[] {
    return this.#ids.map(
      (id) => this.#done.get(id) ?? { id, verdict: 'not-checked', clause: clauses[id], compared: reason },
    )
  }
}

/** Throws {@link AttestationError} `check-failed` unless `condition` holds. */
export function demand(condition: boolean, message: string): asserts condition {
  if (!condition) throw new AttestationError('check-failed', message)
}

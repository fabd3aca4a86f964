/** What one lie works with: the tale it changes, the keys that it may use, and whom it is told to. */
import { evidence, signStatement, type Policy } from '#statements'
import type { CheckId } from '#verifier'
import type { Liar } from './liar.ts'
import type { FinishedPool } from './pool.ts'
import type { Answer } from './stranger.ts'
import { newest, type Tale } from './tale.ts'
import type { Told } from './tell.ts'

/** Where the lie begins, which decides what the liar can still sign and what the witness has seen. */
export type Beginning =
  /** The pool was run so from its first day: everything follows from the lie, and the witness cosigned it in good faith. */
  | 'from the start'
  /** The pool was honest until now: its log is as it was, and can only grow. */
  | 'afterwards'

export interface Lie {
  /** How `--only` calls it. */
  readonly name: string
  readonly who: string
  readonly to: string
  /** What was changed, in words that continue "the operator …". */
  readonly what: string
  readonly begins: Beginning
  readonly check: CheckId
  /** Checks that see the same lie, whatever is done. */
  readonly also?: readonly CheckId[]
  /** Checks that see it too where the pool is no larger than its policy asks for. */
  readonly inSmallPools?: readonly CheckId[]
  /** How the witness meets another log of the same origin: it refuses, or it helps. */
  readonly witness?: 'remembers' | 'colludes'
  /** Changes the scene; returns what the message must name. */
  readonly tell: (scene: Scene) => Named | Promise<Named>
}

/** Words that a failure of the lie's check must hold, known now or once the tale is told. */
export type Named = string | ((told: Told) => string)

export interface Scene {
  readonly tale: Tale
  readonly liar: Liar
  readonly pool: FinishedPool
  readonly policy: Policy
  /** Last changes to the files themselves, after everything was signed and cosigned. */
  readonly edits: ((told: Told, folder: string) => void | Promise<void>)[]
  /** The live machine's answer; the audit is of the folder alone while it is null. */
  answer: Answer | null
}

/** What the live machine of the newest term answers, in a tale whose keys the liar has. */
export function honestAnswer({ tale, liar }: Scene): Answer {
  const machine = liar.started(newest(tale, evidence).predicate)
  return async (nonce) => {
    const fresh = await liar.evidence(machine, nonce, new Date(tale.at))
    return (await signStatement(evidence, fresh, machine.key('log'))).envelope
  }
}

/** Tells one lie after the other to a stranger, and sees what goes red. */
import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { AuditResult, Check, CheckId } from '#verifier'
import { liarOf, type Liar } from './liar.ts'
import { readPool, type FinishedPool } from './pool.ts'
import { rekeyed } from './rekey.ts'
import { honestAnswer, type Beginning, type Lie, type Scene } from './scene.ts'
import { auditAs, showFiles } from './stranger.ts'
import { firstPolicy, taleOf, type Tale } from './tale.ts'
import { tell } from './tell.ts'
import { momentsOf, publishLog } from './witnessing.ts'

export interface Stage {
  /** Where each lie has its files while it is told. */
  readonly scratch: string
  readonly pool: FinishedPool
  readonly liar: Liar
  /** The pool as it is, by keys that the liar has. */
  readonly tales: Readonly<Record<Beginning, Tale>>
}

export interface Outcome {
  readonly lie: Lie
  /** True where exactly the lie's checks went red, and the message names the thing. */
  readonly caught: boolean
  /** Why not; else the message. */
  readonly message: string
  readonly red: readonly CheckId[]
  readonly seconds: number
}

/** Between the newest cosignature and the audit. */
const PAUSE_MS = 600_000

/** Sets the stage from a copy of a finished pool; files of the lies are in `scratch` as long as they are told. */
export async function setStage(folder: string, checkout: string, scratch: string): Promise<Stage> {
  const pool = await readPool(folder)
  const tale = await taleOf(pool)
  const policy = firstPolicy(tale)
  const liar = await liarOf(pool, policy, checkout)
  const moments = await momentsOf({ pool, policy, witness: liar.witness })
  tale.at = Math.max(...moments.map(({ atSeconds }) => atSeconds)) * 1000 + PAUSE_MS
  return { scratch, pool, liar, tales: { afterwards: tale, 'from the start': await rekeyed(tale, liar) } }
}

/** Throws where the audit of the tale is not green: then nothing that is told about it means anything. */
export async function control(stage: Stage, begins: Beginning): Promise<void> {
  const live = begins === 'from the start'
  const tell = (scene: Scene) => {
    if (live) scene.answer = honestAnswer(scene)
    return ''
  }
  const { result } = await audited(stage, { begins, tell })
  const [first] = redIn(result)
  if (result.verdict !== 'pass')
    throw new Error(
      `The pool itself does not pass the audit (told ${begins}): ${first?.id ?? result.verdict} ${first?.compared ?? ''}`,
    )
}

export async function tellLie(stage: Stage, lie: Lie): Promise<Outcome> {
  const started = performance.now()
  const { result, named } = await audited(stage, lie)
  const red = redIn(result)
  const telling = red.find(({ id, compared }) => id === lie.check && compared.includes(named))
  const problem =
    problemOf(lie, red) ?? (telling === undefined ? `${wordsOf(red)}: none names ${named}` : undefined)
  return {
    lie,
    caught: problem === undefined,
    message: problem ?? telling?.compared ?? '',
    red: [...new Set(red.map(({ id }) => id))],
    seconds: (performance.now() - started) / 1000,
  }
}

/** Why what went red is not what should have; undefined where it is. */
function problemOf({ check, also = [], inSmallPools = [] }: Lie, red: readonly Check[]): string | undefined {
  const missing = [check, ...also].filter((wanted) => red.every(({ id }) => id !== wanted))
  const others = red.filter(({ id }) => ![check, ...also, ...inSmallPools].includes(id))
  if (missing.length > 0) return `not red: ${missing.join(', ')}`
  return others.length > 0 ? `red besides: ${wordsOf(others)}` : undefined
}

function wordsOf(red: readonly Check[]): string {
  return red.map(({ id, compared }) => `${id} ${compared}`).join('; ')
}

async function audited(
  { scratch, pool, liar, tales }: Stage,
  lie: Pick<Lie, 'begins' | 'tell' | 'witness'>,
): Promise<{ result: AuditResult; named: string }> {
  const tale = structuredClone(tales[lie.begins])
  const policy = firstPolicy(tale)
  const scene: Scene = { tale, liar, pool, policy, edits: [], answer: null }
  const named = await lie.tell(scene)
  const told = await tell(tale, liar)
  const folder = await mkdtemp(join(scratch, 'lie-'))
  try {
    const published = await publishLog({
      pool,
      policy,
      entries: told.entries,
      signer: liar.key(policy.log.publicKey),
      witness: liar.witness,
      atSeconds: Math.floor((tale.at - PAUSE_MS / 20) / 1000),
      afterwards: lie.witness === 'remembers',
      folder,
    })
    told.record.checkpoints = published.kept
    for (const edit of scene.edits) await edit(told, folder)
    await showFiles(folder, told, tale.anchors, tale.silent)
    const result = await auditAs(folder, new Date(tale.at), scene.answer)
    return { result, named: typeof named === 'string' ? named : named(told) }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

function redIn({ basis, claims }: AuditResult): readonly Check[] {
  return [...basis.checks, ...claims.flatMap(({ checks }) => checks)].filter(
    ({ verdict }) => verdict === 'fail',
  )
}

/** The facts of a node's status, from what is stored and from the roles that run. Names of parties stay out of it. */
import { statfs } from 'node:fs/promises'
import { sql } from 'kysely'
import { decodeHex } from '#bytes'
import type { NodeContext } from '#node/core'
import { formatTime, type Status } from '#statements'
import { verifierKey, verifyCheckpoint } from '#tlog'
import { todoOf } from './todo.ts'

/** What other roles know. */
export interface StatusSources {
  readonly run: () => Promise<
    { readonly id: number; readonly stage: string; readonly failure: string | null } | undefined
  >
  readonly evidenceTakenAt: () => Date | null
  readonly models: () => readonly { readonly name: string }[]
  readonly calls: () => { readonly open: number; readonly places: number }
  readonly openPeriod: () => Promise<Status['usage']['open']>
  readonly closes: () => Promise<{ readonly closed: number; readonly unpaid: number }>
  readonly books: () => Promise<Status['books']>
  /** Undefined where nobody takes disputes. */
  readonly disputesOpen?: () => Promise<number>
  readonly version: string
}

export async function gatherStatus(context: NodeContext, sources: StatusSources): Promise<Status> {
  const { machine, policy } = context
  const facts: Omit<Status, 'todo'> = {
    format: 'fairweight/status/v1',
    at: formatTime(context.now()),
    simulated: machine.simulated,
    node: machine.node,
    term: machine.term,
    startedAt: machine.keyset.issuedAt,
    keysValidUntil: machine.keyset.notAfter,
    policy: {
      pool: policy.pool,
      digest: policy.digest,
      name: policy.predicate.name,
      version: policy.predicate.version,
    },
    evidence: {
      takenAt: timeOrNull(sources.evidenceTakenAt()),
      maxAgeSeconds: policy.predicate.trust.maxEvidenceAgeSeconds,
    },
    log: await logOf(context),
    run: await runOf(sources),
    serving: { models: sources.models().map(({ name }) => name), ...sources.calls() },
    usage: { open: await sources.openPeriod(), ...(await sources.closes()) },
    books: await sources.books(),
    freeDiskBytes: await freeBytes(context.folders.data),
    disputesOpen: (await sources.disputesOpen?.()) ?? null,
    versions: {
      fairweight: sources.version,
      node: process.versions.node,
      postgres: await postgresVersion(context),
    },
  }
  return { ...facts, todo: todoOf(facts) }
}

async function logOf({ database, policy }: NodeContext): Promise<Status['log']> {
  const { origin, publicKey, witnesses, quorum, maxCheckpointAgeSeconds } = policy.predicate.log
  const { pending } = await database
    .selectFrom('statements')
    .select(({ fn }) => fn.countAll<bigint>().as('pending'))
    .where('leaf_index', 'is', null)
    .executeTakeFirstOrThrow()
  const newest = await database
    .selectFrom('checkpoints')
    .selectAll()
    .orderBy('size', 'desc')
    .limit(1)
    .executeTakeFirst()
  // However many cosigned it: the quorum is what is asked for afterwards.
  const verified =
    newest === undefined
      ? undefined
      : await verifyCheckpoint(newest.note, {
          origin,
          logKey: verifierKey('ed25519', origin, decodeHex(publicKey)),
          witnesses: witnesses.map((one) => verifierKey('cosignature', one.name, decodeHex(one.publicKey))),
          quorum: 0,
        })
  return {
    pending: Number(pending),
    published: verified?.size ?? null,
    witnesses: witnesses.map(({ name }) => {
      const seen = verified?.cosignatures.find((one) => one.name === name)
      return { name, cosignedAt: seen === undefined ? null : formatTime(new Date(seen.atSeconds * 1000)) }
    }),
    quorum,
    maxAgeSeconds: maxCheckpointAgeSeconds,
  }
}

async function runOf({ run }: StatusSources): Promise<Status['run']> {
  const newest = await run()
  return newest === undefined ? null : { id: newest.id, stage: newest.stage, failed: newest.failure !== null }
}

function timeOrNull(time: Date | null): string | null {
  return time === null ? null : formatTime(time)
}

async function freeBytes(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder)
  return bavail * bsize
}

async function postgresVersion({ database }: NodeContext): Promise<string> {
  const { rows } = await sql<{ server_version: string }>`show server_version`.execute(database)
  return rows[0]?.server_version ?? 'unknown'
}

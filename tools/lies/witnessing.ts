/**
 * The log of a tale, on files, under a witness who follows its rules.
 *
 * A log that has grown from the finished pool's goes to the witness as it is. One that was told from the start goes to
 * the same witness as it would have been then, when it had seen nothing of this log: time is turned back, and nobody
 * colludes. Whoever tells another story afterwards meets the witness that remembers.
 */
import { cp, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { openLog, type FilesLog } from '#adapters/tlog-files'
import { decodeHex, equalBytes, type Bytes } from '#bytes'
import type { SigningKey } from '#seal'
import type { Policy } from '#statements'
import { noteSigner, verifierKey, verifyCheckpoint, type NoteSigner, type VerifierKey } from '#tlog'
import { openWitnessService } from '../../apps/witness/service.ts'
import type { FinishedPool } from './pool.ts'

export interface LogToTell {
  readonly pool: FinishedPool
  readonly policy: Policy
  readonly entries: readonly Bytes[]
  readonly signer: SigningKey
  readonly witness: NoteSigner
  /** When the newest checkpoint is made. */
  readonly atSeconds: number
  /** Whether the witness remembers the finished pool's log even where this one is another. */
  readonly afterwards: boolean
  /** A new folder; `log` in it is what is served. */
  readonly folder: string
}

export interface Published {
  /** The newest checkpoint, which the witness may have refused to cosign. */
  readonly checkpoint: string
  /** Cosigned ones, oldest first. */
  readonly kept: string[]
}

export async function publishLog(options: LogToTell): Promise<Published> {
  const { pool, policy, entries, folder } = options
  const { origin } = policy.log
  let now = new Date()
  const log = await openLog({
    directory: join(folder, 'log'),
    origin,
    signer: noteSigner(origin, options.signer),
    now: () => now,
  })
  const grown = isPrefix(pool.entries, entries)
  const directory = join(folder, 'witness')
  if (grown || options.afterwards) await cp(join(pool.folder, 'witness'), directory, { recursive: true })
  const cosigned = await witnessed(log, options, directory, (seconds) => (now = new Date(seconds * 1000)))
  try {
    const published = grown ? await growOn(log, options, cosigned) : await tellAgain(log, options, cosigned)
    await writeFile(join(folder, 'log/checkpoint'), published.checkpoint)
    return published
  } finally {
    await log.close()
  }
}

type Cosigned = (atSeconds: number) => Promise<string>

async function witnessed(
  log: FilesLog,
  { policy, witness }: LogToTell,
  directory: string,
  setClock: (seconds: number) => Date,
): Promise<Cosigned> {
  const { origin, publicKey } = policy.log
  let now = new Date()
  const handle = await openWitnessService({
    directory,
    witness: {
      signer: witness,
      logs: [{ origin, keys: [verifierKey('ed25519', origin, decodeHex(publicKey))] }],
    },
    now: () => now,
  })
  return async (atSeconds) => {
    now = setClock(atSeconds)
    const { checkpoint } = await log.publish({
      witnesses: [{ url: 'http://witness', key: keyOf(witness) }],
      fetch: async (...request) => handle(new Request(...request)),
    })
    return checkpoint
  }
}

/** The finished pool's log, and what was added to it. */
async function growOn(
  log: FilesLog,
  { pool, entries, atSeconds }: LogToTell,
  cosigned: Cosigned,
): Promise<Published> {
  const kept = [...pool.record.checkpoints]
  await log.append(entries)
  if (entries.length === pool.entries.length) return { checkpoint: pool.checkpoint, kept }
  const checkpoint = await cosigned(atSeconds)
  return { checkpoint, kept: [...kept, checkpoint] }
}

/** Another log, cosigned whenever the finished pool's was; or not at all by a witness that remembers. */
async function tellAgain(log: FilesLog, options: LogToTell, cosigned: Cosigned): Promise<Published> {
  const { entries, afterwards, atSeconds } = options
  if (afterwards) {
    await log.append(entries)
    return { checkpoint: await refused(log, () => cosigned(atSeconds)), kept: [] }
  }
  const kept: string[] = []
  for (const { size, atSeconds: then } of await momentsOf(options)) {
    if (Math.min(size, entries.length) <= log.size()) continue
    await log.append(entries.slice(log.size(), size))
    kept.push(await cosigned(then))
  }
  if (log.size() < entries.length) {
    await log.append(entries.slice(log.size()))
    kept.push(await cosigned(atSeconds))
  }
  return { checkpoint: kept.at(-1)!, kept }
}

/** The log's own signature is all that there is. */
async function refused(log: FilesLog, ask: () => Promise<string>): Promise<string> {
  const answer = await ask().catch(() => undefined)
  if (answer !== undefined) throw new Error('the witness has cosigned two logs of one origin')
  return log.checkpoint()
}

/** How much of the finished pool's log was cosigned when. */
export async function momentsOf({
  pool,
  policy: { log },
  witness,
}: Pick<LogToTell, 'pool' | 'policy' | 'witness'>): Promise<readonly { size: number; atSeconds: number }[]> {
  const logKey = verifierKey('ed25519', log.origin, decodeHex(log.publicKey))
  const named = { origin: log.origin, logKey, witnesses: [keyOf(witness)], quorum: 1 }
  const notes = [...new Set([...pool.record.checkpoints, pool.checkpoint])]
  return Promise.all(
    notes.map(async (note) => {
      const { size, cosignatures } = await verifyCheckpoint(note, named)
      return { size, atSeconds: cosignatures[0]!.atSeconds }
    }),
  )
}

function keyOf({ name, publicKey }: NoteSigner): VerifierKey {
  return verifierKey('cosignature', name, publicKey)
}

function isPrefix(of: readonly Bytes[], entries: readonly Bytes[]): boolean {
  return of.every((entry, at) => entries[at] !== undefined && equalBytes(entry, entries[at]))
}

/**
 * The log's checkpoints: signed by the policy's log, cosigned by enough witnesses, young enough, and every one
 * kept through time a prefix of what the log holds now.
 */
import { decodeHex, encodeHex } from '#bytes'
import type { HashTree } from '#merkle'
import type { Policy } from '#statements'
import { verifierKey, verifyCheckpoint, type VerifiedCheckpoint, type VerifierKey } from '#tlog'
import { messageOf, type CheckRun, type Findings } from './findings.ts'
import type { Dated } from './policies.ts'
import type { Pool } from './pool.ts'
import { formatSeconds } from './times.ts'

interface Witness {
  readonly name: string
  readonly publicKey: string
}

interface LogNamed {
  readonly origin: string
  readonly logKey: VerifierKey
}

/** Returns what enough of the policy's witnesses have cosigned, oldest first, the newest checkpoint last. */
export async function checkCheckpoints(
  pool: Pool,
  tree: HashTree,
  findings: Findings,
): Promise<readonly (Dated & { readonly witnesses: number })[]> {
  const signed = findings.check('c8.checkpoint', 'the checkpoint’s signature with the policy’s log key')
  const rooted = findings.check('c8.tree-root', 'the checkpoint’s size and root with those of the entries')
  const cosigned = findings.check(
    'c8.cosignatures',
    'the checkpoint’s cosignatures with the witnesses asked for',
  )
  const aged = findings.check('c8.checkpoint-age', 'the newest cosignatures with the age the policy allows')
  const kept = findings.check('c8.kept-checkpoints', 'each checkpoint kept through time with the log of now')
  const policy = pool.line.inForceAt(pool.at)?.predicate
  if (policy === undefined) {
    signed.unknown('no policy is in force that names the log')
    return []
  }
  const { origin, publicKey, witnesses, quorum } = policy.log
  const named = { origin, logKey: verifierKey('ed25519', origin, decodeHex(publicKey)) }
  const history = await checkKept(pool, tree, named, policy, kept)
  let size: number
  try {
    const newest = await verifyCheckpoint(pool.checkpoint, { ...named, witnesses: [], quorum: 0 })
    signed.pass()
    size = newest.size
    checkRoot(tree, newest, 'the checkpoint', rooted)
  } catch (error) {
    signed.fail(`the checkpoint does not verify under the log ${origin} of the policy: ${messageOf(error)}`)
    return history
  }
  if (quorum === 0) {
    cosigned.partial('the policy asks for no witness: whoever is shown another log would not find out')
  }
  const times = await cosignaturesOf(pool.checkpoint, named, witnesses, quorum, 'the policy', cosigned)
  const { anchors } = pool
  if (anchors !== undefined && anchors.witnesses.length > 0) {
    await cosignaturesOf(pool.checkpoint, named, anchors.witnesses, anchors.quorum, 'the anchors', cosigned)
  }
  checkAge(pool, policy, times, aged)
  const [oldest] = times
  return oldest === undefined ? history : [...history, { size, at: oldest, witnesses: times.length }]
}

function checkRoot(tree: HashTree, { size, root }: VerifiedCheckpoint, name: string, check: CheckRun): void {
  const computed = encodeHex(tree.root())
  check.demand(
    size === tree.size && encodeHex(root) === computed,
    () => `${name} is of ${size} leaves with root ${encodeHex(root)}; ${tree.size} entries make ${computed}`,
  )
}

/** The times of the cosignatures, oldest first. */
async function cosignaturesOf(
  note: string,
  log: LogNamed,
  named: readonly Witness[],
  quorum: number,
  whose: string,
  check: CheckRun,
): Promise<readonly number[]> {
  try {
    const times = await timesOf(note, log, named, quorum)
    for (const _ of times) check.pass()
    return times
  } catch (error) {
    check.fail(`of the witnesses that ${whose} name${whose.endsWith('s') ? '' : 's'}: ${messageOf(error)}`)
    return []
  }
}

async function timesOf(
  note: string,
  log: LogNamed,
  named: readonly Witness[],
  quorum: number,
): Promise<readonly number[]> {
  const witnesses = named.map((one) => verifierKey('cosignature', one.name, decodeHex(one.publicKey)))
  const { cosignatures } = await verifyCheckpoint(note, { ...log, witnesses, quorum })
  return cosignatures.map(({ atSeconds }) => atSeconds).sort((left, right) => left - right)
}

/** An old checkpoint shown for weeks hides what came after it. */
function checkAge(pool: Pool, policy: Policy, times: readonly number[], check: CheckRun): void {
  const { quorum, maxCheckpointAgeSeconds } = policy.log
  // As many witnesses as the policy asks for have seen it at this time or later.
  const seen = times.at(-quorum)
  if (quorum === 0 || seen === undefined) return
  const age = pool.at - seen
  if (age <= maxCheckpointAgeSeconds) check.pass()
  else if (pool.live) {
    check.fail(`the checkpoint was cosigned ${age} seconds ago; the policy allows ${maxCheckpointAgeSeconds}`)
  } else check.partial(`the folder shows the log as of ${formatSeconds(seen)}, and nothing later`)
}

async function checkKept(
  { record }: Pool,
  tree: HashTree,
  log: LogNamed,
  policy: Policy,
  check: CheckRun,
): Promise<readonly (Dated & { readonly witnesses: number })[]> {
  const history: (Dated & { witnesses: number })[] = []
  for (const [index, note] of record.checkpoints.entries()) {
    const name = `kept checkpoint ${index + 1}`
    try {
      const { size, root } = await verifyCheckpoint(note, { ...log, witnesses: [], quorum: 0 })
      if (size > tree.size) {
        check.fail(`${name} is of ${size} leaves, and the log holds ${tree.size}`)
        continue
      }
      const computed = encodeHex(tree.root(size))
      check.demand(
        encodeHex(root) === computed,
        () => `${name} has root ${encodeHex(root)}; the first ${size} leaves make ${computed}`,
      )
      // Witnesses change with the policy: a checkpoint of former ones is a prefix, and dates nothing.
      const times = await timesOf(note, log, policy.log.witnesses, 0).catch(() => [])
      const [oldest] = times
      if (oldest !== undefined && times.length >= policy.log.quorum) {
        history.push({ size, at: oldest, witnesses: times.length })
      }
    } catch (error) {
      check.fail(`${name}: ${messageOf(error)}`)
    }
  }
  return history
}

export function checkGrowth({ anchors }: Pool, tree: HashTree, findings: Findings): void {
  const check = findings.check('c8.consistent-with-anchor', 'the log with the checkpoint seen earlier')
  const earlier = anchors?.checkpoint ?? null
  if (earlier === null) return
  if (earlier.size > tree.size) {
    check.fail(`the log has ${tree.size} leaves and had ${earlier.size} when the anchors were made`)
    return
  }
  const root = encodeHex(tree.root(earlier.size))
  check.demand(
    root === earlier.root,
    () => `the first ${earlier.size} leaves make ${root}; the anchors saw ${earlier.root}`,
  )
}

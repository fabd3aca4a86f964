/**
 * C8: every statement is in the append-only log, under a checkpoint cosigned by the policy's witnesses.
 *
 * The root is computed from all entries, so inclusion and growth need no proofs here. Cosignatures are what
 * keeps a log from showing two people two trees.
 */
import { HashTree } from '#merkle'
import { logLeafOf } from '#statements'
import { checkCheckpoints, checkGrowth } from './checkpoints.ts'
import type { OpenedContribution } from './contributions.ts'
import { Findings } from './findings.ts'
import { kinds, type Logged } from './open.ts'
import type { Dated } from './policies.ts'
import { plural, type Draft, type Pool } from './pool.ts'

/** Also returns what witnesses have dated, which bounds when a policy was published. */
export async function c8(pool: Pool): Promise<Draft & { readonly cosigned: readonly Dated[] }> {
  const findings = new Findings()
  const tree = HashTree.of(pool.entries)
  const cosigned = await checkCheckpoints(pool, tree, findings)
  checkTypes(pool, findings)
  checkStatements(pool, findings)
  checkPublished(pool, findings)
  checkTombstones(pool, findings)
  checkGrowth(pool, tree, findings)
  const { statements, tombstones } = pool.record
  const witnesses = cosigned.at(-1)?.witnesses ?? 0
  const erased = tombstones.length === 0 ? '' : `, ${plural(tombstones.length, 'tombstone')} among its leaves`
  const summary = `${plural(statements.length, 'statement')} found in a log of ${plural(pool.entries.length, 'leaf', 'leaves')} that ${plural(witnesses, 'witness', 'witnesses')} cosigned${erased}`
  return { findings, summary, restsOn: [], cosigned }
}

function checkTypes({ leaves, record }: Pool, findings: Findings): void {
  const check = findings.check('c8.leaf-type', 'each entry of the log with the form of a leaf and its type')
  const published = new Map(record.statements.map(({ leafIndex, kind }) => [leafIndex, kind]))
  for (const [index, leaf] of leaves.entries()) {
    const kind = published.get(index)
    if (leaf === undefined) check.fail(`entry ${index} of the log is not a leaf of a known type`)
    else if (kind !== undefined && kind !== leaf.type) {
      check.fail(`leaf ${index} has the type ${leaf.type}, and a ${kind} is published for it`)
    } else check.pass()
  }
}

function checkStatements({ opened, leaves }: Pool, findings: Findings): void {
  const check = findings.check('c8.statement-logged', 'each statement’s salted digest with its leaf')
  const statements: readonly Logged<unknown>[] = Object.values(opened).flat()
  for (const { name, kind, digest, salt, leafIndex } of statements) {
    if (leafIndex >= leaves.length) {
      check.fail(`${name} is beyond the log’s ${leaves.length} leaves`)
      continue
    }
    const leaf = leaves[leafIndex]
    // A leaf of another type is told by c8.leaf-type.
    if (leaf?.type !== kind) continue
    const expected = logLeafOf(leaf.type, digest, salt).digest
    check.demand(
      leaf.digest === expected,
      () => `${name} makes the leaf ${expected}, and the log holds ${leaf.digest}`,
    )
  }
}

/** Nothing public was logged and then kept back; what only parties see is counted. */
function checkPublished({ leaves, record }: Pool, findings: Findings): void {
  const check = findings.check('c8.leaf-published', 'each leaf of a public kind with a published statement')
  const published = new Set([...record.statements, ...record.tombstones].map(({ leafIndex }) => leafIndex))
  for (const [index, leaf] of leaves.entries()) {
    if (leaf === undefined || kinds[leaf.type].visibility !== 'public') continue
    check.demand(
      published.has(index),
      () => `leaf ${index} is of a ${leaf.type}, which is public, and none is published`,
    )
  }
}

function checkTombstones({ leaves, record, contributions }: Pool, findings: Findings): void {
  const check = findings.check('c8.tombstones', 'each tombstone with a leaf of a kind that may be erased')
  const alive = new Map(contributions.flatMap(aliveIn))
  const seen = new Set(record.statements.map(({ leafIndex }) => leafIndex))
  for (const { leafIndex, kind } of record.tombstones) {
    const leaf = leaves[leafIndex]
    if (leaf?.type !== kind) check.fail(`the tombstone at leaf ${leafIndex} is of a ${kind}, the leaf is not`)
    else if (kinds[kind].visibility === 'public') {
      check.fail(`the tombstone at leaf ${leafIndex} erases a ${kind}, which is public and must stay`)
    } else if (alive.has(leafIndex)) {
      check.fail(
        `the tombstone at leaf ${leafIndex} hides ${alive.get(leafIndex)}, which nobody has withdrawn`,
      )
    } else if (seen.has(leafIndex)) check.fail(`leaf ${leafIndex} has a tombstone and something beside it`)
    else check.pass()
    seen.add(leafIndex)
  }
}

/** Who gave a bundle and has not withdrawn it holds statements that are in use: no tombstone stands for them. */
function aliveIn({ name, record, withdrawals }: OpenedContribution): [leafIndex: number, what: string][] {
  if (withdrawals.length > 0) return []
  return [
    [record.offer.leafIndex, `the offer in ${name}`],
    [record.receipt.leafIndex, `the contribution-receipt in ${name}`],
  ]
}

/**
 * A whole pool for tests: real keys, real statements, real trees, evidence by the simulator.
 *
 * Honest unless a lie is given, and then wrong in that one thing only: everything after it is built on it.
 */
import {
  encodeLogLeaf,
  evidence,
  logLeafOf,
  policy,
  payoutLeafDigest,
  shareLeafDigest,
  signStatement,
  tokensLeafDigest,
  type ContributionRecord,
  type PublicRecord,
} from '#statements'
import type { AuditInput } from '../input.ts'
import {
  attribute,
  compose,
  contribute,
  manifestTreesOf,
  recordOf,
  sumProven,
  train,
  withdraw,
  type Bundle,
  type Stage,
} from './bundles.ts'
import { hexOf, keyOf } from './keys.ts'
import { edited, type Files, type Lie, type StatementName } from './lie.ts'
import { checkpointOf, TestLog, WITNESSES } from './log.ts'
import { evidenceOf, NODE, simulator } from './machine.ts'
import { CALLS, close, makeCall, payOut, type Paid } from './money.ts'
import { people } from './people.ts'
import { firstPolicy, ingredientsOf } from './policy.ts'
import { rememberedVerification } from './verify.ts'

export const AT = new Date('2026-11-20T13:30:00Z')
export const NONCE = hexOf('the auditor’s nonce')

export async function buildPool(lie: Lie = {}): Promise<Files> {
  const log = new TestLog()
  const signer = async (name: StatementName, usual: string) => keyOf(lie.sign?.[name] ?? usual)
  const add = log.add.bind(log)
  const policy1 = await add(
    policy,
    edited(lie, 'policy1', await firstPolicy()),
    await signer('policy1', 'operator'),
  )
  const pool = policy1.digest
  const stage: Stage = { lie, log, pool, policy: policy1, signer }
  const [early, late] = ['2026-11-20T11:05:00Z', '2026-11-20T12:10:00Z']
  const machine1 = await evidenceOf(pool, 1, early, early, lie.machine1)
  const evidence1 = await add(evidence, edited(lie, 'evidence1', machine1), await signer('evidence1', 'log'))
  const keptCheckpoint = await checkpointOf(log.entries, '2026-11-20T11:06:00Z')

  const first = await contribute(stage, 1, 'alice', { term: 1, sequence: 1 }, 10, '2026-11-20T11:10:00Z')
  const second = await contribute(stage, 2, 'bob', { term: 1, sequence: 2 }, 8, '2026-11-20T11:11:00Z')
  const third = await contribute(stage, 3, 'bob', { term: 1, sequence: 3 }, 2, '2026-11-20T11:12:00Z')
  // An offer that was erased later: its leaf stays.
  const erased = log.entries.push(encodeLogLeaf(logLeafOf('offer', hexOf('erased'), hexOf('gone')))) - 1
  const manifest1 = await compose(stage, 1, [first, second, third], null, '2026-11-20T11:20:00Z')
  const trained = await train(stage, manifest1, evidence1.digest)
  const shares = await attribute(stage, manifest1, trained)

  const { training } = trained
  const model = { digest: training.predicate.model.digest, training: training.digest }
  const calls = await Promise.all(CALLS.map((plan) => makeCall(stage, plan, model)))
  const range = (term: number, from: number, last: number, final: boolean) => ({
    node: NODE,
    term,
    first: from,
    last,
    final,
  })
  const close1 = await close(stage, 1, calls.slice(0, 3), [range(1, 1, 3, false)], null, {
    from: '2026-11-20T11:00:00Z',
    closedAt: '2026-11-20T12:00:00Z',
  })
  const payout1 = await payOut(stage, 1, close1, shares.statement.digest, undefined)

  const machine2 = await evidenceOf(pool, 2, late, late, lie.machine2)
  await add(evidence, edited(lie, 'evidence2', machine2), await signer('evidence2', 'log'))
  const fourth = await contribute(stage, 4, 'alice', { term: 2, sequence: 1 }, 5, '2026-11-20T12:20:00Z')
  const asked = lie.people && (await people(stage, lie.people, payout1))
  const seenCheckpoint = asked && (await checkpointOf(log.entries, '2026-11-20T12:33:00Z'))
  const close2 = await close(
    stage,
    2,
    calls.slice(3, 5),
    [range(1, 4, 3, true), range(2, 1, 2, false)],
    close1.statement.digest,
    { from: '2026-11-20T12:00:00Z', closedAt: '2026-11-20T13:00:00Z' },
  )
  const payout2 = await payOut(stage, 2, close2, shares.statement.digest, payout1, asked?.payee)
  await withdraw(stage, third)
  const bundles = [first, second, third, fourth]
  const manifest2 = await compose(stage, 2, bundles, manifest1.statement.digest, '2026-11-20T13:10:00Z')
  const policy2 = {
    ...policy1.predicate,
    version: 2,
    genesis: pool,
    previous: pool,
    issuedAt: '2026-11-20T13:15:00Z',
    effectiveAt: '2026-11-20T14:15:00Z',
  }
  await add(policy, edited(lie, 'policy2', policy2), await signer('policy2', 'operator'))

  const { base, tokenizer } = ingredientsOf(policy1.predicate)
  const record: PublicRecord = {
    format: 'fairweight/record/v1',
    pool,
    statements: log.statements as PublicRecord['statements'],
    tombstones: [{ leafIndex: erased, kind: 'offer', erasedAt: '2026-11-20T13:00:00Z' }],
    manifestTrees: manifestTreesOf([manifest1, manifest2]),
    usageLeaves: {
      [close1.statement.digest]: [...close1.leaves],
      [close2.statement.digest]: [...close2.leaves],
    },
    serving: [
      { model: 'meadow', serves: 'trained', digest: model.digest, base, tokenizer },
      { model: 'meadow-base', serves: 'base', digest: base, base, tokenizer },
    ],
    checkpoints: [keptCheckpoint, ...(seenCheckpoint === undefined ? [] : [seenCheckpoint])],
    openPeriod: { period: 3, closesBy: '2026-11-20T14:00:00Z' },
  }
  const sums = (bundle: Bundle, payouts: readonly Paid[]) => {
    const tokens = trained.tokens.leaves.get(bundle.number)
    const share = shares.leaves.get(bundle.who)
    return {
      tokens:
        tokens === undefined
          ? []
          : [sumProven(training.digest, tokens, tokensLeafDigest(tokens), trained.tokens.tree)],
      shares:
        share === undefined || payouts.length === 0
          ? []
          : [sumProven(shares.statement.digest, share, shareLeafDigest(share), shares.tree)],
      payouts: payouts.map(({ statement, leaves, tree }) => {
        const leaf = leaves.get(bundle.who)!
        return sumProven(statement.digest, leaf, payoutLeafDigest(leaf), tree)
      }),
    } satisfies Partial<ContributionRecord>
  }
  const manifests = [manifest1, manifest2]
  const files: Files = {
    record,
    entries: log.entries,
    checkpoint: await checkpointOf(log.entries, '2026-11-20T13:29:00Z'),
    anchors: await anchorsOf(pool, log),
    contributions: bundles.map((bundle) => ({
      ...recordOf(
        bundle,
        manifests,
        sums(bundle, bundle === first || bundle === second ? [payout1, payout2] : []),
      ),
      ...(bundle === second ? asked?.ofBob : {}),
      ...(bundle === first ? asked?.ofAlice : {}),
    })),
    calls: calls.slice(0, 5).map((call) => call.record),
    openCall: calls[5]!.record,
    fresh: await freshOf(pool),
    at: AT,
  }
  return { ...files, ...(await lie.files?.(files)) }
}

async function anchorsOf(pool: string, log: TestLog): Promise<Record<string, unknown>> {
  const { trustedRoots } = await simulator()
  const seen = 5
  return {
    format: 'fairweight/anchors/v1',
    policy: pool,
    operator: (await keyOf('operator')).publicKey,
    witnesses: await Promise.all(
      WITNESSES.map(async (name) => ({ name, publicKey: (await keyOf(name)).publicKey })),
    ),
    quorum: 2,
    simulatedRoots: trustedRoots.map(({ fingerprint }) => fingerprint),
    checkpoint: { size: seen, root: log.root(seen) },
  }
}

/** What the live machine answers to the auditor: evidence of term 2 over the auditor's nonce. */
export async function freshOf(
  pool: string,
  { nonce = NONCE, term = 2 } = {},
): Promise<NonNullable<Files['fresh']>> {
  const taken = await evidenceOf(pool, term, '2026-11-20T12:10:00Z', '2026-11-20T13:29:30Z', { nonce })
  const { envelope } = await signStatement(evidence, taken, await keyOf('log'))
  return { nonce: NONCE, evidence: envelope }
}

export function inputOf(files: Files): AuditInput {
  const { record, entries, checkpoint, anchors, contributions, calls, fresh, at } = files
  return {
    record,
    log: { checkpoint, entries },
    ...(fresh && { fresh }),
    ...(anchors && { anchors }),
    contributions,
    calls,
    at,
    verifyEvidence: rememberedVerification,
  }
}

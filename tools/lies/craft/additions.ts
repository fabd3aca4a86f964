/** What a lie adds to a pool: statements, terms, policies, calls; each honest but for what the lie says. */
import { randomBytes } from 'node:crypto'
import type { Machine } from '#node/core'
import {
  policy,
  evidence,
  eventOf,
  formatTime,
  keysInRole,
  priceDigest,
  type NodeEvidence,
  type Policy,
  type ServingReceipt,
  type StatementKind,
  type UsageLeaf,
  type KindName,
} from '#statements'
import type { Scene } from '../scene.ts'
import { linesOf, newest, type Line, type Tale, type TaleCall } from '../tale.ts'

/** A made-up digest: a name for what the tale adds, or something that is not there. */
export function madeUp(): string {
  return randomBytes(32).toString('hex')
}

/** One more statement at the end of the log. */
export function append<P>(tale: Tale, { kind }: StatementKind<P>, predicate: P, signer: string): Line<P> {
  const line: Line<P> = {
    id: madeUp(),
    kind: kind as KindName,
    predicate,
    salt: madeUp(),
    signer,
    leafKind: kind as KindName,
    logged: true,
    was: null,
  }
  tale.lines.push(line)
  return line
}

/** The next term of the newest evidence's node, with its evidence at the end of the log. */
export async function nextTerm(
  { tale, liar }: Scene,
  startedAt: Date,
  lie: {
    readonly platform?: Parameters<Scene['liar']['startTerm']>[0]['platform']
    readonly edit?: (honest: NodeEvidence) => NodeEvidence | Promise<NodeEvidence>
  } = {},
): Promise<{ machine: Machine; line: Line<NodeEvidence> }> {
  const { node, term } = newest(tale, evidence).predicate
  const machine = await liar.startTerm({
    node,
    term: term + 1,
    startedAt,
    ...(lie.platform && { platform: lie.platform }),
  })
  const honest = await liar.evidence(machine, madeUp(), startedAt)
  const shown = (await lie.edit?.(honest)) ?? honest
  const line = append(tale, evidence, shown, machine.key('log').publicKey)
  return { machine, line }
}

/** A minute before the audit, or so many before. */
export function minutesBefore({ at }: Tale, minutes: number): Date {
  return new Date(at - minutes * 60_000)
}

/** The operator's next policy, at the end of the log. */
export function announcePolicy(
  scene: Scene,
  edit: (before: Policy) => Partial<Policy>,
  issuedAt: Date,
): Line<Policy> {
  const { tale, liar } = scene
  const versions = linesOf(tale.lines, policy)
  const before = versions.at(-1)!
  const effectiveAt = new Date(issuedAt.getTime() + (before.predicate.noticeSeconds + 3600) * 1000)
  return append(
    tale,
    policy,
    {
      ...before.predicate,
      version: before.predicate.version + 1,
      genesis: versions[0]!.id,
      previous: before.id,
      issuedAt: formatTime(issuedAt),
      effectiveAt: formatTime(effectiveAt),
      ...edit(before.predicate),
    },
    liar.operator.publicKey,
  )
}

export interface MadeCall {
  readonly machine: Pick<Machine, 'node' | 'term' | 'keyset' | 'aciKeyset'>
  readonly sequence: number
  readonly at: Date
  /** Id of the policy that prices it. */
  readonly policy: string
}

/** One more call, like an earlier one: same buyer, same model, same bytes. */
export function makeCall(
  { tale, policy: agreed }: Scene,
  like: TaleCall,
  made: MadeCall,
): { call: TaleCall; leaf: UsageLeaf } {
  const { machine, sequence, at } = made
  const { receipt, request, response } = like.record
  const id = madeUp()
  const usage = eventOf(receipt, 'usage.metered')!
  const closesBy = formatTime(new Date(at.getTime() + agreed.usagePeriodSeconds * 1000))
  const document: ServingReceipt = {
    ...receipt,
    receipt_id: `rcpt-${id.slice(0, 32)}`,
    chat_id: `chatcmpl-${id.slice(0, 32)}`,
    workload_keyset_digest: machine.keyset.aci,
    served_at: Math.floor(at.getTime() / 1000),
    event_log: receipt.event_log.map((one) =>
      one.type === 'usage.metered'
        ? {
            ...one,
            node: machine.node,
            term: machine.term,
            sequence,
            policy: made.policy,
            price_digest: priceDigest(agreed, receipt.model ?? '') ?? usage.price_digest,
            closes_by: closesBy,
          }
        : one,
    ),
  }
  const call: TaleCall = {
    id,
    file: like.file.replace(/[^/]+$/, `made-${id.slice(0, 8)}.json`),
    record: { format: 'fairweight/call-record/v1', receipt: document, request, response },
    signer: keysInRole(machine.keyset, 'serve')[0]!,
    was: null,
  }
  tale.calls.push(call)
  const weights = eventOf(receipt, 'weights.loaded')!
  const leaf: UsageLeaf = {
    node: machine.node,
    term: machine.term,
    sequence,
    model: weights.model_digest ?? weights.base_digest,
    serves: weights.serves,
    amount: usage.amount,
    receipt: id,
  }
  return { call, leaf }
}

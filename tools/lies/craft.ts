/** What several lies need: people to lie about, and honest consequences of a dishonest change. */
import { randomBytes } from 'node:crypto'
import { payoutParts } from '#attribution'
import type { Machine } from '#node/core'
import {
  attribution,
  destinationOf,
  evidence,
  eventOf,
  formatTime,
  keysInRole,
  payout,
  policy,
  priceDigest,
  trainingReceipt,
  usageClose,
  type KindName,
  type NodeEvidence,
  type Payout,
  type Policy,
  type ServingReceipt,
  type StatementKind,
  type UsageClose,
  type UsageLeaf,
} from '#statements'
import type { Scene } from './scene.ts'
import { linesOf, newest, type Line, type Tale, type TaleCall, type TaleContribution } from './tale.ts'

/** A made-up digest: a name for what the tale adds, or something that is not there. */
export function madeUp(): string {
  return randomBytes(32).toString('hex')
}

/** Contributions that were trained on, in the order in which they were taken in: the first two, and more. */
export function trainedOn(tale: Tale): readonly [TaleContribution, TaleContribution, ...TaleContribution[]] {
  const leaves = tale.leaves.tokens[newest(tale, trainingReceipt).id] ?? []
  const [first, second, ...more] = tale.contributions
    .filter(({ key }) => leaves.some((leaf) => leaf.key === key && leaf.tokens > 0))
    .sort((one, other) => one.record.receipt.leafIndex - other.record.receipt.leafIndex)
  if (first === undefined || second === undefined)
    throw new Error('fewer than two contributors of this pool were trained on')
  return [first, second, ...more]
}

/** Who earns most, and somebody else. */
export function bestPaid(tale: Tale): readonly [TaleContribution, TaleContribution] {
  const shares = tale.leaves.shares[newest(tale, attribution).id] ?? []
  const shareOf = (one: TaleContribution) =>
    shares.find(({ contributor }) => contributor === one.contributor)?.share ?? 0
  const [most, other] = [...trainedOn(tale)].sort((one, another) => shareOf(another) - shareOf(one))
  return [most!, other!]
}

const WHOLE: readonly string[] = ['complete', 'length']

/** Calls of a trained model that were answered whole and in one piece, oldest first. */
export function plainCalls({ calls }: Tale): readonly TaleCall[] {
  return calls
    .filter(({ record }) => {
      const ended = eventOf(record.receipt, 'response.ended')
      const trained = eventOf(record.receipt, 'weights.loaded')?.serves === 'trained'
      return (
        trained &&
        ended !== undefined &&
        WHOLE.includes(ended.how) &&
        ended.marks === 0 &&
        record.response !== null
      )
    })
    .sort((one, other) => sequenceOf(one) - sequenceOf(other))
}

export function sequenceOf({ record }: TaleCall): number {
  return eventOf(record.receipt, 'usage.metered')?.sequence ?? 0
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

/** Where a line stands in the log, or would. */
export function leafIndexOf<P>({ lines }: Tale, line: Line<P>): number {
  return lines.slice(0, lines.indexOf(line as Line)).filter(({ logged }) => logged).length
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

/** A close's counts, by the leaves that the tale gives it. */
export function recount(tale: Tale, line: Line<UsageClose>): void {
  const leaves = tale.leaves.usage[line.id] ?? []
  const models = Map.groupBy(leaves, ({ model, serves }) => `${model} ${serves}`)
  line.predicate.calls = leaves.length
  line.predicate.models = [...models.entries()]
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([, of]) => ({
      model: of[0]!.model,
      serves: of[0]!.serves,
      calls: of.length,
      promptTokens: tokensOf(tale, of, 'prompt_tokens'),
      completionTokens: tokensOf(tale, of, 'completion_tokens'),
      amount: String(of.reduce((sum, { amount }) => sum + BigInt(amount), 0n)),
    }))
}

function tokensOf(
  { calls }: Tale,
  leaves: readonly UsageLeaf[],
  field: 'prompt_tokens' | 'completion_tokens',
): number {
  const receipts = leaves.flatMap(({ receipt }) => calls.filter(({ id }) => id === receipt))
  return receipts.reduce(
    (sum, { record }) => sum + (eventOf(record.receipt, 'usage.metered')?.[field] ?? 0),
    0,
  )
}

/** Everything that a payout says, honestly, from its close and the shares that the tale gives. */
export function restate(scene: Scene, line: Line<Payout>): void {
  const { tale, policy: agreed } = scene
  const { usageClose: closed, previous, models, statedAt } = line.predicate
  const close = linesOf(tale.lines, usageClose).find(({ id }) => id === closed)!
  const paidBefore = linesOf(tale.lines, payout).find(({ id }) => id === previous)
  const given = tale.leaves.payouts[line.id] ?? []
  const saltOf = new Map(given.map(({ payee, salt }) => [payee, salt]))
  const { predicate, leaves } = payoutParts(
    {
      close: { digest: closed, predicate: close.predicate },
      split: line.predicate.split,
      operator: agreed.operator.publicKey,
      attributions: new Map(
        models.flatMap(({ model, attribution }) =>
          attribution === null
            ? []
            : [[model, { digest: attribution, shares: tale.leaves.shares[attribution] ?? [] }] as const],
        ),
      ),
      previous:
        paidBefore === undefined
          ? null
          : {
              digest: paidBefore.id,
              carryOut: BigInt(paidBefore.predicate.carryOut),
              leaves: tale.leaves.payouts[paidBefore.id] ?? [],
            },
      payees: new Map(),
      statedAt: new Date(statedAt),
    },
    { salt: (payee) => saltOf.get(payee) ?? madeUp(), orderKey: randomBytes(32) },
  )
  line.predicate = predicate
  tale.leaves.payouts[line.id] = leaves.map(({ leaf }) => ({
    ...leaf,
    destination: destinationFor(scene, leaf.payee, leaf.salt),
  }))
}

// The example's contributors wait for their own instruction; whoever gave another payee keeps its leaf's destination.
function destinationFor({ tale, policy: agreed }: Scene, payee: string, salt: string): string | null {
  if (payee === agreed.operator.publicKey) return null
  const kept = Object.values(tale.leaves.payouts)
    .flat()
    .find((leaf) => leaf.payee === payee && leaf.salt === salt)
  return kept?.destination ?? destinationOf({ kind: 'statement' }, salt)
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

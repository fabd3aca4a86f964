/**
 * `fairweight payee`: where this contributor's money goes; changing it, by the own or the recovery key; objecting.
 *
 * A change is written down, signed, before it is sent: running the same command again sends the same change, which
 * the node takes once. What was taken is kept with its receipt and log proofs.
 */
import { digestOf } from '#bytes'
import { openPayeeReceipt } from '#contributing'
import type { Envelope, SigningKey } from '#seal'
import {
  contributionReceipt,
  formatTime,
  openStatement,
  payeeCancellation,
  payeeChange,
  signStatement,
  standingOf,
  waitsUntil,
  type Payee,
  type PayeeCancellation,
  type PayeeChange,
  type PayeeReceipt,
  type Statement,
} from '#statements'
import { ContributeError } from './errors.ts'
import { readPayee } from './inputs.ts'
import { openLogOf, proveLogged } from './log-proof.ts'
import { readOtherKey, makeOtherKey } from './other-key.ts'
import {
  describePayee,
  payeeNow,
  sayWaiting,
  viewPayee,
  type KeptPayeeStatement,
  type PayeeNow,
  type PayeeView,
} from './payee-view.ts'
import type { ContributePorts } from './ports.ts'
import { openSession, type Session, type SessionOptions } from './session.ts'

export interface PayeeOptions extends SessionOptions {
  /** The contributor's public key, where its own is lost. */
  readonly contributor?: string
  /** The file of the recovery key. */
  readonly withRecovery?: string
}

export interface ChangeOptions extends PayeeOptions {
  readonly to: string
  readonly fromPeriod?: string
  readonly newRecovery?: string
  /** False for `--no-recovery`. */
  readonly recovery?: boolean
  readonly yes?: boolean
}

export interface CancelOptions extends PayeeOptions {
  readonly change?: string
  readonly yes?: boolean
}

type Ports = ContributePorts & { readonly tell: (text: string) => void }

export interface Shown {
  readonly contributor: string
  readonly payee: Payee | null
  readonly by: PayeeNow['by']
  readonly recovery: string | null
  readonly nextPeriod: number
  readonly waiting: { readonly change: string; readonly payee: Payee; readonly until: string } | null
  readonly later: { readonly change: string; readonly payee: Payee; readonly fromPeriod: number } | null
  readonly simulated: boolean
}

export async function showPayee(options: PayeeOptions, ports: Ports): Promise<Shown> {
  const { session, view } = await open(options, ports)
  const now = await payeeNow(session, view, ports.now())
  sayWaiting(now, ports)
  ports.tell(describe(view, now))
  return shownOf(session, view, now)
}

export interface Changed {
  readonly change: string
  readonly payee: Payee
  readonly fromPeriod: number
  /** From when on a payout may follow it. */
  readonly waitsUntil: string
  readonly recovery: string | null
  readonly simulated: boolean
}

export async function changePayee(options: ChangeOptions, ports: Ports): Promise<Changed> {
  const payee = readPayee(options.to)
  const { session, view, key } = await open(options, ports)
  const pending = await pendingFor(session, view, payee)
  const change = pending ?? (await makeChange(session, view, key, payee, options, ports))
  const receipt = await carryOut(session, change, ports)
  const { predicate } = change
  const until = receipt.waitsUntil ?? receipt.receivedAt
  ports.tell(
    until > receipt.receivedAt
      ? `Taken. Your money goes to ${describePayee(payee)} from the first payout after ${until} on, unless somebody with your own key cancels it.`
      : `Done. Your money goes to ${describePayee(payee)} from the payout of period ${predicate.fromPeriod} on.`,
  )
  return {
    change: change.digest,
    payee,
    fromPeriod: predicate.fromPeriod,
    waitsUntil: until,
    recovery: predicate.recovery,
    simulated: session.trusted.simulated,
  }
}

export interface Cancelled {
  readonly change: string
  readonly cancelledAt: string
  readonly simulated: boolean
}

export async function cancelPayee(options: CancelOptions, ports: Ports): Promise<Cancelled> {
  const { session, view, key } = await open(options, ports)
  const { simulated } = session.trusted
  const wanted = options.change
  const link =
    wanted === undefined
      ? (await payeeNow(session, view, ports.now())).waiting
      : view.links.find(({ change }) => change.digest === wanted)
  if (link === undefined)
    throw new ContributeError(2, 'No change of your payee waits: there is nothing to cancel.')
  const { change } = link
  if (link.cancelledAt !== null) {
    ports.tell(`That change was cancelled at ${link.cancelledAt}.`)
    return { change: change.digest, cancelledAt: link.cancelledAt, simulated }
  }
  ports.say(`The change to ${describePayee(change.predicate.payee)} will be cancelled.`)
  await assertAgreed(options.yes === true, 'Cancel it?', ports)
  const said: PayeeCancellation = {
    pool: session.trusted.pool,
    policy: session.trusted.policy.digest,
    contributor: view.contributor,
    change: change.digest,
    issuedAt: formatTime(ports.now()),
  }
  const statement = await signStatement(payeeCancellation, said, key)
  const answer = await session.node.post<Answer>('/v1/payee-cancellations', statement.envelope)
  const { receivedAt } = await keep(session, 'payee-cancellation', statement, change.digest, answer, ports)
  ports.tell('Cancelled. Your money goes where it went before.')
  return { change: change.digest, cancelledAt: receivedAt, simulated }
}

async function open(
  options: PayeeOptions,
  ports: ContributePorts,
): Promise<{ session: Session; view: PayeeView; key: SigningKey }> {
  const session = await openSession(options, ports)
  const key =
    options.withRecovery === undefined
      ? await session.home.key(ports.random)
      : await readOtherKey(options.withRecovery)
  const contributor = options.contributor ?? (await contributorOf(session, options, key))
  if (!/^[0-9a-f]{64}$/.test(contributor))
    throw new ContributeError(2, 'Give --contributor as a public key: 64 hexadecimal digits.')
  return { session, view: await viewPayee(session, contributor, key), key }
}

async function contributorOf({ kept }: Session, options: PayeeOptions, key: SigningKey): Promise<string> {
  if (options.withRecovery === undefined) return key.publicKey
  const newest = kept.at(-1)
  if (newest === undefined)
    throw new ContributeError(
      2,
      'Say whose payee it is: --contributor PUBLIC-KEY. This home holds no contribution.',
    )
  return (await openStatement(contributionReceipt, newest.receipt.envelope)).predicate.contributor
}

interface PendingPayee {
  readonly format: 'fairweight/pending-payee-change/v1'
  readonly contributor: string
  readonly change: Envelope
}

const pendingName = (pool: string) => `payee-pending/${pool}.json`
const keptName = (digest: string) => `payee/${digest}.json`

/** What an earlier run has signed for the same payee; undefined where there is nothing to go on with. */
async function pendingFor(
  { home, trusted }: Session,
  { contributor, links }: PayeeView,
  payee: Payee,
): Promise<Statement<PayeeChange> | undefined> {
  const pending = await home.readJson<PendingPayee>(pendingName(trusted.pool))
  if (pending === undefined || pending.contributor !== contributor) return undefined
  const change = await openStatement(payeeChange, pending.change)
  const newest = standingOf(links).at(-1)?.change.digest ?? null
  // Taken already, and only the answer was lost; or still to be sent. In any other case it can no longer be taken.
  const stands = newest === change.digest || newest === change.predicate.previous
  return stands && digestOf(change.predicate.payee) === digestOf(payee) ? change : undefined
}

async function makeChange(
  session: Session,
  view: PayeeView,
  key: SigningKey,
  payee: Payee,
  options: ChangeOptions,
  ports: ContributePorts,
): Promise<Statement<PayeeChange>> {
  const { trusted, home } = session
  const now = await payeeNow(session, view, ports.now())
  if (now.waiting !== undefined) {
    sayWaiting(now, ports)
    throw new ContributeError(
      1,
      'Nothing was sent. A change waits: cancel it first, or let it come into force.',
    )
  }
  const fromPeriod = readPeriod(options.fromPeriod) ?? view.nextPeriod
  const recovery = await recoveryFor(options, now, ports)
  const own = key.publicKey === view.contributor
  ports.say(`Now your money goes to: ${describePayee(now.payee)}.`)
  ports.say(`From the payout of period ${fromPeriod} on it will go to: ${describePayee(payee)}.`)
  if (!own) {
    const days = trusted.policy.predicate.payees.recoverySeconds / 86_400
    ports.say(`By the recovery key it waits ${days.toFixed(1)} days, in which the own key can cancel it.`)
  }
  ports.say(recovery === null ? 'There will be no recovery key.' : `The recovery key will be ${recovery}.`)
  await assertAgreed(options.yes === true, 'Change it?', ports)
  const said: PayeeChange = {
    pool: trusted.pool,
    policy: trusted.policy.digest,
    contributor: view.contributor,
    previous: standingOf(view.links).at(-1)?.change.digest ?? null,
    payee,
    recovery,
    fromPeriod,
    nonce: Buffer.from(ports.random(32)).toString('hex'),
    issuedAt: formatTime(ports.now()),
  }
  const change = await signStatement(payeeChange, said, key)
  const pending: PendingPayee = {
    format: 'fairweight/pending-payee-change/v1',
    contributor: view.contributor,
    change: change.envelope,
  }
  await home.writeJson(pendingName(trusted.pool), pending)
  return change
}

async function recoveryFor(
  options: ChangeOptions,
  now: PayeeNow,
  ports: ContributePorts,
): Promise<string | null> {
  if (options.newRecovery !== undefined && options.recovery === false)
    throw new ContributeError(2, 'Give either --new-recovery FILE or --no-recovery.')
  if (options.recovery === false) return null
  if (options.newRecovery === undefined) return now.recovery
  const { publicKey } = await makeOtherKey(options.newRecovery, ports.random)
  ports.say(`The recovery key is in ${options.newRecovery}: keep that file somewhere else than this home.`)
  return publicKey
}

// These refuse the change for good, and nothing of it was kept: the next run signs a new one.
const FINAL = [
  'payee-invalid',
  'signature',
  'payee-signer',
  'pool-mismatch',
  'policy-unknown',
  'payee-stale',
  'payee-change-backdated',
  'payee-change-not-next',
  'payee-change-waiting',
  'payee-change-replayed',
  'contributor-unknown',
  'payee-of-operator',
]

async function carryOut(
  session: Session,
  change: Statement<PayeeChange>,
  ports: ContributePorts,
): Promise<PayeeReceipt> {
  const { node, home, trusted } = session
  let answer: Answer
  try {
    answer = await node.post<Answer>('/v1/payee-changes', change.envelope)
  } catch (error) {
    if (error instanceof ContributeError && FINAL.includes(error.code ?? ''))
      await home.remove(pendingName(trusted.pool))
    throw error
  }
  const receipt = await keep(session, 'payee-change', change, change.digest, answer, ports)
  const due = waitsUntil(change, receipt.receivedAt, trusted.policy.predicate.payees.recoverySeconds)
  if (receipt.policy === trusted.policy.digest && receipt.waitsUntil !== due)
    throw new ContributeError(
      1,
      `The node waits until ${receipt.waitsUntil}, and the policy says ${due}. Do not trust it.`,
    )
  await home.remove(pendingName(trusted.pool))
  return receipt
}

interface Logged {
  readonly envelope: Envelope
  readonly salt: string
  readonly leafIndex: number
}
interface Answer {
  readonly change?: Logged
  readonly cancellation?: Logged
  readonly receipt?: Logged
}

/** Checks the receipt and both places in the log, then keeps all of it. */
async function keep(
  { trusted, node, home }: Session,
  kind: KeptPayeeStatement['kind'],
  statement: Statement<PayeeChange> | Statement<PayeeCancellation>,
  change: string,
  answer: Answer,
  ports: ContributePorts,
): Promise<PayeeReceipt> {
  const [own, its] = [readLogged(answer.change ?? answer.cancellation), readLogged(answer.receipt)]
  const { contributor } = statement.predicate
  const expected = { contributor, statement: statement.digest, keysets: trusted.keysets }
  const receipt = await openPayeeReceipt(its.envelope, expected)
  const size = Math.max(own.leafIndex, its.leafIndex) + 1
  const log = await ports.step('Checking the log', () => openLogOf(size, node, trusted.policy.predicate))
  const kept: KeptPayeeStatement = {
    format: 'fairweight/kept-payee-statement/v1',
    kind,
    pool: trusted.pool,
    contributor,
    digest: statement.digest,
    change,
    statement: await proveLogged(log, kind, statement, own),
    receipt: await proveLogged(log, 'payee-receipt', receipt, its),
  }
  await home.writeJson(keptName(statement.digest), kept)
  return receipt.predicate
}

function readLogged(value: Logged | undefined): Logged {
  const ok =
    typeof value === 'object' &&
    typeof value.salt === 'string' &&
    /^[0-9a-f]{64}$/.test(value.salt) &&
    Number.isSafeInteger(value.leafIndex) &&
    value.leafIndex >= 0
  if (!ok) throw new ContributeError(1, 'The node’s answer holds no receipt. Run this again.')
  return value
}

async function assertAgreed(
  yes: boolean,
  question: string,
  { interactive, confirm }: ContributePorts,
): Promise<void> {
  if (yes) return
  if (!interactive)
    throw new ContributeError(2, 'Nothing was sent. Nobody can answer here: read the above and add --yes.')
  if (!(await confirm(question))) throw new ContributeError(1, 'Nothing was sent.')
}

function readPeriod(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  if (!/^[1-9]\d{0,8}$/.test(text))
    throw new ContributeError(2, 'Give --from-period as the number of a usage period, 1 or more.')
  return Number(text)
}

function shownOf({ trusted }: Session, { contributor, nextPeriod }: PayeeView, now: PayeeNow): Shown {
  const { payee, by, recovery, waiting, later } = now
  return {
    contributor,
    payee: payee ?? null,
    by,
    recovery,
    nextPeriod,
    waiting:
      waiting === undefined
        ? null
        : { change: waiting.change.digest, payee: waiting.change.predicate.payee, until: waiting.waitsUntil },
    later:
      later === undefined
        ? null
        : {
            change: later.change.digest,
            payee: later.change.predicate.payee,
            fromPeriod: later.change.predicate.fromPeriod,
          },
    simulated: trusted.simulated,
  }
}

function describe(
  { contributor, nextPeriod }: PayeeView,
  { payee, by, recovery, waiting, later }: PayeeNow,
): string {
  const why = by === 'change' ? 'by your newest change in force' : 'by your newest offer'
  return [
    `The next payout, of period ${nextPeriod}, goes to: ${describePayee(payee)} (${why}).`,
    ...(later === undefined
      ? []
      : [
          `From period ${later.change.predicate.fromPeriod} on: ${describePayee(later.change.predicate.payee)}.`,
        ]),
    ...(waiting === undefined
      ? []
      : [`Waiting until ${waiting.waitsUntil}: ${describePayee(waiting.change.predicate.payee)}.`]),
    recovery === null
      ? 'No recovery key: if you lose yours, nobody can change this. Name one with --new-recovery.'
      : `Recovery key: ${recovery}.`,
    `Contributor: ${contributor}. Write this down beside the recovery key.`,
  ].join('\n')
}

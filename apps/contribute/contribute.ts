/**
 * `fairweight contribute`: verify the node, show what will leave, seal it here, upload it, check the receipt.
 *
 * A crash at any point costs nothing: the offer is written down before it is sent, the sealed file before it is
 * uploaded, the receipt before the rest is forgotten. The same items are never contributed twice.
 */
import { basename } from 'node:path'
import { decodeHex, encodeHex, sha256Hex, type Bytes } from '#bytes'
import {
  bundleHeaderOf,
  CONSENT_TEXT,
  countWords,
  describeEstimate,
  describeMissing,
  estimateTokens,
  glancePersonalData,
  lastEarned,
  missingOf,
  offerOf,
  openReceipt,
  quoteNames,
  type ReadFile,
} from '#contributing'
import { seal, type SigningKey } from '#seal'
import {
  contributionReceipt,
  encodeBundle,
  keysetDigest,
  keysInRole,
  offer,
  openStatement,
  signStatement,
  type ContributionReceipt,
  type Item,
  type Offer,
  type Statement,
} from '#statements'
import type { TrustedNode } from './appraise.ts'
import { ContributeError } from './errors.ts'
import { Home } from './home.ts'
import { readAnchorsFile, readColumns, readFiles, readPayee, readPolicyDigest } from './inputs.ts'
import { openLogOf, proveLogged } from './log-proof.ts'
import { NodeClient } from './node-client.ts'
import { describePayee, offeredPayee } from './payee-view.ts'
import type { ContributePorts } from './ports.ts'
import { contentOf, findKept, keptName, pendingName, sealedName, type Kept, type Pending } from './state.ts'
import { sendSealed, type UploadPlace } from './upload.ts'

export interface ContributeOptions {
  readonly pool: string
  readonly policy: string
  readonly name?: string
  readonly home?: string
  readonly payee?: string
  readonly columns?: string
  readonly anchors?: string
  readonly yes?: boolean
  readonly json?: boolean
}

export interface Contributed {
  readonly receipt: string
  readonly offered: number
  readonly accepted: number
  readonly rejected: ContributionReceipt['rejected']
  readonly canonicalTokens: number
  readonly alreadyContributed: boolean
  readonly simulated: boolean
  readonly kept: string
}

/** Throws {@link ContributeError}, or what a check throws; then run it again or mind what it says. */
export async function contribute(
  paths: readonly string[],
  options: ContributeOptions,
  ports: ContributePorts,
): Promise<Contributed> {
  const node = new NodeClient(options.pool, ports)
  const given = options.payee === undefined ? undefined : readPayee(options.payee)
  const columns = readColumns(options.columns)
  const asked = {
    node,
    policy: readPolicyDigest(options.policy),
    anchors: await readAnchorsFile(options.anchors),
    nonce: ports.random(32),
    at: ports.now(),
  }
  const trusted = await ports.step('Checking the node and its evidence', () => ports.appraiseNode(asked))
  sayTrusted(trusted, ports)
  const files = await readFiles(paths, columns)
  const items = files.flatMap((file) => file.items.map(({ item }) => item))
  const home = new Home(options.home)
  const key = await home.key(ports.random)
  const content = contentOf(trusted.pool, key.publicKey, items)
  const work: Work = { node, trusted, home, key, items, content, paths, ports }

  const kept = await findKept(home, content)
  if (kept !== undefined) {
    await home.remove(pendingName(content), sealedName(content))
    ports.say(`You have contributed these items already: receipt ${kept.receiptDigest}.`)
    return resultOf(work, kept, true)
  }
  let pending = await home.readJson<Pending>(pendingName(content))
  const resumed = pending !== undefined
  if (pending === undefined) {
    // Without a word about it, money goes on going where the newest offer sent it.
    const payee = given ?? (await earlierPayee(work)) ?? readPayee(undefined)
    await showWhatLeaves(files, work)
    ports.say(`Your money will go to: ${describePayee(payee)}. Change it with: fairweight payee change`)
    await assertAgreed(options.yes === true, ports)
    pending = await makeOffer(work, { name: options.name ?? 'Contributor', payee })
  } else {
    ports.say('Going on with what was begun earlier.')
  }
  return resultOf(work, await carryOut(work, pending, resumed), false)
}

interface Work {
  readonly node: NodeClient
  readonly trusted: TrustedNode
  readonly home: Home
  readonly key: SigningKey
  readonly items: readonly Item[]
  readonly content: string
  readonly paths: readonly string[]
  readonly ports: ContributePorts
}

function sayTrusted({ keyset, simulated }: TrustedNode, { say }: ContributePorts): void {
  const kind = simulated ? 'SIMULATED, as your anchors accept' : 'genuine'
  say(`Node ${keyset.node}, term ${keyset.term}: ${kind}; program and keys are those that the policy allows.`)
}

async function showWhatLeaves(
  files: readonly ReadFile[],
  { items, trusted, node, ports }: Work,
): Promise<void> {
  const { say } = ports
  say(
    `${counted(items.length, 'item')} with ${counted(countWords(items), 'word')} will be sealed here and leave this machine:`,
  )
  for (const file of files) {
    say(`  ${file.name}: ${counted(file.items.length, 'item')}`)
    if (file.ignored.length > 0) say(`    not part of them: ${quoteNames(file.ignored)}`)
    for (const { kind, count, lines } of glancePersonalData(file.items)) {
      const places = lines.slice(0, 8).join(', ') + (lines.length > 8 ? ', …' : '')
      say(`    looks personal: ${count} × ${kind}, on ${file.places} ${places}`)
    }
  }
  say('  (A glance by patterns: it does not find names, addresses or secrets.)')
  const policy = trusted.policy.predicate
  const pool = await totalsOf(node)
  if (pool !== undefined) {
    const own = estimateTokens(items, policy.base.systemPrompt)
    const earned = await lastEarned(trusted.statements)
    for (const line of describeEstimate({ own, pool, policy, earned })) say(line)
    say(describeMissing(missingOf(policy, pool)))
  }
  say(CONSENT_TEXT)
  say('Withdrawing takes a later version of this command: this one cannot do it yet.')
}

/** What the node says of itself; undefined where that is no count. */
async function totalsOf(
  node: NodeClient,
): Promise<{ contributors: number; canonicalTokens: number } | undefined> {
  const { contributors, canonicalTokens } = await node.get<{ contributors: number; canonicalTokens: number }>(
    '/v1/pool',
  )
  const counts = [contributors, canonicalTokens].every((one) => Number.isSafeInteger(one) && one >= 0)
  return counts ? { contributors, canonicalTokens } : undefined
}

async function earlierPayee({ home, trusted }: Work): Promise<Offer['payee'] | undefined> {
  const kept = (await home.list<Kept>('contributions')).filter(({ pool }) => pool === trusted.pool)
  return offeredPayee({
    kept: kept.toSorted((one, other) => one.receipt.leafIndex - other.receipt.leafIndex),
  })
}

const counted = (count: number, one: string) => `${count} ${one}${count === 1 ? '' : 's'}`

async function assertAgreed(yes: boolean, { interactive, confirm }: ContributePorts): Promise<void> {
  if (yes) return
  if (!interactive) {
    throw new ContributeError(2, 'Nothing was sent. Nobody can answer here: read the above and add --yes.')
  }
  if (!(await confirm('Contribute these items?'))) throw new ContributeError(1, 'Nothing was sent.')
}

async function makeOffer(
  { trusted, home, key, items, content, node, ports }: Work,
  { name, payee }: { name: string; payee: Offer['payee'] },
): Promise<Pending> {
  const secret = ports.random(32)
  const made = offerOf({
    pool: trusted.pool,
    policy: trusted.policy.digest,
    contributor: { name, publicKey: key.publicKey },
    payee,
    items,
    nonce: ports.random(32),
    secret,
    at: ports.now(),
  })
  const { envelope } = await signStatement(offer, made, key)
  const pending: Pending = {
    format: 'fairweight/pending-contribution/v1',
    content,
    url: node.url,
    policy: trusted.policy.digest,
    offer: envelope,
    secret: encodeHex(secret),
    keysets: [],
  }
  await home.writeJson(pendingName(content), pending)
  return pending
}

/** From an offer that is written down to a receipt that is kept. */
async function carryOut(work: Work, begun: Pending, resumed: boolean): Promise<Kept> {
  const pending = await rememberKeysets(work, begun)
  const { node, home, content, trusted, ports } = work
  const statement = await openStatement(offer, pending.offer)
  const sealed = await ports.step('Sealing', () => sealedFile(work, pending, statement))
  const answer = await receive(work, statement, sealed, resumed)
  const receipt = await openReceipt(answer.receipt.envelope, {
    offer: statement.predicate,
    offerDigest: statement.digest,
    ciphertext: sha256Hex(sealed),
    keysets: pending.keysets,
  })
  const size = Math.max(answer.offer.leafIndex, answer.receipt.leafIndex) + 1
  const log = await ports.step('Checking the log', () => openLogOf(size, node, trusted.policy.predicate))
  const kept: Kept = {
    format: 'fairweight/kept-contribution/v1',
    content,
    url: node.url,
    pool: trusted.pool,
    policy: pending.policy,
    files: work.paths.map((path) => basename(path)),
    receiptDigest: receipt.digest,
    offer: await proveLogged(log, 'offer', statement, answer.offer),
    receipt: await proveLogged(log, 'contribution-receipt', receipt, answer.receipt),
    secret: pending.secret,
    keyset: pending.keysets.find((one) => keysInRole(one, 'ingest').includes(receipt.signer))!,
  }
  await home.writeJson(keptName(receipt.digest), kept)
  await home.remove(pendingName(content), sealedName(content))
  sayReceipt(receipt.predicate, ports)
  return kept
}

async function rememberKeysets({ home, trusted, content }: Work, pending: Pending): Promise<Pending> {
  const all = new Map([...pending.keysets, ...trusted.keysets].map((one) => [keysetDigest(one), one]))
  const more = { ...pending, keysets: [...all.values()] }
  if (all.size > pending.keysets.length) await home.writeJson(pendingName(content), more)
  return more
}

// age is randomised: the bytes that were begun to be uploaded must be the bytes that go on.
async function sealedFile(
  { home, items, content, trusted }: Work,
  pending: Pending,
  { digest, predicate }: Statement<Offer>,
): Promise<Bytes> {
  const earlier = await home.readBytes(sealedName(content))
  if (earlier !== undefined) return earlier
  const [recipient] = keysInRole(trusted.keyset, 'pool')
  if (recipient === undefined)
    throw new ContributeError(1, 'Nothing was sent. The node’s keyset holds no pool key.')
  const header = bundleHeaderOf(predicate, digest, decodeHex(pending.secret))
  const sealed = await seal(encodeBundle(header, items), recipient)
  await home.writeBytes(sealedName(content), sealed)
  return sealed
}

interface Answer {
  readonly offer: {
    readonly envelope: Kept['offer']['envelope']
    readonly salt: string
    readonly leafIndex: number
  }
  readonly receipt: Answer['offer']
}

/** The answer to an offer that needs nothing more; undefined where the upload is still to be made. */
async function completed(node: NodeClient, digest: string): Promise<Answer | undefined> {
  try {
    return readAnswer(await node.post(`/v1/offers/${digest}/complete`))
  } catch (error) {
    const waiting = ['offer-unknown', 'upload-missing', 'upload-incomplete']
    if (error instanceof ContributeError && waiting.includes(error.code ?? '')) return undefined
    throw error
  }
}

// These refuse the offer for good, and nothing of it was kept: the next run makes a new one.
const FINAL = [
  'policy-unknown',
  'pool-mismatch',
  'offer-replayed',
  'too-large',
  'commitment-mismatch',
  'bundle-of-another-offer',
  'ciphertext-invalid',
]

/** The node's receipt: asked for first where an earlier run may have got as far as that. */
async function receive(
  work: Work,
  statement: Statement<Offer>,
  sealed: Bytes,
  resumed: boolean,
): Promise<Answer> {
  try {
    const earlier = resumed
      ? await work.ports.step('Asking for the receipt', () => completed(work.node, statement.digest))
      : undefined
    return earlier ?? (await send(work, statement, sealed))
  } catch (error) {
    if (error instanceof ContributeError && FINAL.includes(error.code ?? '')) {
      await work.home.remove(pendingName(work.content), sealedName(work.content))
    }
    throw error
  }
}

async function send(
  { node, ports }: Work,
  { digest, envelope }: Statement<Offer>,
  sealed: Bytes,
): Promise<Answer> {
  const place = await node.post<{ upload: UploadPlace; maxBytes: number }>('/v1/offers', envelope)
  if (sealed.length > place.maxBytes) {
    throw new ContributeError(
      1,
      `The sealed file has ${sealed.length} bytes and the node takes ${place.maxBytes}: contribute your files one by one.`,
      'too-large',
    )
  }
  await ports.step('Uploading', (report) => sendSealed(node.url, place.upload, sealed, report))
  return ports.step('Waiting for the receipt: the node opens, checks and counts', async () =>
    readAnswer(await node.post(`/v1/offers/${digest}/complete`)),
  )
}

function readAnswer(value: unknown): Answer {
  const { offer: one, receipt } = (value ?? {}) as Partial<Answer>
  for (const part of [one, receipt]) {
    const ok =
      typeof part === 'object' &&
      typeof part.salt === 'string' &&
      /^[0-9a-f]{64}$/.test(part.salt) &&
      Number.isSafeInteger(part.leafIndex) &&
      part.leafIndex >= 0
    if (!ok) throw new ContributeError(1, 'The node’s answer holds no receipt. Run this again.')
  }
  return { offer: one!, receipt: receipt! }
}

function sayReceipt(receipt: ContributionReceipt, { say }: ContributePorts): void {
  say(
    `Received: ${receipt.accepted} of ${receipt.offered} items accepted, ${receipt.canonicalTokens} canonical tokens ` +
      `(before duplicates are taken out), place ${receipt.sequence} in the sequence of ${receipt.node} term ${receipt.term}.`,
  )
  say('It earns from the next run on that trains on it; `fairweight statement` shows what.')
  for (const { index, reason } of receipt.rejected) say(`  item ${index + 1} was not counted: ${reason}`)
}

async function resultOf(
  { home, trusted }: Work,
  kept: Kept,
  alreadyContributed: boolean,
): Promise<Contributed> {
  const { predicate } = await openStatement(contributionReceipt, kept.receipt.envelope)
  return {
    receipt: kept.receiptDigest,
    offered: predicate.offered,
    accepted: predicate.accepted,
    rejected: predicate.rejected,
    canonicalTokens: predicate.canonicalTokens,
    alreadyContributed,
    simulated: trusted.simulated,
    kept: `${home.folder}/${keptName(kept.receiptDigest)}`,
  }
}

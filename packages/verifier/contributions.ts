/** What contributors brought, opened: their own statements, and their own leaves with proofs. */
import { decodeHex } from '#bytes'
import { verifySum, type PresenceProof, type SumLeaf, type SumProof } from '#merkle'
import {
  contributionReceipt,
  decodePresence,
  decodeSumProof,
  decodeSumRoot,
  logLeafOf,
  offer,
  payoutLeafDigest,
  readManifestLeaf,
  readPayoutLeaf,
  readShareLeaf,
  readTokensLeaf,
  shareLeafDigest,
  tokensLeafDigest,
  withdrawal,
  type ContributionReceipt,
  type ContributionRecord,
  type ManifestLeaf,
  type Offer,
  type PayoutLeaf,
  type ShareLeaf,
  type Statement,
  type TokensLeaf,
} from '#statements'
import type { Authority } from './authority.ts'
import { messageOf, type CheckRun } from './findings.ts'
import type { Named } from './input.ts'
import { open, type OpeningChecks } from './open.ts'
import { openDisputes, openPayeeChanges, type OpenedDispute, type OpenedPayeeChange } from './wishes.ts'

/** A leaf that leads to the sum root in the statement with this digest. */
export interface OpenedSumLeaf<Leaf> {
  readonly name: string
  readonly statement: string
  readonly leaf: Leaf
  readonly sumLeaf: SumLeaf
  readonly proof: SumProof
}

export interface OpenedManifestLeaf {
  readonly name: string
  readonly statement: string
  readonly leaf: ManifestLeaf
  readonly proof: PresenceProof
}

export interface OpenedWithdrawal {
  readonly digest: string
  readonly leafIndex: number
  readonly salt: string
}

export interface OpenedContribution {
  readonly name: string
  readonly record: ContributionRecord
  readonly offer: Statement<Offer>
  readonly receipt: Statement<ContributionReceipt>
  /** The receipt's digest in the log: the key of its leaf in every manifest. */
  readonly key: string
  readonly contributor: string
  /** Withdrawals of this bundle that its contributor signed. */
  readonly withdrawals: readonly OpenedWithdrawal[]
  readonly manifests: readonly OpenedManifestLeaf[]
  readonly tokens: readonly OpenedSumLeaf<TokensLeaf>[]
  readonly shares: readonly OpenedSumLeaf<ShareLeaf>[]
  readonly payouts: readonly OpenedSumLeaf<PayoutLeaf>[]
  readonly payeeChanges: readonly OpenedPayeeChange[]
  readonly disputes: readonly OpenedDispute[]
}

export async function openContribution(
  { name, value: record }: Named<ContributionRecord>,
  opening: OpeningChecks,
  input: CheckRun,
  authority: Authority,
): Promise<OpenedContribution | undefined> {
  const opened = await open(offer, record.offer.envelope, `the offer in ${name}`, opening)
  const receipt = await open(contributionReceipt, record.receipt.envelope, `the receipt in ${name}`, opening)
  if (opened === undefined || receipt === undefined) return undefined
  const contributor = opened.predicate.contributor.publicKey
  authority.checkSigner(
    `the offer in ${name}`,
    opened.signer === contributor
      ? undefined
      : `is signed by ${opened.signer}, not its contributor ${contributor}`,
  )
  const { pool, policy, receivedAt, node, term } = receipt.predicate
  authority.check({
    name: `the receipt in ${name}`,
    kind: 'contribution-receipt',
    signer: receipt.signer,
    role: 'ingest',
    pool,
    policy,
    from: receivedAt,
    at: receivedAt,
    place: { node, term },
  })
  const leaves = input.attempt(name, () => readLeaves(name, record))
  if (leaves === undefined) return undefined
  const key = logLeafOf('contribution-receipt', receipt.digest, record.receipt.salt).digest
  const withdrawals = await openWithdrawals(name, record, opening, authority, contributor, receipt.digest)
  return {
    name,
    record,
    offer: opened,
    receipt,
    key,
    contributor,
    withdrawals,
    ...leaves,
    payeeChanges: await openPayeeChanges(name, record, opening, authority),
    disputes: await openDisputes(name, record, opening),
  }
}

async function openWithdrawals(
  name: string,
  record: ContributionRecord,
  opening: OpeningChecks,
  authority: Authority,
  contributor: string,
  receipt: string,
): Promise<readonly OpenedWithdrawal[]> {
  const opened: OpenedWithdrawal[] = []
  for (const { withdrawal: logged } of record.withdrawals) {
    const statement = await open(withdrawal, logged.envelope, `the withdrawal in ${name}`, opening)
    if (statement === undefined) continue
    const { predicate, signer, digest } = statement
    const own =
      signer === contributor && predicate.contributor === contributor && predicate.receipt === receipt
    authority.checkSigner(
      `the withdrawal in ${name}`,
      own ? undefined : `is signed by ${signer} about the receipt ${predicate.receipt} of another`,
    )
    if (own) opened.push({ digest, leafIndex: logged.leafIndex, salt: logged.salt })
  }
  return opened
}

function readLeaves(name: string, record: ContributionRecord) {
  return {
    manifests: record.manifests.map(({ statement, leaf, proof }) => ({
      name: `the manifest leaf in ${name}`,
      statement,
      leaf: readManifestLeaf(leaf),
      proof: decodePresence(proof),
    })),
    tokens: record.tokens.map((one) =>
      sumLeaf(`the tokens leaf in ${name}`, one, readTokensLeaf, tokensLeafDigest, (it) => BigInt(it.tokens)),
    ),
    shares: record.shares.map((one) =>
      sumLeaf(`the share leaf in ${name}`, one, readShareLeaf, shareLeafDigest, (it) => BigInt(it.share)),
    ),
    payouts: record.payouts.map((one) =>
      sumLeaf(`the payout leaf in ${name}`, one, readPayoutLeaf, payoutLeafDigest, (it) =>
        BigInt(it.cumulative),
      ),
    ),
  }
}

/** Why the leaf does not lead to the root that was signed, or undefined where it does. */
export function proofProblem(
  { sumLeaf: leaf, proof }: OpenedSumLeaf<unknown>,
  root: Parameters<typeof decodeSumRoot>[0],
): string | undefined {
  try {
    verifySum(decodeSumRoot(root), leaf, proof)
    return undefined
  } catch (error) {
    return messageOf(error)
  }
}

function sumLeaf<Leaf>(
  name: string,
  { statement, leaf: text, proof }: ContributionRecord['tokens'][number],
  read: (value: unknown) => Leaf,
  digestOf: (leaf: Leaf) => string,
  sumOf: (leaf: Leaf) => bigint,
): OpenedSumLeaf<Leaf> {
  const leaf = read(text)
  const digest = decodeHex(digestOf(leaf))
  return { name, statement, leaf, sumLeaf: { sum: sumOf(leaf), digest }, proof: decodeSumProof(proof) }
}

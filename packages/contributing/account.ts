/**
 * A contributor's statement of account from its contribution record (spec/record.md): every number in it is
 * proven from its leaf to the root in a public statement that somebody with the authority has signed.
 */
import { decodeHex, encodeHex } from '#bytes'
import { verifyPresence, verifySum, type SumProof } from '#merkle'
import {
  attribution,
  contributionReceipt,
  decodePresence,
  decodeSumProof,
  decodeSumRoot,
  isShareOfBasis,
  keysInRole,
  logLeafOf,
  manifest,
  manifestLeafValue,
  openStatement,
  payout,
  payoutLeafDigest,
  readManifestLeaf,
  readPayoutLeaf,
  readShareLeaf,
  readTokensLeaf,
  ROLES,
  shareLeafDigest,
  tokensLeafDigest,
  TOTAL_SHARES,
  trainingReceipt,
  usageClose,
  type Attribution,
  type ContributionReceipt,
  type ContributionRecord,
  type Keyset,
  type Manifest,
  type ManifestLeaf,
  type PayeeLink,
  type Payout,
  type PayoutLeaf,
  type PublicStatement,
  type ShareLeaf,
  type Statement,
  type StatementKind,
  type TrainingReceipt,
} from '#statements'
import { ContributingError } from './errors.ts'
import { assertDestination, openPayeeLinks } from './payees.ts'

export interface Account {
  readonly receipt: Statement<ContributionReceipt>
  readonly manifests: readonly { statement: Statement<Manifest>; leaf: ManifestLeaf }[]
  readonly tokens: readonly { statement: Statement<TrainingReceipt>; trained: number }[]
  readonly shares: readonly { statement: Statement<Attribution>; leaf: ShareLeaf }[]
  readonly payouts: readonly { statement: Statement<Payout>; leaf: PayoutLeaf }[]
  /** The contributor's changes of payee, which each payout has been held against. */
  readonly payeeLinks: readonly PayeeLink[]
}

/**
 * Throws {@link ContributingError} `proof-invalid`, `MerkleError`, `SealError` or `StatementError` where one
 * number is not proven. `keysets` are those whose evidence the contributor has verified.
 */
export async function openAccount(
  record: ContributionRecord,
  contributor: string,
  statements: readonly PublicStatement[],
  keysets: readonly Keyset[],
): Promise<Account> {
  const receipt = await openStatement(contributionReceipt, record.receipt.envelope)
  demand(receipt.predicate.contributor === contributor, 'the receipt is another contributor’s')
  assertAuthority(contributionReceipt, receipt, keysets)
  const key = logLeafOf('contribution-receipt', receipt.digest, record.receipt.salt).digest
  const manifests = await openCited(manifest, statements, keysets)
  const trainings = await openCited(trainingReceipt, statements, keysets)
  const attributions = await openCited(attribution, statements, keysets)
  const payouts = await openCited(payout, statements, keysets)
  const closes = await openCited(usageClose, statements, keysets)
  const payeeLinks = await openPayeeLinks(record.payeeChanges, contributor, keysets)

  return {
    receipt,
    manifests: record.manifests.map((proven) => {
      const statement = cited(manifests, proven.statement)
      const leaf = readManifestLeaf(proven.leaf)
      demand(leaf.receipt === receipt.digest && leaf.key === key, 'a manifest leaf is another bundle’s')
      const { root, size } = statement.predicate.tree
      const value = verifyPresence(
        { root: decodeHex(root), size },
        decodeHex(key),
        decodePresence(proven.proof),
      )
      demand(encodeHex(value) === manifestLeafValue(leaf), 'a manifest leaf is not the one in the tree')
      return { statement, leaf }
    }),
    tokens: record.tokens.map((proven) => {
      const statement = cited(trainings, proven.statement)
      const leaf = readTokensLeaf(proven.leaf)
      demand(leaf.key === key, 'a tokens leaf is another bundle’s')
      proveSum(statement.predicate.tokens.tree, leaf.tokens, tokensLeafDigest(leaf), proven.proof)
      return { statement, trained: leaf.tokens }
    }),
    shares: record.shares.map((proven) => {
      const statement = cited(attributions, proven.statement)
      const leaf = readShareLeaf(proven.leaf)
      demand(leaf.contributor === contributor, 'a share is another contributor’s')
      demand(statement.predicate.tree.sum === String(TOTAL_SHARES), 'the shares do not make up the whole')
      proveSum(statement.predicate.tree, leaf.share, shareLeafDigest(leaf), proven.proof)
      demand(isShareOfBasis(leaf, statement.predicate), 'a share is not what its score and tokens make it')
      return { statement, leaf }
    }),
    payouts: record.payouts.map((proven) => {
      const statement = cited(payouts, proven.statement)
      const leaf = readPayoutLeaf(proven.leaf)
      demand(leaf.payee === contributor, 'a payout is another payee’s')
      proveSum(statement.predicate.cumulative, leaf.cumulative, payoutLeafDigest(leaf), proven.proof)
      const { usageClose: close, statedAt } = statement.predicate
      const { period } = cited(closes, close).predicate
      assertDestination(payeeLinks, { period, statedAt }, leaf)
      return { statement, leaf }
    }),
    payeeLinks,
  }
}

async function openCited<Predicate>(
  kind: StatementKind<Predicate>,
  statements: readonly PublicStatement[],
  keysets: readonly Keyset[],
): Promise<ReadonlyMap<string, Statement<Predicate>>> {
  const opened = new Map<string, Statement<Predicate>>()
  for (const { envelope } of statements.filter((one) => one.kind === kind.kind)) {
    const statement = await openStatement(kind, envelope)
    assertAuthority(kind, statement, keysets)
    opened.set(statement.digest, statement)
  }
  return opened
}

function cited<Predicate>(
  opened: ReadonlyMap<string, Statement<Predicate>>,
  digest: string,
): Statement<Predicate> {
  const statement = opened.get(digest)
  if (statement === undefined)
    throw new ContributingError('proof-invalid', `statement ${digest} is not there`)
  return statement
}

/** Only kinds that a role of a keyset signs come here. */
function assertAuthority<Predicate>(
  kind: StatementKind<Predicate>,
  statement: Statement<Predicate>,
  keysets: readonly Keyset[],
): void {
  const role = ROLES.find((one) => one === kind.signer)
  demand(
    role !== undefined && keysets.some((keyset) => keysInRole(keyset, role).includes(statement.signer)),
    `a ${kind.kind} is not signed by a key in role ${kind.signer} of a verified keyset`,
  )
}

function proveSum(
  root: { root: string; sum: string; size: number },
  sum: number | string,
  digest: string,
  proof: Parameters<typeof decodeSumProof>[0],
): void {
  const decoded: SumProof = decodeSumProof(proof)
  verifySum(decodeSumRoot(root), { sum: BigInt(sum), digest: decodeHex(digest) }, decoded)
}

function demand(condition: boolean, message: string): asserts condition {
  if (!condition) throw new ContributingError('proof-invalid', message)
}

/** Known answers: an input, and the digest that every implementation must find for it. */
import { decodeHex, decodeUtf8, digestOf, encodeHex, encodeUtf8, sha256Hex } from '#bytes'
import { orderedSumRoot, type SumLeaf } from '#merkle'
import {
  aciKeysetDigest,
  aciReportData,
  baseDigest,
  challenge,
  destinationOf,
  encodeBundle,
  encodeLogLeaf,
  encodeSumRoot,
  findingsDigest,
  extractionOrder,
  gpuNonce,
  invoiceDigest,
  itemSalt,
  keysetDigest,
  manifestLeafValue,
  modelDigest,
  outcomeOf,
  payoutLeafDigest,
  priceDigest,
  recipeDigest,
  servingReceiptDigest,
  shareLeafDigest,
  tokensLeafDigest,
  trainingSeed,
  usageLeafDigest,
  validationCommitment,
} from '#statements'
import type { DataExamples } from './data.ts'
import { bundleHeaderOf } from './documents.ts'
import { fixed, fixedHex, type Signers } from './fixed.ts'
import { REQUEST, SEGMENTS, type MoneyExamples } from './money.ts'
import type { PeopleExamples } from './people.ts'
import { VALIDATION, type PoolExamples } from './pool.ts'

/** aci/1, test vectors §1 and §2, typed in: not computed here. */
const ACI = {
  keyset: {
    subject: 'dstack-app://example-app',
    not_after: 1_800_000_000,
    receipt_signing_keys: [
      {
        key_id: 'receipt-1',
        algo: 'ed25519',
        public_key: '8139770ea87d175f56a35466c34c7ecccb8d8a91b4ee37a25df60f5b8fc9b394',
      },
    ],
    e2ee_public_keys: [
      {
        key_id: 'e2ee-1',
        algo: 'x25519-aes-256-gcm-hkdf-sha256',
        public_key: '5dfedd3b6bd47f6fa28ee15d969d5bb0ea53774d488bdaf9df1c6e0124b3ef22',
      },
    ],
    tls_public_keys: [
      {
        domain: 'api.example.com',
        spki_sha256: 'c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0',
      },
    ],
  },
  digest: 'sha256:53a5cd44b30dcc51999754c719f2628a041f174ecbf9662a6f8e898a10cd9371',
  nonce: '000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f',
  reportData: 'df2174d28130852b413646a3786927b93e94c11d770268b65def8bdba45cb49e',
  reportDataWithoutNonce: '0633919ca3f00e97bafaa3304278eb22420cc3ff0d19f87dfca2d3f7508150bc',
}

export function knownAnswers(
  signers: Signers,
  pool: PoolExamples,
  data: DataExamples,
  money: MoneyExamples,
  people: PeopleExamples,
): Record<string, unknown> {
  const { keyset, termNonce, clientNonce, gpus, policyStatement } = pool
  const policy = policyStatement.predicate
  const [alba] = data.contributions
  const header = bundleHeaderOf(data, pool)
  assertAci()
  return {
    keyset: {
      keyset,
      digest: keysetDigest(keyset),
      termNonce,
      gpuNonce: encodeHex(gpuNonce(keyset, termNonce)),
      clientNonce,
      gpus,
      gpuListDigest: digestOf(gpus),
      challenge: encodeHex(challenge(keyset, clientNonce, gpus)),
      challengeWithoutGpus: encodeHex(challenge(keyset, clientNonce, [])),
    },
    aci: ACI,
    policy: {
      base: policy.base,
      baseDigest: baseDigest(policy.base),
      recipe: policy.recipe,
      recipeDigest: recipeDigest(policy),
      currency: policy.currency,
      prices: policy.prices.map((price) => ({ price, digest: priceDigest(policy, price.model) })),
      validation: {
        secret: fixedHex('validation secret'),
        items: VALIDATION,
        commitment: validationCommitment(VALIDATION, fixed('validation secret')),
      },
    },
    bundle: {
      secret: encodeHex(alba!.secret),
      items: alba!.items.map((item, index) => ({
        item,
        salt: encodeHex(itemSalt(alba!.secret, index)),
        commitment: encodeHex(alba!.commitments[index]!),
      })),
      root: alba!.root,
      header,
      plaintextSha256: sha256Hex(encodeBundle(header, alba!.items)),
    },
    logLeaves: data.contributions.map(({ receiptStatement, salt, logLeaf }) => ({
      statement: receiptStatement.digest,
      salt,
      leaf: logLeaf,
      bytes: decodeUtf8(encodeLogLeaf(logLeaf)),
    })),
    manifestTree: {
      leaves: data.contributions.map(({ leaf }) => ({ leaf, value: manifestLeafValue(leaf) })),
      root: encodeHex(data.tree.root),
      size: data.tree.size,
    },
    trainingSeed: {
      manifest: data.manifestStatement.digest,
      seed: trainingSeed(data.manifestStatement.digest),
    },
    extractionOrder: {
      manifest: data.manifestStatement.digest,
      items: data.contributions.flatMap(({ commitments }) =>
        commitments.map((bytes) => {
          const commitment = encodeHex(bytes)
          return { commitment, order: extractionOrder(data.manifestStatement.digest, commitment) }
        }),
      ),
    },
    model: { files: data.files, digest: modelDigest(data.files) },
    sumTrees: [
      {
        of: 'tokens',
        key: encodeHex(data.tokensKey),
        leaves: data.contributions.map(({ tokens }) => ({
          leaf: tokens,
          sum: String(tokens.tokens),
          digest: tokensLeafDigest(tokens),
        })),
        tree: encodeSumRoot(data.tokensTree.root),
      },
      {
        of: 'share',
        key: encodeHex(data.sharesKey),
        leaves: data.contributions.map(({ share }) => ({
          leaf: share,
          sum: String(share.share),
          digest: shareLeafDigest(share),
        })),
        tree: encodeSumRoot(data.sharesTree.root),
      },
      {
        of: 'payout',
        key: encodeHex(money.payoutsKey),
        leaves: money.payees.map((leaf) => ({
          leaf,
          sum: leaf.cumulative,
          digest: payoutLeafDigest(leaf),
        })),
        tree: encodeSumRoot(money.payoutsTree.root),
      },
    ],
    usage: {
      leaves: money.leaves.map((leaf) => ({ leaf, sum: leaf.amount, digest: usageLeafDigest(leaf) })),
      tree: money.closeStatement.predicate.tree,
      treeOfThree: encodeSumRoot(orderedSumRoot([1, 2, 3].map(numbered))),
      treeOfNone: encodeSumRoot(orderedSumRoot([])),
    },
    destination: data.contributions.map(({ name, offerStatement }) => {
      const { payee } = offerStatement.predicate
      const salt = fixedHex(`${name} payout salt`)
      return { payee, salt, destination: destinationOf(payee, salt) }
    }),
    disputeFindings: people.findings.map((findings) => ({
      findings,
      digest: findingsDigest(findings),
      outcome: outcomeOf(findings),
    })),
    invoice: {
      invoice: money.invoice,
      digest: invoiceDigest(money.invoice),
      receipts: money.leaves.map(({ receipt }) => receipt),
      receiptsDigest: money.invoice.receipts,
    },
    servingReceipt: { receipt: money.trained, digest: servingReceiptDigest(money.trained) },
    streamMarks: {
      receiptId: 'rcpt-000001',
      request: REQUEST,
      requestHash: money.requestHash,
      keysetDigest: money.keysetDigest,
      start: encodeHex(money.chains[0]!),
      segments: SEGMENTS.map((segment, at) => ({ segment, chain: encodeHex(money.chains[at + 1]!) })),
      markKey: signers.mark.publicKey,
      marks: money.marks,
    },
  }
}

function numbered(number: number): SumLeaf {
  return { sum: BigInt(number), digest: decodeHex(sha256Hex(encodeUtf8(String(number)))) }
}

function assertAci(): void {
  const found = [
    aciKeysetDigest(ACI.keyset),
    encodeHex(aciReportData(ACI.digest, ACI.nonce)),
    encodeHex(aciReportData(ACI.digest, null)),
  ]
  if (found.join() !== [ACI.digest, ACI.reportData, ACI.reportDataWithoutNonce].join())
    throw new Error('the ACI vectors are not met')
}

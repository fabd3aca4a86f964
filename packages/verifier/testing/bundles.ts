/** The test pool's data: four bundles of two contributors, two manifests, one run, its shares. */
import { decodeHex, encodeHex } from '#bytes'
import { SortedTree, SumTree } from '#merkle'
import {
  attribution,
  contributionReceipt,
  encodePresence,
  encodeSumProof,
  encodeSumRoot,
  manifest,
  manifestLeafValue,
  modelDigest,
  offer,
  shareLeafDigest,
  tokensLeafDigest,
  trainingReceipt,
  trainingSeed,
  withdrawal,
  logLeafOf,
  type ContributionReceipt,
  type ContributionRecord,
  type Manifest,
  type ManifestLeaf,
  type Offer,
  type Policy,
  type PublicRecord,
  type ShareLeaf,
  type TokensLeaf,
  type TrainingReceipt,
  type Withdrawal,
} from '#statements'
import { hexOf, keyOf, secretOf } from './keys.ts'
import { edited, type Lie, type StatementName } from './lie.ts'
import type { Entered, TestLog } from './log.ts'
import { NODE } from './machine.ts'
import { ingredientsOf } from './policy.ts'

export interface Stage {
  readonly lie: Lie
  readonly log: TestLog
  readonly pool: string
  readonly policy: Entered<Policy>
  readonly signer: (name: StatementName, usual: string) => ReturnType<typeof keyOf>
}

export const under = ({ pool, policy }: Stage) => ({ pool, policy: policy.digest })

export interface Bundle {
  readonly number: number
  readonly who: string
  readonly offer: Entered<Offer>
  readonly receipt: Entered<ContributionReceipt>
  readonly key: string
  withdrawal?: Entered<Withdrawal>
}

export async function contribute(
  stage: Stage,
  number: number,
  who: string,
  place: { term: number; sequence: number },
  items: number,
  receivedAt: string,
): Promise<Bundle> {
  const { lie, log } = stage
  const contributor = await keyOf(who)
  const honest: Offer = {
    ...under(stage),
    contributor: { name: who, publicKey: contributor.publicKey },
    nonce: hexOf(`offer ${number}`),
    bundle: { root: hexOf(`bundle ${number}`), items },
    consent: { licence: 'CC-BY-4.0', actions: ['train'], purpose: 'language-model-fine-tuning', until: null },
    payee: { kind: 'statement' },
    issuedAt: receivedAt,
  }
  const one = number === 1
  const offered = await log.add(
    offer,
    one ? edited(lie, 'offer1', honest) : honest,
    one ? await stage.signer('offer1', who) : contributor,
  )
  const received: ContributionReceipt = {
    ...under(stage),
    node: NODE,
    ...place,
    offer: offered.digest,
    contributor: contributor.publicKey,
    bundleRoot: offered.predicate.bundle.root,
    ciphertext: hexOf(`ciphertext ${number}`),
    receivedAt,
    offered: items,
    accepted: items,
    rejected: [],
    canonicalTokens: items * 100,
  }
  const ingest = `ingest of term ${place.term}`
  const predicate = one ? edited(lie, 'receipt1', received) : received
  const signer = one ? await stage.signer('receipt1', ingest) : await keyOf(ingest)
  const receipt = await log.add(contributionReceipt, predicate, signer)
  if (lie.unlogged?.includes(number)) log.entries.pop()
  const key = logLeafOf('contribution-receipt', receipt.digest, receipt.salt).digest
  return { number, who, offer: offered, receipt, key }
}

export async function withdraw(stage: Stage, bundle: Bundle): Promise<void> {
  const contributor = await keyOf(bundle.who)
  const honest: Withdrawal = {
    ...under(stage),
    contributor: contributor.publicKey,
    receipt: bundle.receipt.digest,
    scope: 'future-runs',
    nonce: hexOf('withdrawal'),
    issuedAt: '2026-11-20T13:05:00Z',
  }
  bundle.withdrawal = await stage.log.add(
    withdrawal,
    edited(stage.lie, 'withdrawal', honest),
    await stage.signer('withdrawal', bundle.who),
  )
}

export interface Composed {
  readonly statement: Entered<Manifest>
  readonly leaves: readonly { readonly bundle: Bundle; readonly leaf: ManifestLeaf }[]
  readonly tree: SortedTree
}

export async function compose(
  stage: Stage,
  number: 1 | 2,
  bundles: readonly Bundle[],
  previous: string | null,
  composedAt: string,
): Promise<Composed> {
  const { lie, log, policy } = stage
  const leaves = bundles.map((bundle) => {
    const honest = manifestLeaf(bundle)
    return { bundle, leaf: lie.leaves?.manifest?.(honest, bundle.number, number) ?? honest }
  })
  const sorted = leaves
    .map(({ leaf }) => ({ key: decodeHex(leaf.key), value: decodeHex(manifestLeafValue(leaf)) }))
    .sort((one, other) => (encodeHex(one.key) < encodeHex(other.key) ? -1 : 1))
  const tree = new SortedTree(sorted)
  const count = (disposition: string) => leaves.filter(({ leaf }) => leaf.disposition === disposition).length
  const sum = (of: 'items' | 'canonicalTokens') =>
    leaves.reduce((all, { leaf }) => all + (leaf.disposition === 'included' ? leaf[of] : 0), 0)
  const terms = [...new Set(bundles.map(({ receipt }) => receipt.predicate.term))]
  const honest: Manifest = {
    ...under(stage),
    previous,
    composedAt,
    cutOff: terms.map((term) => ({
      node: NODE,
      term,
      sequence: bundles.filter(({ receipt }) => receipt.predicate.term === term).length,
    })),
    logSize: log.entries.length,
    tree: { root: encodeHex(tree.root), size: tree.size },
    bundles: { included: count('included'), excluded: count('excluded'), withdrawn: count('withdrawn') },
    items: sum('items'),
    canonicalTokens: sum('canonicalTokens'),
    duplicates: { exact: 2, near: 0 },
    general: { root: hexOf('general text'), items: 5, canonicalTokens: 300, weight: 500_000 },
    recipe: ingredientsOf(policy.predicate).recipe,
    tokenizer: ingredientsOf(policy.predicate).tokenizer,
  }
  const name = `manifest${number}` as const
  const statement = await log.add(
    manifest,
    edited(lie, name, honest),
    await stage.signer(name, `mix of term ${number}`),
  )
  return { statement, leaves, tree }
}

/** Bundle 3 repeats the others' items, and is withdrawn later. */
function manifestLeaf({ number, key, receipt, withdrawal: out }: Bundle): ManifestLeaf {
  const { accepted, canonicalTokens } = receipt.predicate
  const repeated = number === 3
  return {
    format: 'fairweight/manifest-leaf/v1',
    key,
    receipt: receipt.digest,
    disposition: out === undefined ? (repeated ? 'excluded' : 'included') : 'withdrawn',
    reason: repeated && out === undefined ? 'all-duplicates' : null,
    accepted,
    duplicates: { exact: repeated ? accepted : 0, near: 0 },
    items: repeated ? 0 : accepted,
    canonicalTokens: repeated ? 0 : canonicalTokens,
    weight: 1_000_000,
    withdrawal: out?.digest ?? null,
    salt: hexOf(`manifest leaf ${number}`),
  }
}

export interface Trained {
  readonly training: Entered<TrainingReceipt>
  readonly tokens: { readonly tree: SumTree; readonly leaves: ReadonlyMap<number, TokensLeaf> }
}

export async function train(stage: Stage, composed: Composed, evidence: string): Promise<Trained> {
  const { lie, log, policy } = stage
  const leaves = new Map(
    composed.leaves.map(({ bundle, leaf }) => {
      const tokens = leaf.disposition === 'included' ? 2 * leaf.canonicalTokens : 0
      const honest: TokensLeaf = {
        format: 'fairweight/tokens-leaf/v1',
        key: leaf.key,
        tokens,
        salt: hexOf(`tokens leaf ${bundle.number}`),
      }
      return [bundle.number, lie.leaves?.tokens?.(honest, bundle.number) ?? honest]
    }),
  )
  const tree = new SumTree(
    [...leaves.values()].map((leaf) => ({
      sum: BigInt(leaf.tokens),
      digest: decodeHex(tokensLeafDigest(leaf)),
    })),
    secretOf('tokens order'),
  )
  const files = [{ name: 'adapter.gguf', sha256: hexOf('adapter'), size: 2000 }]
  const honest: TrainingReceipt = {
    ...under(stage),
    node: NODE,
    term: 1,
    run: hexOf('run'),
    manifest: composed.statement.digest,
    ...ingredientsOf(policy.predicate),
    converted: hexOf('converted'),
    evidence,
    seed: trainingSeed(composed.statement.digest),
    startedAt: '2026-11-20T11:25:00Z',
    finishedAt: '2026-11-20T11:30:00Z',
    passes: 2,
    batches: { steps: 10, head: hexOf('batches') },
    tokens: { tree: encodeSumRoot(tree.root), general: 300 },
    model: { digest: modelDigest(files), name: 'meadow', files },
    evaluations: [],
    extraction: {
      continuation: { asked: 20, trained: 1, base: 0 },
      opening: { asked: 20, trained: 0, base: 0 },
    },
    canary: 'not-run',
  }
  const training = await log.add(
    trainingReceipt,
    edited(lie, 'training', honest),
    await stage.signer('training', 'train of term 1'),
  )
  return { training, tokens: { tree, leaves } }
}

export const SHARES = { alice: 555_555_556, bob: 444_444_444 } as const

export async function attribute(stage: Stage, composed: Composed, { training }: Trained) {
  const { lie, log, policy } = stage
  const leaves = new Map<string, ShareLeaf>()
  for (const [who, share] of Object.entries(SHARES)) {
    const honest: ShareLeaf = {
      format: 'fairweight/share-leaf/v1',
      contributor: (await keyOf(who)).publicKey,
      share,
      canonicalTokens: who === 'alice' ? 1000 : 800,
      score: { mean: who === 'alice' ? 1000 : 800, error: 10 },
      compare: { tokens: share, leaveOneOut: null },
      alike: { items: 0, canonicalTokens: 0 },
      salt: hexOf(`share of ${who}`),
    }
    leaves.set(who, lie.leaves?.share?.(honest, who) ?? honest)
  }
  const tree = new SumTree(
    [...leaves.values()].map((leaf) => ({
      sum: BigInt(leaf.share),
      digest: decodeHex(shareLeafDigest(leaf)),
    })),
    secretOf('shares order'),
  )
  const honest = {
    ...under(stage),
    manifest: composed.statement.digest,
    training: training.digest,
    model: training.predicate.model.digest,
    attributedAt: '2026-11-20T11:40:00Z',
    method: policy.predicate.attribution.method,
    tokenWeight: policy.predicate.attribution.tokenWeight,
    validation: policy.predicate.validation.commitment,
    contributors: leaves.size,
    tree: encodeSumRoot(tree.root),
    estimate: {
      utility: policy.predicate.attribution.utility!,
      questions: policy.predicate.validation.items,
      seeds: 2,
      coalitions: 4,
      exact: true,
      empty: -900_000,
      full: -898_200,
      table: hexOf('measured values'),
    },
    basis: { utility: 1800, tokens: 1800, weight: '3240000000000', rest: 1_000_000, cap: 600_000 },
    fidelity: 'not-measured' as const,
    notices: [],
  }
  const statement = await log.add(
    attribution,
    edited(lie, 'attribution', honest),
    await stage.signer('attribution', 'train of term 1'),
  )
  return { statement, leaves, tree }
}

/** What one contributor keeps of one bundle. */
export function recordOf(
  bundle: Bundle,
  manifests: readonly Composed[],
  sums: Pick<ContributionRecord, 'tokens' | 'shares' | 'payouts'>,
): ContributionRecord {
  const logged = ({ envelope, leafIndex, salt }: Entered<unknown>) =>
    ({ envelope, leafIndex, salt }) as ContributionRecord['offer']
  return {
    format: 'fairweight/contribution-record/v1',
    offer: logged(bundle.offer),
    receipt: logged(bundle.receipt),
    withdrawals:
      bundle.withdrawal === undefined ? [] : [{ withdrawal: logged(bundle.withdrawal), receipt: null }],
    manifests: manifests.flatMap(({ statement, leaves, tree }) =>
      leaves
        .filter((one) => one.bundle === bundle)
        .map(({ leaf }) => ({
          statement: statement.digest,
          leaf,
          proof: encodePresence(tree.proveKey(decodeHex(leaf.key))),
        })),
    ),
    ...sums,
    payeeChanges: [],
    disputes: [],
  }
}

export function sumProven(statement: string, leaf: object, digest: string, tree: SumTree) {
  return { statement, leaf: { ...leaf }, proof: encodeSumProof(tree.prove(decodeHex(digest))) }
}

export function manifestTreesOf(manifests: readonly Composed[]): PublicRecord['manifestTrees'] {
  return Object.fromEntries(
    manifests.map(({ statement, leaves }) => [
      statement.digest,
      leaves
        .map(({ leaf }) => ({ key: leaf.key, value: manifestLeafValue(leaf) }))
        .sort((one, other) => (one.key < other.key ? -1 : 1)),
    ]),
  )
}

/** From two contributors' items to shares: every object of the chain, each naming the one before. */
import { decodeHex, encodeHex } from '#bytes'
import { SortedTree, SumTree, treeRoot, type SumLeaf } from '#merkle'
import {
  attribution,
  baseDigest,
  commitBundle,
  contributionReceipt,
  encodeSumRoot,
  fidelity,
  logLeafOf,
  manifest,
  manifestLeafValue,
  modelDigest,
  offer,
  recipeDigest,
  shareLeafDigest,
  signStatement,
  tokensLeafDigest,
  trainingReceipt,
  trainingSeed,
  type Item,
  type ManifestLeaf,
  type Payee,
  type ShareLeaf,
  type TokensLeaf,
  type TrainingReceipt,
} from '#statements'
import { fixed, fixedHex, type Signers } from './fixed.ts'
import { type PoolExamples } from './pool.ts'

type ContributorName = 'alba' | 'bruno'

const PAYEES: Record<ContributorName, Payee> = {
  alba: { kind: 'iban', iban: 'ES9121000418450200051332', name: 'Alba Prats' },
  bruno: { kind: 'statement' },
}

const ITEMS: Record<ContributorName, readonly Item[]> = {
  alba: [
    qa('When does the meadow saffron flower?', 'In autumn, without leaves.'),
    qa('Is it edible?', 'No: every part is poisonous.'),
    qa('What is a scythe’s edge dressed with?', 'A hammer, then a whetstone.'),
  ],
  bruno: [
    qa('When is hay cut first?', 'When the grasses head, in June.'),
    qa('How dry must hay be?', 'Under a fifth of water.'),
  ],
}

const AT = {
  offered: '2026-11-03T09:00:00Z',
  received: '2026-11-03T09:00:05Z',
  composed: '2026-11-04T00:00:00Z',
  started: '2026-11-04T00:10:00Z',
  finished: '2026-11-04T00:12:00Z',
  attributed: '2026-11-04T01:00:00Z',
}
const TOKENS: Record<ContributorName, number> = { alba: 180, bruno: 120 }
const SHARES: Record<ContributorName, number> = { alba: 600_000_000, bruno: 400_000_000 }

function qa(question: string, answer: string): Item {
  return {
    messages: [
      { role: 'user', content: question },
      { role: 'assistant', content: answer },
    ],
  }
}

async function contribution(
  name: ContributorName,
  sequence: number,
  signers: Signers,
  { policyStatement }: PoolExamples,
) {
  const secret = fixed(`${name} bundle secret`)
  const items = ITEMS[name]
  const { commitments, root } = commitBundle(items, secret)
  const under = { pool: policyStatement.digest, policy: policyStatement.digest }
  const offerStatement = await signStatement(
    offer,
    {
      ...under,
      contributor: { name: name === 'alba' ? 'Alba Prats' : 'Bruno AG', publicKey: signers[name].publicKey },
      nonce: fixedHex(`${name} nonce`),
      bundle: { root, items: items.length },
      consent: {
        licence: 'CC-BY-4.0',
        actions: ['train', 'serve-trained-model'],
        purpose: 'language-model-fine-tuning',
        until: null,
      },
      payee: PAYEES[name],
      issuedAt: AT.offered,
    },
    signers[name],
  )
  const receiptStatement = await signStatement(
    contributionReceipt,
    {
      ...under,
      node: 'node-1',
      term: 1,
      sequence,
      offer: offerStatement.digest,
      contributor: signers[name].publicKey,
      bundleRoot: root,
      ciphertext: fixedHex(`${name} ciphertext`),
      receivedAt: AT.received,
      offered: items.length,
      accepted: items.length,
      rejected: [],
      canonicalTokens: TOKENS[name],
    },
    signers.ingest,
  )
  const salt = fixedHex(`${name} receipt salt`)
  const logLeaf = logLeafOf('contribution-receipt', receiptStatement.digest, salt)
  const leaf: ManifestLeaf = {
    format: 'fairweight/manifest-leaf/v1',
    key: logLeaf.digest,
    receipt: receiptStatement.digest,
    disposition: 'included',
    reason: null,
    accepted: items.length,
    duplicates: { exact: 0, near: 0 },
    items: items.length,
    canonicalTokens: TOKENS[name],
    weight: 1_000_000,
    withdrawal: null,
    salt: fixedHex(`${name} manifest salt`),
  }
  const tokens: TokensLeaf = {
    format: 'fairweight/tokens-leaf/v1',
    key: logLeaf.digest,
    tokens: TOKENS[name] * 3,
    salt: fixedHex(`${name} tokens salt`),
  }
  const share: ShareLeaf = {
    format: 'fairweight/share-leaf/v1',
    contributor: signers[name].publicKey,
    share: SHARES[name],
    canonicalTokens: TOKENS[name],
    score: { mean: name === 'alba' ? 42_000 : 28_000, error: 3_000 },
    compare: { tokens: SHARES[name], leaveOneOut: null },
    alike: { items: 0, canonicalTokens: 0 },
    salt: fixedHex(`${name} share salt`),
  }
  return {
    name,
    secret,
    items,
    commitments,
    root,
    offerStatement,
    receiptStatement,
    salt,
    logLeaf,
    leaf,
    tokens,
    share,
  }
}
export type Contribution = Awaited<ReturnType<typeof contribution>>

export async function dataExamples(signers: Signers, pool: PoolExamples) {
  const contributions = [
    await contribution('alba', 1, signers, pool),
    await contribution('bruno', 2, signers, pool),
  ]
  const { policyStatement, evidenceStatement } = pool
  const { predicate } = policyStatement
  const under = { pool: policyStatement.digest, policy: policyStatement.digest }
  const tokenizer = predicate.base.tokenizer.sha256
  const sorted = contributions
    .map(({ leaf }) => ({ key: decodeHex(leaf.key), value: decodeHex(manifestLeafValue(leaf)) }))
    .sort((one, other) => (encodeHex(one.key) < encodeHex(other.key) ? -1 : 1))
  const tree = new SortedTree(sorted)
  const total = contributions.reduce((sum, { leaf }) => sum + leaf.canonicalTokens, 0)
  const manifestStatement = await signStatement(
    manifest,
    {
      ...under,
      previous: null,
      composedAt: AT.composed,
      cutOff: [{ node: 'node-1', term: 1, sequence: 2 }],
      logSize: 7,
      tree: { root: encodeHex(tree.root), size: tree.size },
      bundles: { included: 2, excluded: 0, withdrawn: 0 },
      items: contributions.reduce((sum, { items }) => sum + items.length, 0),
      canonicalTokens: total,
      duplicates: { exact: 0, near: 0 },
      general: {
        root: encodeHex(treeRoot([fixed('general item')])),
        items: 1,
        canonicalTokens: 90,
        weight: 500_000,
      },
      recipe: recipeDigest(predicate),
      tokenizer,
    },
    signers.mix,
  )
  const tokensKey = fixed('order of the tokens tree')
  const tokensTree = new SumTree(
    contributions.map(({ tokens }) => sumLeaf(tokens.tokens, tokensLeafDigest(tokens))),
    tokensKey,
  )
  const files = [
    { name: 'adapter.gguf', sha256: fixedHex('adapter.gguf'), size: 1_200_000 },
    { name: 'adapter_config.json', sha256: fixedHex('adapter_config.json'), size: 400 },
  ]
  const ran: TrainingReceipt = {
    ...under,
    node: 'node-1',
    term: 1,
    run: fixedHex('run'),
    manifest: manifestStatement.digest,
    base: baseDigest(predicate.base),
    converted: fixedHex('converted base'),
    tokenizer,
    recipe: recipeDigest(predicate),
    evidence: evidenceStatement.digest,
    seed: trainingSeed(manifestStatement.digest),
    startedAt: AT.started,
    finishedAt: AT.finished,
    passes: 3,
    batches: { steps: 12, head: fixedHex('batch chain') },
    tokens: { tree: encodeSumRoot(tokensTree.root), general: 135 },
    model: { digest: modelDigest(files), name: 'meadow', files },
    evaluations: [
      {
        set: 'held-out',
        commitment: predicate.validation.commitment,
        asked: 1,
        before: 0,
        after: 1,
      },
    ],
    extraction: {
      continuation: { asked: 0, trained: 0, base: 0 },
      opening: { asked: 4, trained: 0, base: 0 },
    },
    canary: 'not-run',
  }
  const trainingStatement = await signStatement(trainingReceipt, ran, signers.train)
  const sharesKey = fixed('order of the shares tree')
  const sharesTree = new SumTree(
    contributions.map(({ share }) => sumLeaf(share.share, shareLeafDigest(share))),
    sharesKey,
  )
  const attributionStatement = await signStatement(
    attribution,
    {
      ...under,
      manifest: manifestStatement.digest,
      training: trainingStatement.digest,
      model: trainingStatement.predicate.model.digest,
      attributedAt: AT.attributed,
      method: predicate.attribution.method,
      tokenWeight: predicate.attribution.tokenWeight,
      validation: predicate.validation.commitment,
      contributors: contributions.length,
      tree: encodeSumRoot(sharesTree.root),
      estimate: {
        utility: predicate.attribution.utility!,
        questions: predicate.validation.items,
        seeds: 2,
        coalitions: 4,
        exact: true,
        empty: -950_000,
        full: -880_000,
        table: fixedHex('measured values'),
      },
      basis: { utility: 70_000, tokens: 300, weight: '21000000000000', rest: 1_000_000, cap: 600_000 },
      fidelity: 'not-measured',
      notices: [],
    },
    signers.train,
  )
  const fidelityStatement = await signStatement(
    fidelity,
    {
      ...under,
      attribution: attributionStatement.digest,
      model: trainingStatement.predicate.model.digest,
      measuredAt: AT.attributed,
      repetition: predicate.attribution.seeds,
      coalitions: 4,
      agreement: 940_000,
      repeatability: 985_000,
      moved: 21_000,
      table: fixedHex('values of another seed'),
    },
    signers.train,
  )
  return {
    contributions,
    sorted,
    tree,
    manifestStatement,
    tokensKey,
    tokensTree,
    files,
    trainingStatement,
    sharesKey,
    sharesTree,
    attributionStatement,
    fidelityStatement,
  }
}
export type DataExamples = Awaited<ReturnType<typeof dataExamples>>

function sumLeaf(sum: number, digest: string): SumLeaf {
  return { sum: BigInt(sum), digest: decodeHex(digest) }
}

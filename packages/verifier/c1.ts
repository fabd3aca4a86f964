/**
 * C1: every accepted bundle up to the manifest's cut-off is in the manifest, or excluded there with a reason.
 *
 * Receipts in the log are compared one by one with the manifest's keys, and their number with the ingest
 * sequence, so that a receipt the operator never logged leaves a gap that shows.
 */
import { decodeHex, encodeHex } from '#bytes'
import { SortedTree, verifyPresence } from '#merkle'
import { keysInRole, logLeafOf, manifestLeafValue, type Manifest } from '#statements'
import type { OpenedContribution, OpenedManifestLeaf } from './contributions.ts'
import { Findings, type CheckRun } from './findings.ts'
import type { Logged } from './open.ts'
import { plural, type Draft, type Pool } from './pool.ts'

export function c1(pool: Pool): Draft {
  const findings = new Findings()
  checkChain(pool, findings)
  const sequences = checkSequences(pool, findings)
  checkTerms(pool, findings)
  checkKeys(pool, findings)
  checkRoots(pool, findings)
  checkContributions(pool, sequences, findings)
  const { manifests } = pool.opened
  const receipts = pool.leaves.filter((leaf) => leaf?.type === 'contribution-receipt').length
  const own = pool.contributions.length
  const bundles = own === 0 ? '' : `, and ${plural(own, 'given bundle')} found in place`
  const summary =
    manifests.length === 0
      ? 'there is no manifest yet'
      : `${plural(receipts, 'logged receipt')} compared with the leaves of ${plural(manifests.length, 'manifest')}${bundles}`
  return { findings, summary, restsOn: ['manifest', 'contribution-receipt'] }
}

function checkChain({ opened }: Pool, findings: Findings): void {
  const check = findings.check('c1.chain', 'each manifest with the manifest before it')
  for (const [index, one] of opened.manifests.entries()) {
    const before = opened.manifests[index - 1]
    const { previous, logSize } = one.predicate
    const expected = before?.digest ?? null
    if (previous !== expected) {
      check.fail(`${one.name} names ${previous} as the manifest before, which is ${expected}`)
    } else if (before !== undefined && logSize < before.predicate.logSize) {
      check.fail(`${one.name} covers the log to ${logSize}, the one before to ${before.predicate.logSize}`)
    } else if (logSize > one.leafIndex) {
      check.fail(`${one.name} claims to cover the log to ${logSize}, beyond its own place`)
    } else check.pass()
  }
}

/** The sequences it covers are as many as the receipts it covers, and never fewer than before. */
function checkSequences(pool: Pool, findings: Findings): CheckRun {
  const check = findings.check(
    'c1.sequence-gap-free',
    'each manifest’s cut-offs with the receipts in the log',
  )
  for (const [index, one] of pool.opened.manifests.entries()) {
    const { cutOff, logSize } = one.predicate
    const places = new Map(cutOff.map(({ node, term, sequence }) => [`${node} term ${term}`, sequence]))
    const covered = cutOff.reduce((sum, { sequence }) => sum + sequence, 0)
    const logged = receiptsBelow(pool, logSize).length
    const dropped = pool.opened.manifests[index - 1]?.predicate.cutOff.find(
      ({ node, term, sequence }) => (places.get(`${node} term ${term}`) ?? 0) < sequence,
    )
    if (dropped !== undefined) {
      check.fail(`${one.name} ends ${dropped.node} term ${dropped.term} before the manifest before it did`)
    } else if (covered !== logged) {
      const side = covered > logged ? 'missing from the log' : 'in the log without a sequence'
      check.fail(
        `${one.name} covers ${plural(covered, 'sequence')} and the log holds ${plural(logged, 'receipt')} ` +
          `below ${logSize}: ${plural(Math.abs(covered - logged), 'receipt')} ${side}`,
      )
    } else check.pass()
  }
  return check
}

/** A term that no cut-off names could hide all its receipts: zero says that there were none. */
function checkTerms({ opened, keysets }: Pool, findings: Findings): void {
  const check = findings.check(
    'c1.term-covered',
    'each ingesting term in evidence with the cut-offs of each manifest',
  )
  for (const { name, predicate } of opened.manifests) {
    const named = new Set(predicate.cutOff.map(({ node, term }) => `${node} term ${term}`))
    const ingesting = new Set(
      keysets
        .filter((one) => one.leafIndex < predicate.logSize && keysInRole(one.keyset, 'ingest').length > 0)
        .map(({ keyset }) => `${keyset.node} term ${keyset.term}`),
    )
    for (const place of ingesting) {
      check.demand(named.has(place), () => `${name} has no cut-off for ${place}, which was ingesting`)
    }
  }
}

function checkKeys(pool: Pool, findings: Findings): void {
  const check = findings.check('c1.logged-in-manifest', 'each logged receipt with the keys of each manifest')
  for (const one of pool.opened.manifests) {
    const tree = pool.record.manifestTrees[one.digest]
    if (tree === undefined) continue
    const keys = new Set(tree.map((leaf) => leaf.key))
    const logged = receiptsBelow(pool, one.predicate.logSize)
    for (const { index, key } of logged) {
      check.demand(keys.delete(key), () => `${one.name} leaves out the receipt at leaf ${index} (${key})`)
    }
    for (const key of keys) check.fail(`${one.name} has a leaf ${key} that no logged receipt has`)
  }
}

function checkRoots({ opened, record }: Pool, findings: Findings): void {
  const check = findings.check('c1.tree-root', 'each manifest’s root with the root over its published leaves')
  for (const one of opened.manifests) {
    const leaves = record.manifestTrees[one.digest]
    if (leaves === undefined) {
      check.fail(`${one.name}: its leaves are not published`)
      continue
    }
    try {
      const tree = new SortedTree(
        leaves.map(({ key, value }) => ({ key: decodeHex(key), value: decodeHex(value) })),
      )
      const { root, size } = one.predicate.tree
      check.demand(
        encodeHex(tree.root) === root && tree.size === size,
        () =>
          `${one.name} signs ${root} over ${size} leaves; ${tree.size} published ones make ${encodeHex(tree.root)}`,
      )
    } catch (error) {
      check.fail(`${one.name}: ${(error as Error).message}`)
    }
  }
}

function checkContributions(pool: Pool, sequences: CheckRun, findings: Findings): void {
  const logged = findings.check(
    'c1.receipt-logged',
    'each given offer, receipt and withdrawal with its leaf in the log',
  )
  const offered = findings.check('c1.receipt-of-offer', 'each given receipt with the offer it answers')
  const present = findings.check(
    'c1.receipt-in-manifest',
    'each given receipt with each manifest that covers it',
  )
  const opened = findings.check('c1.leaf', 'each given manifest leaf with the root and its receipt')
  const withdrawn = findings.check(
    'c1.withdrawal',
    'each given bundle’s withdrawals with the manifests after them',
  )
  for (const one of pool.contributions) {
    checkLogged(pool, one, logged)
    const { offer, contributor, bundleRoot } = one.receipt.predicate
    offered.demand(
      offer === one.offer.digest &&
        contributor === one.contributor &&
        bundleRoot === one.offer.predicate.bundle.root,
      () =>
        `the receipt in ${one.name} answers another offer, contributor or bundle than the offer beside it`,
    )
    checkPresence(pool, one, present)
    checkCutOff(pool, one, sequences)
    for (const leaf of one.manifests) checkLeaf(pool, one, leaf, opened)
    checkWithdrawal(pool, one, withdrawn)
  }
}

function checkLogged({ leaves }: Pool, one: OpenedContribution, check: CheckRun): void {
  const { name, record, offer, receipt, withdrawals } = one
  const places = [
    { type: 'offer', digest: offer.digest, ...record.offer },
    { type: 'contribution-receipt', digest: receipt.digest, ...record.receipt },
    ...withdrawals.map((it) => ({ type: 'withdrawal', ...it }) as const),
  ] as const
  for (const { type, digest, leafIndex, salt } of places) {
    const leaf = leaves[leafIndex]
    check.demand(
      leaf?.type === type && leaf.digest === logLeafOf(type, digest, salt).digest,
      () => `the ${type} in ${name} is not what the log holds at leaf ${leafIndex}`,
    )
  }
}

function checkPresence({ opened, record }: Pool, one: OpenedContribution, check: CheckRun): void {
  const { node, term, sequence } = one.receipt.predicate
  const covering = opened.manifests.filter(({ predicate }) =>
    predicate.cutOff.some((end) => end.node === node && end.term === term && sequence <= end.sequence),
  )
  if (covering.length === 0) {
    check.pending(
      `the receipt in ${one.name} has sequence ${sequence} of ${node} term ${term}, beyond every cut-off: the next manifest must cover it`,
    )
  }
  for (const manifest of covering) {
    check.demand(
      record.manifestTrees[manifest.digest]?.some((leaf) => leaf.key === one.key) === true,
      () =>
        `${manifest.name} covers sequence ${sequence} of ${node} term ${term} and has no leaf for the receipt in ${one.name}`,
    )
  }
}

/**
 * Numbers of sequences and receipts also agree where one was deleted and the cut-off lowered by one. Then the last
 * receipt of the tree has a number beyond the cut-off, which whoever holds it can see.
 */
function checkCutOff({ opened, record }: Pool, one: OpenedContribution, check: CheckRun): void {
  const { node, term, sequence } = one.receipt.predicate
  for (const { name, digest, predicate } of opened.manifests) {
    if (record.manifestTrees[digest]?.some((leaf) => leaf.key === one.key) !== true) continue
    const last = predicate.cutOff.find((end) => end.node === node && end.term === term)?.sequence
    // A term without a cut-off is c1.term-covered's failure.
    if (last === undefined) continue
    check.demand(
      sequence <= last,
      () =>
        `${name} holds the receipt in ${one.name} with sequence ${sequence} of ${node} term ${term}, and covers ${last}: one before it is missing`,
    )
  }
}

/** The leaf is in the tree that was signed, and says of the bundle what its receipt said. */
function checkLeaf(
  { opened }: Pool,
  { key, receipt }: OpenedContribution,
  { name, statement, leaf, proof }: OpenedManifestLeaf,
  check: CheckRun,
): void {
  const manifest = opened.manifests.find((one) => one.digest === statement)
  if (manifest === undefined) {
    check.fail(`${name} names the manifest ${statement}, which is not published`)
    return
  }
  const problem = leafProblem(manifest, key, name, leaf, proof)
  if (problem !== undefined) check.fail(problem)
  else if (leaf.receipt !== receipt.digest) check.fail(`${name} is about the receipt ${leaf.receipt}`)
  else if (leaf.accepted !== receipt.predicate.accepted) {
    check.fail(`${name} counts ${leaf.accepted} accepted items, the receipt ${receipt.predicate.accepted}`)
  } else if (leaf.canonicalTokens > receipt.predicate.canonicalTokens) {
    check.fail(
      `${name} counts ${leaf.canonicalTokens} tokens, the receipt ${receipt.predicate.canonicalTokens}`,
    )
  } else check.pass()
}

function leafProblem(
  manifest: Logged<Manifest>,
  key: string,
  name: string,
  leaf: OpenedManifestLeaf['leaf'],
  proof: OpenedManifestLeaf['proof'],
): string | undefined {
  const { tree } = manifest.predicate
  if (leaf.key !== key) return `${name} has the key ${leaf.key}, and the receipt is logged as ${key}`
  if (encodeHex(proof.value) !== manifestLeafValue(leaf)) return `${name} is not what its proof proves`
  try {
    verifyPresence({ size: tree.size, root: decodeHex(tree.root) }, decodeHex(key), proof)
    return undefined
  } catch (error) {
    return `${name} does not lead to the root of ${manifest.name}: ${(error as Error).message}`
  }
}

/** A bundle is out as withdrawn only where its contributor signed that, and from the next manifest on. */
function checkWithdrawal({ opened }: Pool, one: OpenedContribution, check: CheckRun): void {
  for (const { name, statement, leaf } of one.manifests) {
    const logSize = opened.manifests.find(({ digest }) => digest === statement)?.predicate.logSize ?? 0
    const before = one.withdrawals.filter(({ leafIndex }) => leafIndex < logSize)
    if (leaf.disposition === 'withdrawn') {
      check.demand(
        one.withdrawals.some(({ digest }) => digest === leaf.withdrawal),
        () =>
          `${name} says withdrawn by ${leaf.withdrawal}, which is not among the contributor’s withdrawals`,
      )
    } else if (before.length > 0) {
      check.demand(
        leaf.disposition === 'excluded',
        () => `${name} includes a bundle whose withdrawal was logged before at leaf ${before[0]?.leafIndex}`,
      )
    }
  }
}

function receiptsBelow({ leaves }: Pool, size: number): readonly { index: number; key: string }[] {
  return leaves
    .slice(0, size)
    .flatMap((leaf, index) => (leaf?.type === 'contribution-receipt' ? [{ index, key: leaf.digest }] : []))
}

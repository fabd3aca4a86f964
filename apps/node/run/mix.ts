/**
 * The mixing stage: every accepted bundle up to the cut-off becomes a leaf of a signed manifest (spec/manifest.md).
 *
 * Composition is a function of what is durable (bundles, policy, general text), so the training stage makes the
 * same examples again from the same manifest, in this term or a later one.
 */
import { randomUUID } from 'node:crypto'
import { deriveSecret, encodeHex, encodeUtf8, sha256 } from '#bytes'
import { countTokens, renderExample } from '#chat'
import { compose, manifestOf, type Composition, type MixBundle, type MixItem } from '#mixing'
import { HttpError, type NodeContext, type Tx } from '#node/core'
import {
  itemCommitment,
  itemSalt,
  manifest,
  manifestLeafValue,
  termName,
  trainingSeed,
  type Item,
  type Manifest,
} from '#statements'
import { generalWeight, recipeFacts, type TrainingExample } from '#training'
import type { IntakeSnapshot } from './ports.ts'
import { assertOwnRun } from './row.ts'
import type { RunTables } from './tables.ts'

/** Everything that trains, from bundles as they stand at the cut-off. */
export function composePool(
  context: NodeContext,
  snapshot: IntakeSnapshot,
  general: readonly Item[],
): Composition {
  const { predicate } = context.policy
  const facts = recipeFacts(predicate.recipe)
  const salts = context.machine.secret('manifest-salts')
  const generalItems = facts.promptsPerStep === 0 ? [] : generalText(context, general)
  const composition = compose({
    bundles: snapshot.bundles.map((bundle): MixBundle => bundle),
    general: { items: generalItems, weight: 0 },
    dedup: predicate.dedup,
    saltOf: (key) => encodeHex(deriveSecret(salts, key)),
  })
  const weight = generalWeight(facts, composition.examples.length, generalItems.length)
  return { ...composition, general: { ...composition.general, weight } }
}

/** Throws {@link HttpError} 409 where the policy does not allow a run on so few. */
export function assertEnough(context: NodeContext, composition: Composition): void {
  const contributors = new Set(included(composition).map(({ contributor }) => contributor))
  const { minimumContributors, minimumCanonicalTokens } = context.policy.predicate
  if (contributors.size < minimumContributors) {
    throw new HttpError(
      409,
      'too_few_contributors',
      `The policy asks for ${minimumContributors} contributors before training; ${contributors.size} have items in the mix.`,
    )
  }
  const { canonicalTokens } = composition.totals
  if (canonicalTokens < minimumCanonicalTokens) {
    throw new HttpError(
      409,
      'too_few_tokens',
      `The policy asks for ${minimumCanonicalTokens} canonical tokens before training; ${canonicalTokens} are in the mix.`,
    )
  }
}

export function included(composition: Composition): Composition['bundles'] {
  return composition.bundles.filter(({ leaf }) => leaf.disposition === 'included')
}

/** Signs the manifest and keeps every party's leaf, in the caller's transaction. */
export async function issueManifest(
  context: NodeContext,
  tx: Tx,
  composition: Composition,
  snapshot: IntakeSnapshot,
): Promise<string> {
  const previous = await previousManifest(context, tx)
  const { policy } = context
  const predicate = manifestOf(composition, {
    policy: policy.predicate,
    policyDigest: policy.digest,
    pool: policy.pool,
    previous,
    at: context.now(),
    cutOff: await everyTerm(tx, snapshot.cutOff),
    logSize: snapshot.logSize,
  })
  const { digest } = await context.statements.issue(manifest, predicate, context.machine.key('mix'), { tx })
  const rows = composition.bundles.map(({ contributor, leaf }) => ({
    manifest: digest,
    key: leaf.key,
    value: manifestLeafValue(leaf),
    party: contributor,
    leaf: JSON.stringify(leaf),
  }))
  await tx.withTables<RunTables>().insertInto('manifest_leaves').values(rows).execute()
  return digest
}

// Anybody's manifest may lie among the statements; ours are those of our runs, finished or not.
async function previousManifest({ machine }: NodeContext, tx: Tx): Promise<string | null> {
  const run = await tx
    .withTables<RunTables>()
    .selectFrom('runs')
    .selectAll()
    .where('manifest', 'is not', null)
    .orderBy('id', 'desc')
    .limit(1)
    .executeTakeFirst()
  if (run === undefined) return null
  assertOwnRun(machine, run)
  return run.manifest
}

/** A term that took in nothing stands in the cut-off with 0: that it is missing would not show otherwise. */
async function everyTerm(tx: Tx, cutOff: Manifest['cutOff']): Promise<Manifest['cutOff']> {
  const terms = await tx
    .selectFrom('terms')
    .select(['node', 'term'])
    .orderBy('node')
    .orderBy('term')
    .execute()
  const taken = new Map(cutOff.map((one) => [termName(one), one.sequence]))
  return terms.map((one) => ({ ...one, sequence: taken.get(termName(one)) ?? 0 }))
}

/** What the trainer gets: token ids by the one rendering, bundles by their number. */
export function examplesOf(
  context: NodeContext,
  composition: Composition,
): { examples: TrainingExample[]; general: TrainingExample[] } {
  const rendered = (one: MixItem, bundle: number): TrainingExample => {
    const { ids, answerFrom } = renderExample(
      one.item.messages,
      templateOf(context),
      context.engine.tokenizer,
    )
    return { bundle, commitment: one.commitment, ids, answer_from: answerFrom }
  }
  return {
    examples: composition.examples.map((one) => rendered(one, one.bundle)),
    general: composition.general.items.map((one) => rendered(one, -1)),
  }
}

export function seedOf(manifestDigest: string): number {
  return trainingSeed(manifestDigest)
}

export function templateOf(context: NodeContext): { kind: 'chatml'; systemPrompt: string } {
  const { template, systemPrompt } = context.policy.predicate.base
  return { kind: template, systemPrompt }
}

/** Checks that a composition made again is the one that was signed. */
export function isCompositionOf(composition: Composition, signed: Manifest): boolean {
  return (
    encodeHex(composition.tree.root) === signed.tree.root && composition.general.root === signed.general.root
  )
}

// The operator's own text is committed to like everyone's, under a secret that follows from the text itself.
function generalText(context: NodeContext, items: readonly Item[]): MixItem[] {
  const secret = deriveSecret(
    context.machine.secret('general-salts'),
    encodeHex(sha256(encodeUtf8(JSON.stringify(items)))),
  )
  return items.map((item, index) => ({
    item,
    commitment: encodeHex(itemCommitment(item, itemSalt(secret, index))),
    tokens: countTokens(item.messages, templateOf(context), context.engine.tokenizer),
  }))
}

/** A fresh name for a scratch folder. */
export function scratchName(): string {
  return `fairweight-${randomUUID()}`
}

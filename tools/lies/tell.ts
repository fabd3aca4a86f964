/**
 * Tells a tale: signs what has changed, builds every tree, and works out each party's proofs.
 *
 * What has not changed keeps its bytes: told without a change, the finished pool comes out as it was.
 */
import { randomBytes } from 'node:crypto'
import { canonicalJson, decodeBase64, decodeHex, encodeHex, sha256Hex, type Bytes } from '#bytes'
import { orderedSumRoot, SortedTree, SumTree } from '#merkle'
import type { Envelope } from '#seal'
import {
  encodeLogLeaf,
  encodePresence,
  encodeSumProof,
  encodeSumRoot,
  logLeafOf,
  manifestLeafValue,
  payoutLeafDigest,
  readServingReceipt,
  servingReceiptDigest,
  shareLeafDigest,
  signServingReceipt,
  signStatement,
  tokensLeafDigest,
  trainingSeed,
  usageLeafDigest,
  type Attribution,
  type CallRecord,
  type ContributionRecord,
  type Manifest,
  type ManifestLeaf,
  type Payout,
  type PublicRecord,
  type StatementKind,
  type TrainingReceipt,
  type UsageClose,
  type UsageLeaf,
} from '#statements'
import { kinds } from '#verifier'
import { answerOf } from './answers.ts'
import type { Liar } from './liar.ts'
import type { Line, Tale, TaleCall, TaleContribution } from './tale.ts'

/** A tale in the files that an auditor and the parties get to see. */
export interface Told {
  record: PublicRecord
  entries: Bytes[]
  /** By file. */
  readonly contributions: Map<string, ContributionRecord>
  readonly calls: Map<string, CallRecord>
  /** What something of the finished pool, or made up, is called now. */
  readonly nameOf: (id: string) => string
}

export async function tell(tale: Tale, liar: Liar): Promise<Told> {
  const teller = new Teller(tale, liar)
  for (const line of tale.lines) await teller.say(line)
  for (const call of tale.calls) await teller.answer(call)
  return teller.told()
}

interface Said {
  readonly line: Line
  readonly digest: string
  readonly envelope: Envelope
  /** Undefined for what stands in no log. */
  readonly leafIndex: number
}

/** One party's leaf with its proof, by the party. */
interface Proven {
  readonly statement: string
  readonly leaf: Record<string, unknown>
  readonly proof: unknown
}

type SumKind = 'tokens' | 'shares' | 'payouts'

class Teller {
  readonly #tale: Tale
  readonly #liar: Liar
  readonly #names: Map<string, string>
  readonly #said = new Map<string, Said>()
  readonly #entries: Bytes[] = []
  readonly #calls = new Map<string, CallRecord>()
  readonly #manifestTrees: PublicRecord['manifestTrees'] = {}
  readonly #usageLeaves: PublicRecord['usageLeaves'] = {}
  readonly #manifests: { id: string; leaves: readonly ManifestLeaf[]; tree: SortedTree }[] = []
  /** Trees that had to be built anew; the others have their proofs already. */
  readonly #sums: Record<SumKind, { id: string; leaves: readonly object[]; tree: SumTree | null }[]> = {
    tokens: [],
    shares: [],
    payouts: [],
  }

  constructor(tale: Tale, liar: Liar) {
    this.#tale = tale
    this.#liar = liar
    this.#names = new Map(Object.entries(tale.names))
  }

  async say(line: Line): Promise<void> {
    const { leaves } = this.#tale
    for (const { receipt } of leaves.usage[line.id] ?? []) {
      const call = this.#tale.calls.find(({ id }) => id === receipt)
      if (call !== undefined) await this.answer(call)
    }
    const predicate = this.#renamed(line.predicate)
    this.#plant(line, predicate)
    const kind = kinds[line.kind] as StatementKind<unknown>
    const unchanged = line.was?.text === canonicalJson(predicate) && line.was.signer === line.signer
    const { digest, envelope } = unchanged
      ? { digest: line.id, envelope: line.was.envelope }
      : await signStatement(kind, predicate, this.#liar.key(line.signer))
    this.#names.set(line.id, digest)
    const leafIndex = this.#entries.length
    const leaf = logLeafOf(line.kind, digest, line.salt)
    this.#names.set(logLeafOf(line.kind, line.id, line.salt).digest, leaf.digest)
    if (line.logged) this.#entries.push(encodeLogLeaf({ ...leaf, type: line.leafKind }))
    this.#said.set(line.id, { line, digest, envelope, leafIndex })
    if (line.kind === 'manifest') this.#showManifest(line.id, digest)
    if (line.kind === 'usage-close') this.#usageLeaves[digest] = this.#renamed(leaves.usage[line.id] ?? [])
  }

  /** Signs a call's receipt again where anything in it has changed. */
  async answer(call: TaleCall): Promise<void> {
    if (this.#calls.has(call.file)) return
    const { receipt, request } = call.record
    const { signature, ...document } = this.#renamed(receipt)
    if (call.was?.text === canonicalJson({ ...document, signature }) && call.was.signer === call.signer) {
      this.#calls.set(call.file, call.record)
      return
    }
    const answer = await answerOf(call.record, document, this.#nameOf, this.#liar)
    const signed = await signServingReceipt(answer.document, this.#liar.key(call.signer))
    this.#names.set(call.id, servingReceiptDigest(signed))
    this.#calls.set(call.file, {
      format: 'fairweight/call-record/v1',
      receipt: readServingReceipt(signed),
      request,
      response: answer.response,
    })
  }

  told(): Told {
    const { serving, tombstones, openPeriod, contributions } = this.#tale
    const statements = [...this.#said.values()]
      .filter(({ line }) => kinds[line.kind].visibility === 'public')
      .map(({ line, envelope, leafIndex }) => ({ leafIndex, kind: line.kind, salt: line.salt, envelope }))
    return {
      record: {
        format: 'fairweight/record/v1',
        pool: this.#nameOf(this.#tale.lines[0]!.id),
        statements: statements as PublicRecord['statements'],
        tombstones,
        manifestTrees: this.#manifestTrees,
        usageLeaves: this.#usageLeaves,
        serving: this.#renamed(serving),
        checkpoints: [],
        openPeriod,
      },
      entries: this.#entries,
      contributions: new Map(contributions.map((one) => [one.file, this.#recordOf(one)])),
      calls: this.#calls,
      nameOf: this.#nameOf,
    }
  }

  readonly #nameOf = (id: string): string => this.#names.get(id) ?? id

  /** Every digest that stands anywhere in a value under its new name. */
  #renamed<T>(value: T): T {
    const text = JSON.stringify(value).replaceAll(/[0-9a-f]{64}/g, (digest) => this.#nameOf(digest))
    return JSON.parse(text) as T
  }

  /** Roots over the leaves, and what else a statement derives from the ones before it. */
  #plant(line: Line, predicate: unknown): void {
    const { leaves } = this.#tale
    const { id, kind } = line
    if (kind === 'manifest') {
      const own = this.#renamed(leaves.manifest[id] ?? []).sort((one, other) =>
        one.key < other.key ? -1 : 1,
      )
      const tree = new SortedTree(
        own.map((leaf) => ({ key: decodeHex(leaf.key), value: decodeHex(manifestLeafValue(leaf)) })),
      )
      this.#manifests.push({ id, leaves: own, tree })
      ;(predicate as Manifest).tree = { root: encodeHex(tree.root), size: tree.size }
    }
    if (kind === 'training-receipt') {
      const training = predicate as TrainingReceipt
      training.seed = trainingSeed(training.manifest)
      training.tokens.tree = this.#sum('tokens', line, training.tokens.tree, (leaf) => ({
        sum: BigInt(leaf.tokens),
        digest: tokensLeafDigest(leaf),
      }))
    }
    if (kind === 'attribution') {
      const shares = predicate as Attribution
      shares.tree = this.#sum('shares', line, shares.tree, (leaf) => ({
        sum: BigInt(leaf.share),
        digest: shareLeafDigest(leaf),
      }))
    }
    if (kind === 'payout') {
      const paid = predicate as Payout
      paid.cumulative = this.#sum('payouts', line, paid.cumulative, (leaf) => ({
        sum: BigInt(leaf.cumulative),
        digest: payoutLeafDigest(leaf),
      }))
    }
    if (kind === 'usage-close')
      (predicate as UsageClose).tree = usageRoot(this.#renamed(leaves.usage[id] ?? []))
  }

  /** The root as it was where no leaf has changed: its order is the pool's secret, and parties have their proofs. */
  #sum<Kind extends SumKind>(
    kind: Kind,
    { id, was }: Line,
    root: Attribution['tree'],
    read: (leaf: Tale['leaves'][Kind][string][number]) => { sum: bigint; digest: string },
  ): Attribution['tree'] {
    type Leaf = Tale['leaves'][Kind][string][number]
    const own = this.#renamed<readonly Leaf[]>(this.#tale.leaves[kind][id] ?? [])
    const same = was !== null && canonicalJson(own) === this.#tale.untouched[`${kind} ${id}`]
    const tree = same
      ? null
      : new SumTree(
          own.map((leaf) => {
            const { sum, digest } = read(leaf)
            return { sum, digest: decodeHex(digest) }
          }),
          randomBytes(32),
        )
    this.#sums[kind].push({ id, leaves: own, tree })
    return tree === null ? root : encodeSumRoot(tree.root)
  }

  #showManifest(id: string, digest: string): void {
    const { leaves } = this.#manifests.find((one) => one.id === id)!
    this.#manifestTrees[digest] = leaves.map((leaf) => ({ key: leaf.key, value: manifestLeafValue(leaf) }))
  }

  /** The party's own statements where the log has them now, however deep they stand. */
  #placed<T>(value: T): T {
    if (isPlace(value)) {
      const said = this.#said.get(sha256Hex(decodeBase64(value.envelope.payload)))
      return said === undefined
        ? value
        : { ...value, envelope: said.envelope, leafIndex: said.leafIndex, salt: said.line.salt }
    }
    if (Array.isArray(value)) return value.map((one) => this.#placed(one as unknown)) as T
    if (typeof value !== 'object' || value === null) return value
    return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, this.#placed(one)])) as T
  }

  /** What the node would hand this contributor now. */
  #recordOf({ key, contributor, record }: TaleContribution): ContributionRecord {
    const named = this.#nameOf(key)
    const of = <Kind extends SumKind>(
      kind: Kind,
      mine: (leaf: Record<string, unknown>) => boolean,
      digestOf: (leaf: never) => string,
    ) =>
      this.#sums[kind].flatMap(({ id, leaves, tree }) =>
        leaves
          .filter((leaf) => mine(leaf as Record<string, unknown>))
          .flatMap((leaf): Proven[] => {
            const before = record[kind].find(({ statement }) => statement === id)
            const proof =
              tree === null ? before?.proof : encodeSumProof(tree.prove(decodeHex(digestOf(leaf as never))))
            return proof === undefined ? [] : [{ statement: this.#nameOf(id), leaf: { ...leaf }, proof }]
          }),
      ) as ContributionRecord[Kind]
    return {
      ...this.#placed(record),
      manifests: this.#manifests.flatMap(({ id, leaves, tree }) =>
        leaves
          .filter((leaf) => leaf.key === named)
          .map((leaf) => ({
            statement: this.#nameOf(id),
            leaf: { ...leaf },
            proof: encodePresence(tree.proveKey(decodeHex(leaf.key))),
          })),
      ),
      tokens: of('tokens', (leaf) => leaf['key'] === named, tokensLeafDigest),
      shares: of('shares', (leaf) => leaf['contributor'] === contributor, shareLeafDigest),
      payouts: of('payouts', (leaf) => leaf['payee'] === contributor, payoutLeafDigest),
    }
  }
}

interface Place {
  readonly envelope: Envelope
  readonly leafIndex: number
  readonly salt: string
}

function isPlace(value: unknown): value is Place {
  return typeof value === 'object' && value !== null && 'envelope' in value && 'leafIndex' in value
}

function usageRoot(leaves: readonly UsageLeaf[]): UsageClose['tree'] {
  return encodeSumRoot(
    orderedSumRoot(
      leaves.map((leaf) => ({ sum: BigInt(leaf.amount), digest: decodeHex(usageLeafDigest(leaf)) })),
    ),
  )
}

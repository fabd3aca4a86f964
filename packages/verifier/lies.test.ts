/** One lie per check: each turns exactly the named check red, in a pool that is honest otherwise. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeBase64, decodeUtf8, encodeBase64, encodeUtf8 } from '#bytes'
import type { Rim } from '#attestation'
import { signEnvelope } from '#seal'
import {
  attribution,
  bodyHashOf,
  decodeMark,
  fidelity,
  encodeLogLeaf,
  logLeafOf,
  openStatement,
  policy,
  signServingReceipt,
  signStatement,
  trainingSeed,
  type CallRecord,
  type Fidelity,
  type KindName,
  type PublicRecord,
  type ServingReceipt,
  type StatementKind,
  type TrainingReceipt,
} from '#statements'
import { audit, checkIds, type CheckId } from '#verifier'
import { hexOf, keyOf } from './testing/keys.ts'
import type { Files, Lie } from './testing/lie.ts'
import { checkpointOf, type CheckpointOptions } from './testing/log.ts'
import { markedCall } from './testing/marks.ts'
import { peopleLies } from './testing/people-lies.ts'
import { buildPool, freshOf, inputOf } from './testing/pool.ts'

interface Case {
  readonly check: CheckId
  readonly about: string
  readonly lie: Lie
  /** What the failure must name. */
  readonly names: RegExp
  /** Other checks that see the same lie, whatever is done. */
  readonly also?: readonly CheckId[]
}

const OTHER = hexOf('something else')

/** Replaces the published statement of a kind, the first or the one given. */
function editStatement(
  kind: string,
  edit: (one: PublicRecord['statements'][number]) => object,
  place = 0,
  files: Partial<Files> = {},
): Lie {
  return {
    files: ({ record }) => {
      const target = record.statements.filter((one) => one.kind === kind)[place]
      const statements = record.statements.map((one) => (one === target ? { ...one, ...edit(one) } : one))
      return { record: { ...record, statements }, ...files }
    },
  }
}

const editRecord = (edit: (record: PublicRecord) => Partial<PublicRecord>): Lie => ({
  files: ({ record }) => ({ record: { ...record, ...edit(record) } }),
})

const editAnchors = (edit: object): Lie => ({
  files: ({ anchors }) => ({ anchors: { ...anchors, ...edit } }),
})

/** The driver's reference values under another driver's name. */
const asOtherDriver = ([driver, ...others]: readonly Rim[]) => [
  { ...driver!, id: 'NV_GPU_DRIVER_GH100_0.0.1-simulated' },
  ...others,
]

/** A file in which one allowed value is another one. */
const rewritten = (rim: string) =>
  encodeBase64(encodeUtf8(decodeUtf8(decodeBase64(rim)).replace(/Hash0="[0-9a-f]{8}/, 'Hash0="deadbeef')))

/** Another checkpoint over the same entries. */
const checkpointed = (options: CheckpointOptions, cosignedAt = '2026-11-20T13:29:00Z'): Lie => ({
  files: async ({ entries }) => ({ checkpoint: await checkpointOf(entries, cosignedAt, options) }),
})

/** One more statement at the end of log and record. */
/** What a node says of the pool's one attribution, after it. */
async function withFidelity(files: Files, change: Partial<Fidelity>): Promise<Partial<Files>> {
  const published = files.record.statements.find(({ kind }) => kind === 'attribution')!
  const { predicate, digest } = await openStatement(attribution, published.envelope)
  const { pool, policy, model } = predicate
  const measured = { measuredAt: '2026-11-20T11:50:00Z', repetition: 2, coalitions: 4, table: OTHER }
  const honest = { agreement: 900_000, repeatability: 950_000, moved: 30_000 }
  const said = { pool, policy, model, attribution: digest, ...measured, ...honest, ...change }
  return append(files, fidelity, said, 'train of term 1')
}

async function append<P>(
  { entries, record }: Files,
  kind: StatementKind<P>,
  predicate: P,
  key: string,
): Promise<Partial<Files>> {
  const { envelope, digest } = await signStatement(kind, predicate, await keyOf(key))
  const name = kind.kind as KindName
  const grown = [...entries, encodeLogLeaf(logLeafOf(name, digest, OTHER))]
  const added = { leafIndex: entries.length, kind: name, salt: OTHER, envelope }
  return {
    entries: grown,
    checkpoint: await checkpointOf(grown, '2026-11-20T13:29:00Z'),
    record: { ...record, statements: [...record.statements, added as PublicRecord['statements'][number]] },
  }
}

const firstKey = <T>(of: Record<string, T>): string => Object.keys(of)[0]!
const lastKey = <T>(of: Record<string, T>): string => Object.keys(of).at(-1)!

type Draft = Omit<ServingReceipt, 'signature'>
/** Changes one event of the receipt of call 1, before it is signed. */
const editEvent =
  (type: string, change: object) =>
  (receipt: Draft, call: number): Draft =>
    call === 1
      ? {
          ...receipt,
          event_log: receipt.event_log.map((one) => (one.type === type ? { ...one, ...change } : one)),
        }
      : receipt

/** An answer that ends at a mark in its middle, with a receipt of the open period that fits it in all but that. */
async function cutStream({ openCall }: Files): Promise<CallRecord> {
  const { request, response } = await markedCall(['data: one\n\n'], (text) =>
    text.slice(0, text.indexOf('data: after')),
  )
  const mark = decodeMark(atob(response!).split('\n')[2]!)!
  const bodies = { 'request.received': request!, 'response.returned': response! }
  const { signature: _, ...document } = openCall.receipt!
  const receipt = await signServingReceipt(
    {
      ...document,
      receipt_id: mark.receipt_id,
      event_log: document.event_log.map((one) => {
        if (one.type === 'response.ended') return { ...one, marks: 1, chain: mark.chain }
        return one.type === 'request.received' || one.type === 'response.returned'
          ? { ...one, body_hash: bodyHashOf(decodeBase64(bodies[one.type])) }
          : one
      }),
    },
    await keyOf('serve of term 2'),
  )
  return { format: 'fairweight/call-record/v1', receipt, request, response }
}

const editContribution = (index: number, edit: (one: Files['contributions'][number]) => object): Lie => ({
  files: ({ contributions }) => ({
    contributions: contributions.map((one, at) => (at === index ? { ...one, ...edit(one) } : one)),
  }),
})

const basis: readonly Case[] = [
  {
    check: 'input.record',
    about: 'a record of another format',
    lie: editRecord(() => ({ format: 'other' as never })),
    names: /public record: .*format/,
  },
  {
    check: 'input.anchors',
    about: 'anchors that name nothing',
    lie: editAnchors({ policy: null, operator: null }),
    names: /the anchors/,
  },
  {
    check: 'input.contribution',
    about: 'a contribution record without a receipt',
    lie: editContribution(1, () => ({ receipt: null })),
    names: /contribution record 2: .*receipt/,
  },
  {
    check: 'input.contribution',
    about: 'a manifest leaf of another shape',
    lie: editContribution(0, (one) => ({ manifests: [{ ...one.manifests[0]!, leaf: { format: 'x' } }] })),
    names: /contribution record 1: .*manifest leaf/,
  },
  {
    check: 'input.call',
    about: 'a call record of another format',
    lie: { files: ({ calls }) => ({ calls: [{ ...calls[0]!, format: 'other' as never }] }) },
    names: /call record 1: .*format/,
  },
  {
    check: 'policy.pinned',
    about: 'another policy than the auditor knows',
    lie: editAnchors({ policy: OTHER }),
    names: new RegExp(OTHER),
  },
  {
    check: 'policy.pinned',
    about: 'another operator than the auditor knows',
    lie: editAnchors({ operator: OTHER }),
    names: /operator’s key in the anchors/,
  },
  {
    check: 'policy.chain',
    about: 'a version that names another one before it',
    lie: { edit: { policy2: (it) => ({ ...it, previous: OTHER }) } },
    names: /policy at leaf 21: .*another policy/,
  },
  {
    check: 'policy.chain',
    about: 'a version that moves the history to another log',
    lie: { edit: { policy2: (it) => ({ ...it, log: { ...it.log, origin: 'other.test/log' } }) } },
    names: /policy at leaf 21: .*changes/,
  },
  {
    check: 'policy.chain',
    about: 'two quick versions, the second on a first that is not in force yet',
    lie: {
      files: async (files) => {
        const pending = files.record.statements.at(-1)!
        const { predicate, digest } = await openStatement(policy, pending.envelope)
        const third = { ...predicate, version: 3, previous: digest, issuedAt: '2026-11-20T13:16:00Z' }
        return append(files, policy, { ...third, effectiveAt: '2026-11-20T14:16:00Z' }, 'operator')
      },
    },
    names: /policy at leaf 22: it is issued before the policy before it has taken effect/,
  },
  {
    check: 'policy.notice',
    about: 'less notice than promised',
    lie: { edit: { policy2: (it) => ({ ...it, effectiveAt: '2026-11-20T14:14:59Z' }) } },
    names: /policy at leaf 21 gives 3599 seconds/,
  },
  {
    check: 'policy.notice',
    about: 'a date before what had been logged already',
    lie: {
      edit: {
        policy2: (it) => ({
          ...it,
          issuedAt: '2026-11-20T12:11:00Z',
          effectiveAt: '2026-11-20T13:40:00Z',
          noticeSeconds: 0,
        }),
        policy1: (it) => ({ ...it, noticeSeconds: 5400 }),
      },
    },
    names: /policy at leaf 21 gives 5\d\d\d seconds/,
  },
  {
    check: 'policy.in-force',
    about: 'a manifest under a policy that is not in force yet',
    lie: { edit: { manifest1: (it) => ({ ...it, policy: OTHER }) } },
    names: /manifest at leaf 9 names the policy/,
    also: [],
  },
  {
    check: 'statement.signature',
    about: 'a payout whose signature is another’s',
    lie: editStatement(
      'payout',
      ({ envelope }) => ({
        envelope: { ...envelope, signatures: [{ ...envelope.signatures[0], sig: btoa('x'.repeat(64)) }] },
      }),
      1,
      { contributions: [] },
    ),
    names: /payout at leaf 18/,
  },
  {
    check: 'statement.form',
    about: 'a payout that is signed in another spelling than the canonical one',
    lie: {
      files: async ({ record }) => {
        const key = await keyOf('ledger')
        const statements = await Promise.all(
          record.statements.map(async (one) =>
            one.leafIndex === 18
              ? { ...one, envelope: await signEnvelope(encodeUtf8(`${atob(one.envelope.payload)} `), key) }
              : one,
          ),
        )
        return { record: { ...record, statements: statements as never }, contributions: [] }
      },
    },
    names: /payout at leaf 18: .*canonical/,
  },
  {
    check: 'statement.kind',
    about: 'a payout published as a usage close',
    lie: editStatement('payout', () => ({ kind: 'usage-close' }), 1, { contributions: [] }),
    names: /usage-close at leaf 18: .*payout/,
    also: ['c8.leaf-type'],
  },
  {
    check: 'statement.visibility',
    about: 'an offer that is published',
    lie: {
      files: ({ record, contributions }) => {
        const { leafIndex, salt, envelope } = contributions[0]!.offer
        const one = { leafIndex, salt, envelope, kind: 'offer' as const }
        return { record: { ...record, statements: [...record.statements, one] } }
      },
    },
    names: /offer at leaf 2 is published/,
  },
  {
    check: 'statement.once',
    about: 'a statement published twice',
    lie: editRecord(({ statements }) => ({ statements: [...statements, statements.at(-1)!] })),
    names: /policy at leaf 21 is also/,
  },
  {
    check: 'statement.pool',
    about: 'a manifest of another pool',
    lie: { edit: { manifest2: (it) => ({ ...it, pool: OTHER }) } },
    names: /manifest at leaf 20 belongs to the pool/,
  },
  {
    check: 'statement.time',
    about: 'a policy from the future',
    lie: {
      edit: {
        policy2: (it) => ({ ...it, issuedAt: '2026-11-20T15:00:00Z', effectiveAt: '2026-11-20T16:00:00Z' }),
      },
    },
    names: /policy at leaf 21 is dated 2026-11-20T15:00:00Z/,
  },
  {
    check: 'statement.role',
    about: 'a manifest signed by a key of another role',
    lie: { sign: { manifest2: 'train of term 2' } },
    names: /manifest at leaf 20 is signed by .*role train and not mix/,
  },
  {
    check: 'statement.role',
    about: 'a usage close signed by a key that no evidence lists',
    lie: { sign: { close2: 'stranger' } },
    names: /usage-close at leaf 17 is signed by .*no evidence lists/,
  },
  {
    check: 'statement.role',
    about: 'a training receipt signed in another term',
    lie: { sign: { training: 'train of term 2' } },
    names: /training-receipt at leaf 10 .*not a key of node-a term 1/,
    also: ['c4.evidence'],
  },
  {
    check: 'statement.role',
    about: 'a policy signed by someone else than the operator',
    lie: { sign: { policy2: 'stranger' } },
    names: /policy at leaf 21 is signed by/,
  },
  {
    check: 'statement.role',
    about: 'a receipt signed by a key that does not ingest',
    lie: { sign: { receipt1: 'mix of term 1' } },
    names: /receipt in contribution record 1 is signed by/,
  },
  {
    check: 'statement.role',
    about: 'a signature after the keyset’s end',
    lie: { machine2: { keyset: (it) => ({ ...it, notAfter: '2026-11-20T13:00:30Z' }) } },
    names: /whose keyset was not valid at 2026-11-20T13:10:00Z/,
    also: ['a1.fresh'],
  },
]

const machines: readonly Case[] = [
  {
    check: 'a1.cpu-evidence',
    about: 'a quote signed by another key',
    lie: { machine1: { quote: { quoteSignedBy: 'stranger' } } },
    names: /evidence at leaf 1 .*tdx\.quote-signature/,
  },
  {
    check: 'a1.cpu-evidence',
    about: 'a machine that can be debugged',
    lie: { machine1: { quote: { tdAttributes: '0100001000000000' } } },
    names: /evidence at leaf 1 .*tdx\.td-attributes/,
  },
  {
    check: 'a1.trusted-root',
    about: 'a simulator that the auditor does not accept',
    lie: editAnchors({ simulatedRoots: [] }),
    names: /SIMULATED: .*anchors do not accept/,
  },
  {
    check: 'a1.trusted-root',
    about: 'a root that the policy does not name',
    lie: {
      edit: {
        policy1: (it) => ({
          ...it,
          trust: { ...it.trust, roots: it.trust.roots.map((root) => ({ ...root, sha256: OTHER })) },
        }),
      },
    },
    names: /evidence at leaf 1 .*tdx\.trusted-root/,
  },
  {
    check: 'a1.tcb-status',
    about: 'a platform that lacks updates',
    lie: {
      edit: { policy1: (it) => ({ ...it, trust: { ...it.trust, tcbStatuses: ['OutOfDate'] } }) },
    },
    names: /evidence at leaf 1 .*tdx\.tcb-status/,
  },
  {
    check: 'a1.challenge',
    about: 'a quote over something else',
    lie: { machine1: { challenge: new Uint8Array(32) } },
    names: /evidence at leaf 1 has report data/,
  },
  {
    check: 'a1.keyset-binding',
    about: 'evidence signed outside its keyset’s log role',
    lie: { sign: { evidence1: 'ledger' } },
    names: /evidence at leaf 1 is signed by/,
  },
  {
    check: 'a1.keyset-binding',
    about: 'a keyset of another pool',
    lie: { machine1: { keyset: (it) => ({ ...it, pool: OTHER }) } },
    names: /evidence at leaf 1 shows a keyset of the pool/,
  },
  {
    check: 'a1.gpu-evidence',
    about: 'a GPU report signed by another key',
    lie: { machine1: { gpu: { signedBy: 'stranger' } } },
    names: /evidence at leaf 1 has GPU 1 refused: gpu\.signature/,
  },
  {
    check: 'a1.gpu-nonce',
    about: 'a GPU report over another nonce',
    lie: { machine1: { gpuNonce: new Uint8Array(32) } },
    names: /evidence at leaf 1 has GPU 1 refused: gpu\.nonce/,
  },
  {
    check: 'a1.gpu-count',
    about: 'no GPU at all',
    lie: { machine1: { gpus: 0 } },
    names: /evidence at leaf 1 shows 0 distinct GPUs/,
  },
  {
    check: 'a1.rim',
    about: 'reference values that the policy requires and nobody gives',
    lie: { machine1: { rims: () => [] } },
    names: /evidence at leaf 1 has GPU 1 refused: gpu\.rim-files: driver file: no reference values/,
  },
  {
    check: 'a1.rim',
    about: 'genuine reference values of another driver',
    lie: {
      machine1: { gpu: { opaque: new Map([[3, encodeUtf8('0.0.1-simulated\0')]]) }, rims: asOtherDriver },
    },
    names: /evidence at leaf 1 has GPU 1 refused: gpu\.rim-version: .*0\.0\.0-simulated/,
  },
  {
    check: 'a1.rim',
    about: 'reference values that the operator wrote',
    lie: { machine1: { rims: (rims) => rims.map((one) => ({ ...one, rim: rewritten(one.rim) })) } },
    names: /evidence at leaf 1 has GPU 1 refused: gpu\.rim-signature/,
  },
  {
    check: 'a1.rim',
    about: 'GPU firmware that NVIDIA never signed values for',
    lie: { machine1: { gpu: { measured: new Map([[3, new Uint8Array(48)]]) } } },
    names: /evidence at leaf 1 has GPU 1 refused: gpu\.rim: .*3 \(vbios\)/,
  },
  {
    check: 'a1.trusted-root',
    about: 'reference values under a root that the policy does not name',
    lie: {
      edit: {
        policy1: (it) => ({
          ...it,
          trust: {
            ...it.trust,
            roots: it.trust.roots.map((root) =>
              root.vendor === 'nvidia-rim' ? { ...root, sha256: OTHER } : root,
            ),
          },
        }),
      },
    },
    names: /evidence at leaf 1 has GPU 1 refused: gpu\.rim-root/,
  },
  {
    check: 'a1.trusted-root',
    about: 'simulated reference values that the auditor does not accept',
    lie: {
      files: ({ anchors }) => ({
        anchors: { ...anchors, simulatedRoots: (anchors!['simulatedRoots'] as string[]).slice(0, 2) },
      }),
    },
    names: /SIMULATED: its reference of GPU 1 evidence ends in .*anchors do not accept/,
  },
  {
    check: 'a1.evidence-age',
    about: 'statements long after the last evidence',
    lie: { edit: { policy1: (it) => ({ ...it, trust: { ...it.trust, maxEvidenceAgeSeconds: 3000 } }) } },
    names: /at leaf \d+ is \d+ seconds from its keyset’s nearest evidence/,
  },
  {
    check: 'a1.fresh',
    about: 'live evidence over another nonce',
    lie: {
      files: async ({ record }) => ({ fresh: await freshOf(record.pool, { nonce: OTHER }) }),
    },
    names: /answers the nonce/,
  },
  {
    check: 'a1.fresh',
    about: 'live evidence of a keyset that was never logged',
    lie: { files: async ({ record }) => ({ fresh: await freshOf(record.pool, { term: 3 }) }) },
    names: /which no evidence in the log shows/,
  },
  {
    check: 'a2.measurement',
    about: 'a program that the policy never allowed',
    lie: { machine1: { measured: 'ab'.repeat(48) } },
    names: /evidence at leaf 1 .*tdx\.measurement/,
  },
  {
    check: 'a2.measurement',
    about: 'a program whose time is over',
    lie: {
      edit: {
        policy1: (it) => ({
          ...it,
          trust: {
            ...it.trust,
            measurements: it.trust.measurements.map((one) => ({ ...one, until: '2026-11-20T12:00:00Z' })),
          },
        }),
      },
    },
    names: /evidence at leaf 14 .*another time/,
  },
]

const data: readonly Case[] = [
  {
    check: 'c1.chain',
    about: 'a manifest that forgets the one before',
    lie: { edit: { manifest2: (it) => ({ ...it, previous: null }) } },
    names: /manifest at leaf 20 names null/,
  },
  {
    check: 'c1.sequence-gap-free',
    about: 'a receipt that was given and never logged',
    lie: { unlogged: [2] },
    names: /manifest at leaf 8 covers 3 sequences and the log holds 2 receipts .*1 receipt missing/,
    also: ['c1.logged-in-manifest', 'c1.receipt-logged'],
  },
  {
    check: 'c1.sequence-gap-free',
    about: 'a cut-off that falls',
    lie: {
      edit: {
        manifest2: (it) => ({ ...it, cutOff: it.cutOff.map((one) => ({ ...one, sequence: 2 })) }),
      },
    },
    names: /manifest at leaf 20 ends node-a term 1 before/,
  },
  {
    check: 'c1.sequence-gap-free',
    about:
      'a receipt that was deleted, and the cut-off lowered by one: the last of the term has a number beyond it',
    lie: {
      edit: {
        manifest1: (it) => ({
          ...it,
          cutOff: [
            { node: 'node-a', term: 1, sequence: 2 },
            { node: 'node-a', term: 2, sequence: 1 },
          ],
        }),
      },
      files: ({ contributions }) => ({ contributions: contributions.slice(0, 3) }),
    },
    names:
      /manifest at leaf 9 holds the receipt in contribution record 3 with sequence 3 of node-a term 1, and covers 2/,
  },
  {
    check: 'c1.term-covered',
    about: 'a term that no cut-off names',
    lie: {
      edit: {
        manifest2: (it) => ({ ...it, cutOff: [{ node: 'node-a', term: 1, sequence: 4 }] }),
      },
    },
    names: /manifest at leaf 20 has no cut-off for node-a term 2/,
  },
  {
    check: 'c1.logged-in-manifest',
    about: 'a logged receipt that the manifest swaps for another',
    lie: {
      leaves: {
        manifest: (leaf, bundle, one) => (bundle === 3 && one === 1 ? { ...leaf, key: OTHER } : leaf),
      },
    },
    names: /manifest at leaf 9 leaves out the receipt at leaf 7/,
    also: ['c1.leaf', 'c1.receipt-in-manifest', 'c2.leaf'],
  },
  {
    check: 'c1.tree-root',
    about: 'published leaves that are not the ones signed',
    lie: editRecord(({ manifestTrees }) => {
      const digest = firstKey(manifestTrees)
      const [first, ...rest] = manifestTrees[digest]!
      return { manifestTrees: { ...manifestTrees, [digest]: [{ ...first!, value: OTHER }, ...rest] } }
    }),
    names: /manifest at leaf 9 signs/,
  },
  {
    check: 'c1.tree-root',
    about: 'leaves that are not published',
    lie: editRecord(({ manifestTrees }) => {
      const { [lastKey(manifestTrees)]: _, ...rest } = manifestTrees
      return { manifestTrees: rest }
    }),
    names: /manifest at leaf 20: its leaves are not published/,
    also: ['c1.receipt-in-manifest'],
  },
  {
    check: 'c1.receipt-logged',
    about: 'a contributor’s receipt that the log has not',
    lie: editContribution(0, (one) => ({ receipt: { ...one.receipt, leafIndex: 5 } })),
    names: /contribution-receipt in contribution record 1 is not what the log holds at leaf 5/,
  },
  {
    check: 'c1.receipt-of-offer',
    about: 'a receipt for another bundle than was offered',
    lie: { edit: { receipt1: (it) => ({ ...it, bundleRoot: OTHER }) } },
    names: /receipt in contribution record 1 answers another/,
  },
  {
    check: 'c1.receipt-in-manifest',
    about: 'a manifest that covers a receipt and leaves it out',
    lie: {
      edit: {
        manifest1: (it) => ({
          ...it,
          cutOff: [
            { node: 'node-a', term: 1, sequence: 2 },
            { node: 'node-a', term: 2, sequence: 1 },
          ],
        }),
      },
    },
    names: /manifest at leaf 9 covers sequence 1 of node-a term 2 .*contribution record 4/,
    also: ['c1.sequence-gap-free'],
  },
  {
    check: 'c1.leaf',
    about: 'a leaf that counts fewer items than were accepted',
    lie: {
      leaves: {
        manifest: (leaf, bundle, one) =>
          bundle === 1 && one === 2 ? { ...leaf, accepted: 9, items: 9 } : leaf,
      },
    },
    names: /manifest leaf in contribution record 1 counts 9 accepted items, the receipt 10/,
  },
  {
    check: 'c1.leaf',
    about: 'a proof to another root',
    lie: editContribution(0, (one) => ({
      manifests: one.manifests.map((it) => ({ ...it, proof: { ...it.proof, index: it.proof.index ^ 1 } })),
    })),
    names: /manifest leaf in contribution record 1 does not lead to the root of manifest at leaf 9/,
  },
  {
    check: 'c1.withdrawal',
    about: 'a bundle taken out as withdrawn by nobody',
    lie: editContribution(2, () => ({ withdrawals: [] })),
    names: /contribution record 3 says withdrawn/,
  },
  {
    check: 'c2.total',
    about: 'more tokens trained than passes allow',
    lie: { edit: { training: (it) => ({ ...it, passes: 1 }) } },
    names: /training-receipt at leaf 10 trained 3600 tokens/,
    also: ['c2.leaf-within-weight'],
  },
  {
    check: 'c2.total',
    about: 'more general text than its weight allows',
    lie: { edit: { training: (it) => ({ ...it, tokens: { ...it.tokens, general: 301 } }) } },
    names: /training-receipt at leaf 10 trained 3901 tokens with general text/,
  },
  {
    check: 'c2.leaf',
    about: 'a tokens leaf that is not in the tree',
    lie: editContribution(0, (one) => ({
      tokens: one.tokens.map((it) => ({ ...it, leaf: { ...it.leaf, tokens: 1999 } })),
    })),
    names: /tokens leaf in contribution record 1 does not lead/,
  },
  {
    check: 'c2.leaf-within-weight',
    about: 'one bundle trained at another’s cost',
    lie: {
      leaves: {
        tokens: (leaf, bundle) =>
          bundle === 3 ? leaf : { ...leaf, tokens: leaf.tokens + (bundle === 1 ? 100 : -100) },
      },
    },
    names: /tokens leaf in contribution record 1 counts 2100 tokens/,
  },
  {
    check: 'c3.method',
    about: 'shares by another method than the policy’s',
    lie: { edit: { attribution: (it) => ({ ...it, method: 'replay' }) } },
    names: /attribution at leaf 11 used replay/,
  },
  {
    check: 'c3.estimate',
    about: 'more shared out than anybody measured',
    lie: {
      edit: {
        attribution: (it) => ({ ...it, estimate: { ...it.estimate!, full: it.estimate!.full + 5000 } }),
      },
    },
    names: /attribution at leaf 11 shares out 1800 of a gain of 6800/,
  },
  {
    check: 'c3.estimate',
    about: 'fewer coalitions than the policy asks for',
    lie: {
      edit: { attribution: (it) => ({ ...it, estimate: { ...it.estimate!, coalitions: 3, exact: false } }) },
    },
    names: /attribution at leaf 11 measured 3 coalitions of 2 contributors; the policy asks for 4/,
  },
  {
    check: 'c3.estimate',
    about: 'another exam than the policy’s',
    lie: {
      edit: { attribution: (it) => ({ ...it, estimate: { ...it.estimate!, questions: 7 } }) },
    },
    names: /attribution at leaf 11 asked 7 questions/,
  },
  {
    check: 'c3.basis',
    about: 'a share for a name that contributed nothing',
    lie: {
      edit: {
        attribution: (it) => ({ ...it, contributors: 3, estimate: { ...it.estimate!, coalitions: 8 } }),
      },
    },
    names: /attribution at leaf 11 has 3 contributors; manifest at leaf 9 includes 2 bundles/,
  },
  {
    check: 'c3.basis',
    about: 'more tokens than the manifest has',
    lie: {
      edit: { attribution: (it) => ({ ...it, basis: { ...it.basis, tokens: 1801 } }) },
    },
    names: /attribution at leaf 11 counts 1801 tokens; manifest at leaf 9 has 1800/,
    also: ['c3.leaf-share'],
  },
  {
    check: 'c3.leaf-share',
    about: 'parts moved from one payee to another, the sum kept',
    lie: {
      leaves: {
        share: (leaf, who) => ({ ...leaf, share: leaf.share + (who === 'bob' ? 100_000 : -100_000) }),
      },
    },
    also: ['c6.leaf'],
    names: /share leaf in contribution record 1 has 555455556 parts; its score and tokens make it 555555555/,
  },
  {
    check: 'c3.one-attribution',
    about: 'a second attribution of the same run',
    lie: {
      files: async (files) => {
        const published = files.record.statements.find(({ kind }) => kind === 'attribution')!
        const { predicate } = await openStatement(attribution, published.envelope)
        const later = { ...predicate, attributedAt: '2026-11-20T11:45:00Z' }
        return append(files, attribution, later, 'train of term 1')
      },
    },
    names: /attribution at leaf 22 splits the same run again, beside attribution at leaf 11/,
  },
  {
    check: 'c3.total',
    about: 'shares that do not make up the whole',
    lie: { leaves: { share: (leaf, who) => (who === 'bob' ? { ...leaf, share: 444_444_443 } : leaf) } },
    also: ['c3.leaf-share'],
    names: /attribution at leaf 11 sum to 999999999/,
  },
  {
    check: 'c3.leaf',
    about: 'a share that is not in the tree',
    lie: editContribution(1, (one) => ({
      shares: one.shares.map((it) => ({ ...it, leaf: { ...it.leaf, share: 444_444_445 } })),
    })),
    names: /share leaf in contribution record 2 does not lead/,
  },
  {
    check: 'c3.leaf',
    about: 'a share that forgets tokens',
    lie: { leaves: { share: (leaf, who) => (who === 'alice' ? { ...leaf, canonicalTokens: 999 } : leaf) } },
    names: /share leaf in contribution record 1 counts 999 tokens/,
  },
  {
    check: 'c3.within-cap',
    about: 'a share above the cap',
    lie: {
      edit: {
        policy1: (it) => ({ ...it, attribution: { ...it.attribution, cap: 550_000 } }),
        attribution: (it) => ({ ...it, basis: { ...it.basis, cap: 550_000 } }),
      },
    },
    also: ['c3.leaf-share'],
    names: /share leaf in contribution record 1 has 555555556 parts/,
  },
  ...(
    [
      ['the fidelity of shares that nobody published', { attribution: OTHER }, /which is not published/],
      ['the fidelity of another model', { model: OTHER }, /about another model or policy/],
      ['a seed of one’s choice', { repetition: 5 }, /is of repetition 5; the next of the policy is 2/],
    ] as const
  ).map(([about, change, names]): Case => ({
    check: 'c3.fidelity',
    about,
    lie: { files: (files) => withFidelity(files, change) },
    names,
  })),
  {
    check: 'c3.fidelity',
    about: 'measured again until it pleases',
    lie: {
      files: async (files) => {
        const once = { ...files, ...(await withFidelity(files, {})) }
        return withFidelity(once, { moved: 1 })
      },
    },
    names: /measures attribution at leaf 11 again, beside fidelity at leaf 22/,
  },
  {
    check: 'c4.trained-from-manifest',
    about: 'a run on data that nobody composed',
    lie: {
      edit: {
        training: (it) => ({ ...it, manifest: OTHER, seed: trainingSeed(OTHER) }),
        attribution: (it) => ({ ...it, manifest: OTHER }),
      },
    },
    names: /training-receipt at leaf 10 names the manifest/,
  },
  {
    check: 'c4.base',
    about: 'another base than the policy’s',
    lie: { edit: { training: (it) => ({ ...it, base: OTHER }) } },
    names: /training-receipt at leaf 10 has the base/,
  },
  {
    check: 'c4.base',
    about: 'a manifest counted with another tokenizer',
    lie: { edit: { manifest2: (it) => ({ ...it, tokenizer: OTHER }) } },
    names: /manifest at leaf 20 has the tokenizer/,
  },
  {
    check: 'c4.evidence',
    about: 'a run that names no evidence of its machine',
    lie: { edit: { training: (it) => ({ ...it, evidence: OTHER }) } },
    names: /training-receipt at leaf 10 names the evidence/,
  },
  {
    check: 'c4.attributed',
    about: 'shares of another model',
    lie: { edit: { attribution: (it) => ({ ...it, manifest: OTHER }) } },
    names: /attribution at leaf 11 is about another/,
  },
  {
    check: 'c4.served-model',
    about: 'a served model that nobody trained',
    lie: editRecord(({ serving }) => ({ serving: serving.map((one) => ({ ...one, digest: OTHER })) })),
    names: /served model meadow is/,
  },
  {
    check: 'c4.served-model',
    about: 'a served model on another tokenizer',
    lie: editRecord(({ serving }) => ({ serving: serving.map((one) => ({ ...one, tokenizer: OTHER })) })),
    names: /served model meadow uses the tokenizer/,
  },
  {
    check: 'c4.closed-model',
    about: 'calls to a model that nobody trained',
    lie: {
      leaves: { usage: (leaf, call) => (call > 3 ? { ...leaf, model: OTHER } : leaf) },
      edit: { payout2: (it) => it },
      files: ({ calls }) => ({ calls: calls.slice(0, 3) }),
    },
    names: /usage-close at leaf 17 counts calls to trained model/,
    also: ['c6.split'],
  },
  {
    check: 'c4.receipt-model',
    about: 'an answer by other weights',
    lie: {
      leaves: {
        receipt: editEvent('weights.loaded', { model_digest: OTHER }),
        usage: (leaf) => leaf,
      },
    },
    names: /call record 1 was answered by/,
    also: ['c5.receipt-in-close'],
  },
  {
    check: 'c4.extraction',
    about: 'a model that gives contributed texts back, and is sold all the same',
    lie: { edit: { training: (it) => ({ ...it, extraction: extracted({ trained: 2 }) }) } },
    names: /the served model meadow is used, and training-receipt at leaf 10 gives back 2 of 20/,
  },
  {
    check: 'c4.extraction',
    about: 'a model that nobody tried to get texts out of',
    lie: { edit: { training: (it) => ({ ...it, extraction: 'not-run' }) } },
    names: /training-receipt at leaf 10 does not say whether/,
  },
  {
    check: 'c4.extraction',
    about: 'a rate that more items than agreed have thinned',
    lie: { edit: { training: (it) => ({ ...it, extraction: extracted({ asked: 101 }) }) } },
    names: /training-receipt at leaf 10 asked for 101 answers by opening; the policy says 100/,
  },
  {
    check: 'c4.extraction',
    about: 'a bound that is raised after the model broke it',
    lie: {
      edit: {
        policy1: (it) => ({ ...it, extraction: { ...it.extraction, maximum: 49_999 } }),
        policy2: (it) => ({ ...it, extraction: { ...it.extraction, maximum: 1_000_000 } }),
      },
    },
    names: /gives back 1 of 20 contributed answers word for word by continuation; the policy allows 49999/,
  },
  {
    check: 'c4.extraction',
    about: 'a model that is no longer served, and was shared out and paid for',
    lie: {
      edit: { training: (it) => ({ ...it, extraction: extracted({ trained: 2 }) }) },
      files: ({ record }) => ({
        record: { ...record, serving: record.serving.filter(({ serves }) => serves === 'base') },
      }),
    },
    names: /the model of attribution at leaf 11 is used/,
  },
]

function extracted(opening: { asked?: number; trained?: number }): TrainingReceipt['extraction'] {
  return {
    continuation: { asked: 20, trained: 0, base: 0 },
    opening: { asked: 20, trained: 0, base: 0, ...opening },
  }
}

const usage: readonly Case[] = [
  {
    check: 'c5.one-keyset-per-term',
    about: 'a second keyset in one term',
    lie: {
      machine2: { keyset: (it) => ({ ...it, term: 1 }) },
      edit: { evidence2: (it) => ({ ...it, term: 1 }) },
      files: ({ calls }) => ({ contributions: [], calls: calls.slice(0, 3), fresh: undefined }),
    },
    names: /evidence at leaf 14 shows a second keyset for node-a term 1/,
  },
  {
    check: 'c5.chain',
    about: 'a close that forgets the one before',
    lie: { edit: { close2: (it) => ({ ...it, previous: null }) } },
    names: /usage-close at leaf 17 names null/,
  },
  {
    check: 'c5.chain',
    about: 'a period that begins before the one before ended, to choose the policy that splits it',
    lie: { edit: { close2: (it) => ({ ...it, from: '2026-11-20T11:59:00Z' }) } },
    names:
      /usage-close at leaf 17 begins at 2026-11-20T11:59:00Z; the period before ended at 2026-11-20T12:00:00Z/,
  },
  {
    check: 'c5.sequence-gap-free',
    about: 'a call that is left out',
    lie: {
      edit: {
        close2: (it) => ({
          ...it,
          ranges: it.ranges.map((one) => (one.term === 1 ? { ...one, first: 5, last: 4 } : one)),
        }),
      },
    },
    names: /usage-close at leaf 17 begins node-a term 1 at 5; .*ended at 3/,
  },
  {
    check: 'c5.sequence-gap-free',
    about: 'a term that goes on after its end',
    lie: {
      edit: { close1: (it) => ({ ...it, ranges: it.ranges.map((one) => ({ ...one, final: true })) }) },
    },
    names: /usage-close at leaf 17 goes on with node-a term 1/,
  },
  {
    check: 'c5.term-counted',
    about: 'a serving term without a range',
    lie: {
      edit: {
        close2: (it) => ({ ...it, ranges: it.ranges.filter(({ term }) => term === 2) }),
      },
    },
    names: /usage-close at leaf 17 has no range for node-a term 1/,
    also: ['c5.term-closed'],
  },
  {
    check: 'c5.term-closed',
    about: 'a dead term that nobody ends',
    lie: {
      edit: { close2: (it) => ({ ...it, ranges: it.ranges.map((one) => ({ ...one, final: false })) }) },
    },
    names: /node-a term 1 has no final close/,
  },
  {
    check: 'c5.leaves-root',
    about: 'published leaves that are not the ones signed',
    lie: editRecord(({ usageLeaves }) => {
      const digest = firstKey(usageLeaves)
      const leaves = usageLeaves[digest]!.map((leaf, at) => (at === 2 ? { ...leaf, receipt: OTHER } : leaf))
      return { usageLeaves: { ...usageLeaves, [digest]: leaves } }
    }),
    names: /usage-close at leaf 12 signs/,
    also: ['c5.receipt-in-close'],
  },
  {
    check: 'c5.models-resum',
    about: 'revenue moved from one model to the other',
    lie: {
      edit: {
        close1: (it) => ({
          ...it,
          models: it.models.map((one) => ({
            ...one,
            amount: String(BigInt(one.amount) + (one.serves === 'base' ? 100n : -100n)),
          })),
        }),
      },
    },
    names: /usage-close at leaf 12 counts 2 calls and 531/,
  },
  {
    check: 'c5.open-period',
    about: 'a period that should have been closed',
    lie: editRecord(() => ({ openPeriod: { period: 3, closesBy: '2026-11-20T13:29:00Z' } })),
    names: /period 3 was to be closed by 2026-11-20T13:29:00Z/,
  },
  {
    check: 'c5.receipt-signature',
    about: 'a receipt by another key',
    lie: { receiptKey: 'mark of term 1' },
    names: /call record 1 is not signed by a serve key of node-a term 1/,
  },
  {
    check: 'c5.receipt-body',
    about: 'another answer than was signed',
    lie: {
      files: ({ calls }) => ({
        calls: [
          { ...calls[0]!, response: encodeBase64(encodeUtf8('{"answer":"other"}')) },
          ...calls.slice(1),
        ],
      }),
    },
    names: /response kept in call record 1 hashes to/,
  },
  {
    check: 'c5.receipt-amount',
    about: 'a call that costs too much',
    lie: {
      leaves: {
        receipt: editEvent('usage.metered', { amount: '32' }),
        usage: (leaf, call) => (call === 1 ? { ...leaf, amount: '32' } : leaf),
      },
    },
    names: /call record 1 charges 32; .*cost 31/,
  },
  {
    check: 'c5.receipt-in-close',
    about: 'a call that is counted with less',
    lie: { leaves: { usage: (leaf, call) => (call === 1 ? { ...leaf, amount: '30' } : leaf) } },
    names: /call record 1 is call 1 of node-a term 1 with the amount 31; usage-close at leaf 12 counts 30/,
  },
  {
    check: 'c5.receipt-in-close',
    about: 'a call whose time is over and that no close has',
    lie: {
      files: ({ openCall, record }) => ({
        calls: [openCall],
        at: new Date('2026-11-20T14:00:00Z'),
        record: { ...record, openPeriod: null },
        fresh: undefined,
      }),
    },
    names: /call record 1 is call 3 of node-a term 2, which was to be in a close by 2026-11-20T14:00:00Z/,
  },
  {
    check: 'c5.stream-marks',
    about: 'an answer that was changed before its mark',
    lie: {
      files: async ({ calls }) => ({
        calls: [...calls, await markedCall(['data: yes\n\n'], (text) => text.replace('yes', 'no'))],
      }),
    },
    names: /answer kept in call record 6: the bytes before mark 1/,
  },
  {
    check: 'c5.stream-marks',
    about: 'a stream that was cut after a mark and called complete',
    lie: { files: async (files) => ({ calls: [await cutStream(files)] }) },
    names: /answer kept in call record 1 stops at mark 1, which does not end it; its receipt says complete/,
  },
  {
    check: 'c6.close-paid-once',
    about: 'a close that is paid twice',
    lie: {
      edit: { payout2: (it) => ({ ...it, usageClose: it.usageClose.replace(/^./, '0') }) },
    },
    names: /payout at leaf 18 pays the usage close/,
  },
  {
    check: 'c6.close-paid-once',
    about: 'a payout that forgets the one before',
    lie: { edit: { payout2: (it) => ({ ...it, previous: null }) } },
    names: /payout at leaf 18 names null/,
  },
  {
    check: 'c6.revenue-of-close',
    about: 'revenue that is kept back',
    lie: {
      edit: {
        payout1: (it) => ({
          ...it,
          models: it.models.map((one) =>
            one.attribution === null ? { ...one, revenue: '24', operator: '24' } : one,
          ),
          revenue: String(BigInt(it.revenue) - 1n),
          paid: { ...it.paid, operator: String(BigInt(it.paid.operator) - 1n) },
        }),
      },
    },
    names: /payout at leaf 13 splits 24 of the model/,
    also: ['c6.cumulative'],
  },
  {
    check: 'c6.split',
    about: 'another split than the policy’s',
    lie: { edit: { payout1: (it) => ({ ...it, split: { contributors: 6000, operator: 4000 } }) } },
    names: /payout at leaf 13 splits 6000 to 4000/,
  },
  {
    check: 'c6.split',
    about: 'a remainder that rounding cannot explain',
    lie: {
      edit: {
        payout2: (it) => ({
          ...it,
          models: it.models.map((one) => ({
            ...one,
            contributors: String(BigInt(one.contributors) - 9n),
            remainder: String(BigInt(one.remainder) + 9n),
          })),
          paid: { ...it.paid, contributors: String(BigInt(it.paid.contributors) - 9n) },
          carryOut: String(BigInt(it.carryOut) + 9n),
        }),
      },
    },
    names: /payout at leaf 18, model .*rounding leaves 11/,
    also: ['c6.cumulative'],
  },
  {
    check: 'c6.conservation',
    about: 'a carry that grows from nothing',
    lie: { edit: { payout2: (it) => ({ ...it, carryOut: '5' }) } },
    names: /payout at leaf 18: revenue and carry are 633; .*634/,
  },
  {
    check: 'c6.conservation',
    about: 'fees that no policy names',
    lie: { edit: { payout2: (it) => ({ ...it, fees: '2', carryOut: '2' }) } },
    names: /payout at leaf 18 keeps fees of 2/,
  },
  {
    check: 'c6.carry',
    about: 'a carry that is forgotten',
    lie: { edit: { payout2: (it) => ({ ...it, carryIn: '0', carryOut: '2' }) } },
    names: /payout at leaf 18 begins with a carry of 0; before it 2/,
  },
  {
    check: 'c6.cumulative',
    about: 'more owed than was ever paid out',
    lie: {
      leaves: {
        payout: (leaf, who, period) =>
          who === 'operator' && period === 2
            ? { ...leaf, cumulative: String(BigInt(leaf.cumulative) + 1n) }
            : leaf,
      },
    },
    names: /payout at leaf 18 has the cumulative sum/,
  },
  {
    check: 'c6.leaf',
    about: 'a contributor who is paid less than the share makes',
    lie: {
      leaves: {
        payout: (leaf, who, period) => {
          if (period !== 2 || who === 'operator') return leaf
          const moved = who === 'alice' ? -10n : 10n
          return {
            ...leaf,
            amount: String(BigInt(leaf.amount) + moved),
            cumulative: String(BigInt(leaf.cumulative) + moved),
          }
        },
      },
    },
    names: /payout leaf in contribution record 1 pays 235 of payout at leaf 18; the share makes 245/,
  },
  {
    check: 'c6.leaf',
    about: 'money that goes somewhere else',
    lie: { leaves: { payout: (leaf, who) => (who === 'bob' ? { ...leaf, destination: OTHER } : leaf) } },
    names: /payout leaf in contribution record 2 goes somewhere else/,
  },
]

const log: readonly Case[] = [
  {
    check: 'c8.checkpoint',
    about: 'a checkpoint signed by another log',
    lie: checkpointed({ signer: 'stranger' }),
    names: /does not verify under the log pool\.test\/log/,
  },
  {
    check: 'c8.tree-root',
    about: 'a checkpoint of another tree',
    lie: checkpointed({ root: OTHER }),
    names: /the checkpoint is of 22 leaves/,
  },
  {
    check: 'c8.cosignatures',
    about: 'too few witnesses',
    lie: checkpointed({ witnesses: ['witness.one'] }),
    names: /witnesses that the policy names: 1 of 2/,
  },
  {
    check: 'c8.cosignatures',
    about: 'witnesses that the auditor does not know',
    lie: editAnchors({ witnesses: [{ name: 'witness.four', publicKey: OTHER }], quorum: 1 }),
    names: /witnesses that the anchors name: 0 of 1/,
  },
  {
    check: 'c8.checkpoint-age',
    about: 'a log that stands still',
    lie: checkpointed({}, '2026-11-20T12:00:00Z'),
    names: /cosigned 5400 seconds ago/,
  },
  {
    check: 'c8.kept-checkpoints',
    about: 'a kept checkpoint of another history',
    lie: {
      files: async ({ record, entries }) => {
        const kept = await checkpointOf(entries, '2026-11-20T12:00:00Z', { size: 3, root: OTHER })
        return { record: { ...record, checkpoints: [kept] } }
      },
    },
    names: /kept checkpoint 1 has root/,
  },
  {
    check: 'c8.leaf-type',
    about: 'an entry that is no leaf',
    lie: {
      files: async ({ entries }) => {
        const grown = [...entries, encodeUtf8('anything')]
        return { entries: grown, checkpoint: await checkpointOf(grown, '2026-11-20T13:29:00Z') }
      },
    },
    names: /entry 22 of the log/,
  },
  {
    check: 'c8.statement-logged',
    about: 'a salt that leads to another leaf',
    lie: editStatement('manifest', () => ({ salt: OTHER }), 1),
    names: /manifest at leaf 20 makes the leaf/,
  },
  {
    check: 'c8.leaf-published',
    about: 'a public statement that is kept back',
    lie: editRecord(({ statements }) => ({ statements: statements.slice(0, -1) })),
    names: /leaf 21 is of a policy/,
  },
  {
    check: 'c8.tombstones',
    about: 'a policy that was erased',
    lie: editRecord(({ statements, tombstones }) => ({
      statements: statements.slice(0, -1),
      tombstones: [...tombstones, { leafIndex: 21, kind: 'policy', erasedAt: '2026-11-20T13:20:00Z' }],
    })),
    names: /tombstone at leaf 21 erases a policy/,
  },
  {
    check: 'c8.tombstones',
    about: 'a receipt called erased that its contributor has not withdrawn',
    lie: {
      files: ({ record, contributions }) => {
        const { leafIndex } = contributions[0]!.receipt
        const erased = { leafIndex, kind: 'contribution-receipt', erasedAt: '2026-11-20T13:20:00Z' } as const
        return { record: { ...record, tombstones: [...record.tombstones, erased] } }
      },
    },
    names: /tombstone at leaf \d+ hides the contribution-receipt in contribution record 1/,
  },
  {
    check: 'c8.consistent-with-anchor',
    about: 'a log that was rewritten since the auditor last looked',
    lie: editAnchors({ checkpoint: { size: 5, root: OTHER } }),
    names: /first 5 leaves make/,
  },
  {
    check: 'c8.consistent-with-anchor',
    about: 'a log that has shrunk since the auditor last looked',
    lie: editAnchors({ checkpoint: { size: 50, root: OTHER } }),
    names: /has 22 leaves and had 50/,
  },
]

async function failuresOf(files: Files) {
  const result = await audit(inputOf(files))
  const checks = [...result.basis.checks, ...result.claims.flatMap((claim) => claim.checks)]
  return { result, failed: checks.filter(({ verdict }) => verdict === 'fail') }
}

for (const one of [...basis, ...machines, ...data, ...usage, ...peopleLies, ...log]) {
  test(`${one.check}: ${one.about}`, async () => {
    const { result, failed } = await failuresOf(await buildPool(one.lie))
    const ids = [...new Set(failed.map(({ id }) => id))].sort()
    assert.deepEqual(ids, [one.check, ...(one.also ?? [])].sort(), JSON.stringify(failed, null, 1))
    assert.match(failed.find(({ id }) => id === one.check)?.compared ?? '', one.names)
    assert.equal(result.verdict, 'fail')
  })
}

test('every check on the closed list has its lie, but for the contract that no pool has', () => {
  const told = new Set(
    [...basis, ...machines, ...data, ...usage, ...peopleLies, ...log].map(({ check }) => check),
  )
  assert.deepEqual(
    checkIds.filter((id) => !told.has(id)),
    ['c7.contract'],
  )
})

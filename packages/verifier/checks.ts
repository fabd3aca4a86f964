/**
 * The closed list of everything an audit compares (spec/checks.md), in the order in which it is shown.
 *
 * A check id is public: results, tests, pages and the command line all name the same one.
 */

/** The claims of an audit, in the order in which they rest on each other. */
export const claimTitles = {
  A1: 'the machine is genuine',
  A2: 'the program is known',
  C1: 'every accepted bundle is in the manifest',
  C2: 'no bundle was trained beyond its weight',
  C3: 'shares sum to the whole',
  C4: 'the model that answers is the one that was trained',
  C5: 'every call is counted',
  C6: 'payouts, fees and carry make up the revenue',
  C7: 'the payout contract covers what it owes',
  C8: 'every statement is in the witnessed log',
} as const
export type ClaimId = keyof typeof claimTitles
export const claimIds = Object.keys(claimTitles) as readonly ClaimId[]

/** What all claims rest on: files that can be read, a policy that was pinned, signers with authority. */
export const basisCheckIds = [
  'input.record',
  'input.anchors',
  'input.contribution',
  'input.call',
  'policy.pinned',
  'policy.chain',
  'policy.notice',
  'policy.in-force',
  'statement.signature',
  'statement.form',
  'statement.kind',
  'statement.visibility',
  'statement.once',
  'statement.pool',
  'statement.time',
  'statement.role',
] as const

export const claimCheckIds = {
  A1: [
    'a1.cpu-evidence',
    'a1.trusted-root',
    'a1.tcb-status',
    'a1.challenge',
    'a1.keyset-binding',
    'a1.gpu-evidence',
    'a1.gpu-nonce',
    'a1.gpu-count',
    'a1.rim',
    'a1.evidence-age',
    'a1.fresh',
  ],
  A2: ['a2.measurement'],
  C1: [
    'c1.chain',
    'c1.sequence-gap-free',
    'c1.term-covered',
    'c1.logged-in-manifest',
    'c1.tree-root',
    'c1.receipt-logged',
    'c1.receipt-of-offer',
    'c1.receipt-in-manifest',
    'c1.leaf',
    'c1.withdrawal',
  ],
  C2: ['c2.total', 'c2.leaf', 'c2.leaf-within-weight'],
  C3: [
    'c3.method',
    'c3.estimate',
    'c3.basis',
    'c3.one-attribution',
    'c3.total',
    'c3.leaf',
    'c3.leaf-share',
    'c3.within-cap',
    'c3.fidelity',
  ],
  C4: [
    'c4.trained-from-manifest',
    'c4.minimum-pool',
    'c4.base',
    'c4.evidence',
    'c4.attributed',
    'c4.served-model',
    'c4.closed-model',
    'c4.receipt-model',
    'c4.extraction',
  ],
  C5: [
    'c5.one-keyset-per-term',
    'c5.chain',
    'c5.sequence-gap-free',
    'c5.term-counted',
    'c5.term-closed',
    'c5.leaves-root',
    'c5.models-resum',
    'c5.open-period',
    'c5.receipt-signature',
    'c5.receipt-body',
    'c5.receipt-amount',
    'c5.receipt-in-close',
    'c5.stream-marks',
  ],
  C6: [
    'c6.close-paid-once',
    'c6.revenue-of-close',
    'c6.split',
    'c6.conservation',
    'c6.carry',
    'c6.cumulative',
    'c6.leaf',
    'c6.payee-change',
    'c6.dispute-answered',
    'c6.dispute-findings',
  ],
  C7: ['c7.contract'],
  C8: [
    'c8.checkpoint',
    'c8.tree-root',
    'c8.cosignatures',
    'c8.checkpoint-age',
    'c8.kept-checkpoints',
    'c8.leaf-type',
    'c8.statement-logged',
    'c8.leaf-published',
    'c8.tombstones',
    'c8.consistent-with-anchor',
  ],
} as const satisfies Record<ClaimId, readonly string[]>

export const checkIds = [...basisCheckIds, ...Object.values(claimCheckIds).flat()] as const
export type CheckId = (typeof checkIds)[number]

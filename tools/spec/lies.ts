/** The lies that each kind's own rules refuse. */
import type { KindName } from '#statements'
import { fixedHex } from './fixed.ts'
import type { Lie } from './refusals.ts'

const FEBRUARY_31 = '2026-02-31T00:00:00Z'

export const LIES: Readonly<Record<KindName, readonly Lie[]>> = {
  policy: [
    [
      'a replay that is never repeated',
      (it) => Object.assign(it.attribution, { method: 'replay', seeds: 1 }),
    ],
    ['the split sums to 9 999', (it) => (it.split.operator = 2_999)],
    ['a first version that names a pool', (it) => (it.genesis = fixedHex('other pool'))],
    ['one witness makes up the quorum twice', (it) => (it.log.witnesses = repeat(it.log.witnesses[0]))],
    ['the log is its own witness', (it) => (it.log.witnesses[0].publicKey = it.log.publicKey)],
    ['a quorum of more than all witnesses', (it) => (it.log.quorum = 2)],
    ['a tokenizer that is not one of the base files', (it) => (it.base.tokenizer.sha256 = fixedHex('other'))],
    ['two prices for one model', (it) => (it.prices[1].model = 'base')],
    [
      'reference values are required and no root for them is named',
      (it) =>
        (it.trust.roots = it.trust.roots.filter((root: { vendor: string }) => root.vendor !== 'nvidia-rim')),
    ],
    ['a root of a vendor that nobody knows', (it) => (it.trust.roots[0].vendor = 'someone')],
    ['a revoked platform is welcome', (it) => it.trust.tcbStatuses.push('Revoked')],
    [
      'a measurement that ends before it begins',
      (it) => (it.trust.measurements[0].until = '2025-01-01T00:00:00Z'),
    ],
    ['a recovery key that waits for nobody', (it) => (it.payees.recoverySeconds = 0)],
    ['no time to answer a dispute by', (it) => (it.disputes = {})],
    ['a price below zero', (it) => (it.prices[0].promptPerMillion = '-1')],
    ['a name that repaints the screen', (it) => (it.operator.name = 'Meadow\u001b[2K')],
    ['a base file that leads out of its folder', (it) => (it.base.files[0].name = 'a/../../base.gguf')],
    ['more wording than there is may come back', (it) => (it.extraction.maximum = 1_000_001)],
    ['wording so long that nothing is asked for', (it) => (it.extraction.suffixTokens = 51)],
    ['an attack that asks for nothing', (it) => (it.extraction.items = 0)],
    ['an attack that knows nothing of the question', (it) => (it.extraction.prefixTokens = 0)],
    ['no bound on what comes back', (it) => delete it.extraction],
    ['no member of the recipe may be called so', (it) => (it.recipe['Not This'] = 1)],
  ],
  evidence: [
    ['another term than its keyset', (it) => (it.term = 2)],
    ['another ACI keyset than the one named', (it) => (it.aciKeyset.subject = 'someone')],
    ['one GPU twice', (it) => (it.gpus = repeat(it.gpus[0]))],
    ['reference values twice', (it) => (it.rims = repeat(it.rims[0]))],
    ['reference values whose name is a path', (it) => (it.rims[0].id = '../NV_GPU_DRIVER')],
    ['no word on reference values', (it) => delete it.rims],
    ['no root for reference values', (it) => delete it.roots.nvidiaRim],
    ['a key in two roles', (it) => (it.keyset.keys[1].publicKey = it.keyset.keys[0].publicKey)],
    ['an Ed25519 key to seal to', (it) => Object.assign(it.keyset.keys.at(-1), { algorithm: 'ed25519' })],
    ['a keyset that ends before it begins', (it) => (it.keyset.notAfter = it.keyset.issuedAt)],
    ['a nonce of 31 bytes', (it) => (it.nonce = it.nonce.slice(2))],
  ],
  offer: [
    [
      'an address of another chain’s form',
      (it) => (it.payee = { kind: 'evm', chainId: 1, address: '0xABC' }),
    ],
    ['no items', (it) => (it.bundle.items = 0)],
    ['an action twice', (it) => it.consent.actions.push('train')],
    ['an action that nobody can enforce', (it) => it.consent.actions.push('resell')],
    ['a day that does not exist', (it) => (it.issuedAt = FEBRUARY_31)],
    ['a name of two lines', (it) => (it.contributor.name = 'Alba\nverified')],
  ],
  'contribution-receipt': [
    ['accepted and rejected do not add up', (it) => (it.accepted = 2)],
    [
      'one item rejected twice',
      (it) => {
        it.accepted = 1
        it.rejected = repeat({ index: 0, reason: 'too-long' })
      },
    ],
    [
      'an item rejected that was not offered',
      (it) => {
        it.accepted = 2
        it.rejected = [{ index: 3, reason: 'too-long' }]
      },
    ],
    ['sequence 0', (it) => (it.sequence = 0)],
  ],
  manifest: [
    ['the cut-off counts another number of receipts', (it) => (it.cutOff[0].sequence = 3)],
    ['a term twice in the cut-off', (it) => (it.cutOff = repeat({ ...it.cutOff[0], sequence: 1 }))],
    ['one bundle is neither included nor excluded', (it) => (it.bundles.included = 1)],
    ['a negative count', (it) => (it.items = -1)],
  ],
  'training-receipt': [
    ['the model digest is not that of its files', (it) => (it.model.digest = fixedHex('other model'))],
    ['a seed of one’s choice', (it) => (it.seed = 42)],
    ['it ended before it began', (it) => (it.finishedAt = '2026-11-04T00:00:00Z')],
    ['a file twice', (it) => (it.model.files = repeat(it.model.files[0]))],
    ['an evaluation twice', (it) => (it.evaluations = repeat(it.evaluations[0]))],
    ['more came back than was asked for', (it) => (it.extraction.opening.trained = 5)],
    ['the base gives back what it was not asked for', (it) => (it.extraction.continuation.base = 1)],
    ['one attack without the other', (it) => delete it.extraction.opening],
    ['less than nothing came back', (it) => (it.extraction.opening.trained = -1)],
    ['an extraction in words', (it) => (it.extraction = 'none')],
    ['the texts that came back', (it) => (it.extraction.opening.texts = [])],
    ['a sum beyond 2^63 - 1', (it) => (it.tokens.tree.sum = '9223372036854775808')],
  ],
  attribution: [
    ['nobody contributed', (it) => (it.contributors = 0)],
    ['a method that is not on the list', (it) => (it.method = 'by-feeling')],
    ['a fidelity in words', (it) => (it.fidelity = 'high')],
    ['a weight above one', (it) => (it.tokenWeight = 1_000_001)],
    ['utility that nobody measured', (it) => (it.estimate = null)],
    ['a basis of no tokens', (it) => (it.basis.tokens = 0)],
    ['a sum of weights with a leading zero', (it) => (it.basis.weight = '01')],
  ],
  fidelity: [
    ['more than agreement', (it) => (it.agreement = 1_000_001)],
    ['more money moved than there is', (it) => (it.moved = 1_000_001)],
    ['the seed that was paid by', (it) => (it.repetition = 0)],
    ['nothing measured', (it) => (it.coalitions = 0)],
  ],
  'usage-close': [
    [
      'a range that counts backwards',
      (it) => {
        it.ranges[0].last = 4
        it.ranges.push({ node: 'node-2', term: 1, first: 10, last: 7, final: false })
      },
    ],
    ['a term twice, so that calls overlap', (it) => (it.ranges = repeat({ ...it.ranges[0], last: 1 }))],
    ['a call in no model', (it) => (it.models[0].calls = 0)],
    ['amounts that do not make up the sum', (it) => (it.models[1].amount = '3')],
    ['a model twice', (it) => Object.assign(it.models[1], { model: it.models[0].model, serves: 'trained' })],
    ['it ended before it began', (it) => (it.closedAt = '2026-11-04T00:00:00Z')],
  ],
  payout: [
    ['the split sums to 10 001', (it) => (it.split.operator = 3_001)],
    ['revenue that no model made', (it) => (it.revenue = '73')],
    ['parts that do not make up a model’s revenue', (it) => (it.models[0].operator = '22')],
    ['a model twice', (it) => (it.models[1].model = it.models[0].model)],
    ['an amount with a leading zero', (it) => (it.carryOut = '01')],
  ],
  withdrawal: [
    ['a scope that cannot be kept', (it) => (it.scope = 'past-runs')],
    ['a receipt in capitals', (it) => (it.receipt = it.receipt.toUpperCase())],
    ['a time with an offset', (it) => (it.issuedAt = '2026-11-10T10:00:00+00:00')],
  ],
  'withdrawal-receipt': [
    ['no time of shredding', (it) => delete it.keyShreddedAt],
    ['term 0', (it) => (it.term = 0)],
    ['a node with a space', (it) => (it.node = 'node 1')],
  ],
  'payee-change': [
    ['the recovery key is the contributor’s own', (it) => (it.recovery = it.contributor)],
    ['from no period', (it) => (it.fromPeriod = 0)],
    [
      'an address with capitals',
      (it) => (it.payee = { kind: 'evm', chainId: 1, address: `0x${'AB'.repeat(20)}` }),
    ],
    ['two payees at once', (it) => Object.assign(it.payee, { address: `0x${'ab'.repeat(20)}` })],
    ['a day that does not exist', (it) => (it.issuedAt = FEBRUARY_31)],
    ['a name that repaints the screen', (it) => (it.payee.name = 'Bruno\u001b[2K')],
    ['a change before that is not named', (it) => delete it.previous],
  ],
  'payee-cancellation': [
    ['no change is named', (it) => (it.change = null)],
    ['a key of 31 bytes', (it) => (it.contributor = it.contributor.slice(2))],
    ['a time with an offset', (it) => (it.issuedAt = '2026-11-09T09:00:00+00:00')],
  ],
  'payee-receipt': [
    ['the wait ends before it begins', (it) => (it.waitsUntil = '2026-11-07T09:00:00Z')],
    ['no time of receipt', (it) => delete it.receivedAt],
    ['term 0', (it) => (it.term = 0)],
  ],
  dispute: [
    ['a reason in words', (it) => (it.reason = 'it is too little')],
    ['a payout without the leaf in it', (it) => (it.about.leaf = null)],
    ['a receipt with a leaf', (it) => (it.reason = 'tokens-miscounted')],
    ['a statement that is no digest', (it) => (it.about.statement = 'payout 1')],
  ],
  'dispute-receipt': [
    ['the answer is due before the dispute came', (it) => (it.answerBy = '2026-11-07T10:00:00Z')],
    ['no deadline', (it) => delete it.answerBy],
    ['who disputes', (it) => (it.contributor = fixedHex('contributor'))],
  ],
  'dispute-answer': [
    ['an outcome in words', (it) => (it.outcome = 'mostly right')],
    ['findings in the open', (it) => (it.findings = [{ what: 'share', stated: '1', recomputed: '1' }])],
    ['no findings', (it) => delete it.findings],
  ],
}

function repeat<T>(one: T): T[] {
  return [one, structuredClone(one)]
}

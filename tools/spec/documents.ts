/** Documents that are no statements: one accepted, and what its reader must refuse. */
import { encodeBase64, encodeHex, encodeUtf8, concatBytes, decodeHex, decodeUtf8 } from '#bytes'
import {
  encodeBundle,
  encodeLogLeaf,
  encodeMark,
  encodePresence,
  encodeSumProof,
  itemSchema,
  shareLeafDigest,
  tokensLeafDigest,
  payoutLeafDigest,
  type BundleHeader,
  type Status,
} from '#statements'
import type { DataExamples } from './data.ts'
import { fixedHex, type Loose, type Signers } from './fixed.ts'
import { REQUEST, type MoneyExamples } from './money.ts'
import type { PeopleExamples } from './people.ts'
import type { PoolExamples } from './pool.ts'

export interface DocumentVectors {
  readonly name: string
  readonly accepted: unknown
  readonly refused: readonly { readonly name: string; readonly code: string; readonly value: unknown }[]
}

type Change = (value: Loose) => unknown

export function bundleHeaderOf(data: DataExamples, pool: PoolExamples): BundleHeader {
  const [alba] = data.contributions
  const { policyStatement } = pool
  return {
    format: 'fairweight/bundle/v1',
    offer: alba!.offerStatement.digest,
    pool: policyStatement.digest,
    policy: policyStatement.digest,
    nonce: alba!.offerStatement.predicate.nonce,
    secret: encodeHex(alba!.secret),
    items: alba!.items.length,
  }
}

export function documentVectors(
  signers: Signers,
  pool: PoolExamples,
  data: DataExamples,
  money: MoneyExamples,
  people: PeopleExamples,
): DocumentVectors[] {
  const [alba] = data.contributions
  const header = bundleHeaderOf(data, pool)
  const bundle = decodeUtf8(encodeBundle(header, alba!.items))
  const [headerLine, ...itemLines] = bundle.slice(0, -1).split('\n')
  const leafText = decodeUtf8(encodeLogLeaf(alba!.logLeaf))
  const markLine = decodeUtf8(encodeMark(money.marks[1]!)).slice(0, -2)
  return [
    document('keyset', pool.keyset, [
      ['no format', (it) => delete it.format],
      ['no pool', (it) => delete it.pool],
      ['a key in two roles', (it) => (it.keys[1].publicKey = it.keys[0].publicKey)],
      ['a role that signs nothing', (it) => (it.keys[0].role = 'operator')],
      ['an age key that signs', (it) => Object.assign(it.keys.at(-1), { role: 'log' })],
      ['it ends before it begins', (it) => (it.notAfter = '2026-11-01T00:00:00Z')],
    ]),
    document('aci-keyset', pool.aciKeyset, [
      ['a member more', (it) => (it.note = '')],
      ['a key id twice', (it) => it.receipt_signing_keys.push(it.receipt_signing_keys[0])],
      ['a time in words', (it) => (it.not_after = 'never')],
    ]),
    document('item', itemSchema.parse(alba!.items[0]), [
      ['no answer at the end', (it) => it.messages.reverse()],
      ['an empty message', (it) => (it.messages[0].content = '')],
      ['a role that no template knows', (it) => (it.messages[0].role = 'tool')],
    ]),
    document('manifest-leaf', alba!.leaf, [
      ['excluded without a reason', (it) => (it.disposition = 'excluded')],
      ['a reason, and included', (it) => (it.reason = 'harmful')],
      ['withdrawn without a withdrawal', (it) => (it.disposition = 'withdrawn')],
      ['items and duplicates do not add up', (it) => (it.items = 2)],
      ['no salt', (it) => delete it.salt],
    ]),
    document('tokens-leaf', alba!.tokens, [
      ['a fraction', (it) => (it.tokens = 1.5)],
      ['below zero', (it) => (it.tokens = -1)],
      ['the format of another leaf', (it) => (it.format = 'fairweight/share-leaf/v1')],
    ]),
    document('share-leaf', alba!.share, [
      ['below zero', (it) => (it.share = -1)],
      ['a score without its error', (it) => (it.score = { mean: 1 })],
      ['nothing to compare with', (it) => delete it.compare],
      ['no salt', (it) => delete it.salt],
    ]),
    document('payout-leaf', money.payees[0]!, [
      ['a number for an amount', (it) => (it.cumulative = 29)],
      ['no destination', (it) => delete it.destination],
      ['below zero', (it) => (it.amount = '-1')],
    ]),
    document('dispute-findings', people.findings[0]!, [
      ['a part twice', (it) => it.parts.push(structuredClone(it.parts[0]))],
      ['nothing was looked at', (it) => (it.parts = [])],
      ['a part that nobody asked about', (it) => (it.parts[0].what = 'fairness')],
      ['no salt', (it) => delete it.salt],
    ]),
    document('invoice', money.invoice, [
      ['a line that was left out', (it) => it.lines.pop()],
      ['a payment that was left out', (it) => it.payments.pop()],
      ['a refund that nobody paid', (it) => it.refunds.push({ ...it.payments[0], reference: 'out-2' })],
      ['a closing balance of its own', (it) => (it.closing = '4929')],
      ['a balance below zero', (it) => Object.assign(it, { charged: '9999', closing: '-4999' })],
      [
        'it opens at something before anything was paid',
        (it) => Object.assign(it, { opening: '1', closing: '4129' }),
      ],
      ['number 2 that follows nothing', (it) => (it.number = 2)],
      ['a payment of another month', (it) => (it.payments[0].at = '2026-10-31T23:59:59Z')],
      ['a payment twice', (it) => Object.assign(it, twice(it))],
      ['month 13', (it) => (it.month = '2026-13')],
      ['no calls in a line', (it) => (it.lines[0].calls = 0)],
      ['a buyer that is a path', (it) => (it.buyer = 'buyer-../../x')],
      ['no signature', (it) => delete it.signature],
      ['a note', (it) => (it.note = 'paid')],
    ]),
    document('status', statusOf(pool), [
      ['an account by its name', (it) => (it.books.drifted = ['buyer/buyer-0123456789abcdef'])],
      ['a note', (it) => (it.note = 'fine')],
      ['a thing to do that is on no list', (it) => (it.todo[0].code = 'relax')],
      ['an age in words', (it) => (it.evidence.takenAt = 'yesterday')],
      ['words that repaint a terminal', (it) => (it.todo[0].what = '\u001b[2Jall good')],
      ['a stage that is a sentence', (it) => (it.run.stage = 'nearly done')],
    ]),
    document('serving-receipt', money.trained, [
      ['no weights', (it) => (it.event_log = withoutEvent(it, 'weights.loaded'))],
      ['no usage', (it) => (it.event_log = withoutEvent(it, 'usage.metered'))],
      [
        'metered and refused at once',
        (it) => it.event_log.push({ type: 'request.refused', status: 429, code: 'no_credit' }),
      ],
      ['an event twice', (it) => it.event_log.push(it.event_log.at(-1))],
      ['a trained model without a training receipt', (it) => (it.event_log[2].training_receipt = null)],
      ['marks without a chain', (it) => (it.event_log.at(-1).chain = null)],
      ['another first event', (it) => it.event_log.reverse()],
    ]),
    document(
      'call-record',
      {
        format: 'fairweight/call-record/v1',
        receipt: money.trained,
        request: encodeBase64(encodeUtf8(REQUEST)),
        response: encodeBase64(concatBytes(...money.response)),
      },
      [
        ['neither receipt nor answer', (it) => Object.assign(it, { receipt: null, response: null })],
        ['no format', (it) => delete it.format],
        ['a receipt of another version', (it) => (it.receipt.api_version = 'aci/2')],
      ],
    ),
    document('contribution-record', contributionRecord(data, money, people), [
      ['a proof below leaf 0', (it) => (it.manifests[0].proof.index = -1)],
      ['no receipt', (it) => delete it.receipt],
      ['a change of payee without its receipt', (it) => delete it.payeeChanges[0].receipt],
      ['two signatures', (it) => it.offer.envelope.signatures.push(it.offer.envelope.signatures[0])],
    ]),
    document(
      'record',
      {
        format: 'fairweight/record/v1',
        pool: pool.policyStatement.digest,
        statements: [
          {
            leafIndex: 0,
            kind: 'policy',
            salt: fixedHex('policy salt'),
            envelope: pool.policyStatement.envelope,
          },
        ],
        tombstones: [],
        manifestTrees: {
          [data.manifestStatement.digest]: data.sorted.map(({ key, value }) => ({
            key: encodeHex(key),
            value: encodeHex(value),
          })),
        },
        usageLeaves: { [money.closeStatement.digest]: money.leaves },
        serving: [
          {
            model: 'meadow',
            serves: 'trained',
            digest: data.trainingStatement.predicate.model.digest,
            base: data.trainingStatement.predicate.base,
            tokenizer: data.trainingStatement.predicate.tokenizer,
          },
        ],
        checkpoints: [],
        openPeriod: null,
      },
      [
        ['a kind that is no kind', (it) => (it.statements[0].kind = 'rumour')],
        ['a tree under a name', (it) => (it.manifestTrees = { newest: [] })],
        ['a member more', (it) => (it.verified = true)],
      ],
    ),
    document(
      'anchors',
      {
        format: 'fairweight/anchors/v1',
        policy: pool.policyStatement.digest,
        operator: signers.operator.publicKey,
        witnesses: [{ name: 'witness.example/w1', publicKey: fixedHex('witness') }],
        quorum: 1,
        simulatedRoots: [],
        checkpoint: null,
      },
      [
        ['neither policy nor operator', (it) => Object.assign(it, { policy: null, operator: null })],
        ['a witness twice', (it) => it.witnesses.push(it.witnesses[0])],
        ['a quorum of more than all', (it) => (it.quorum = 2)],
      ],
    ),
    {
      name: 'log-leaf',
      accepted: leafText,
      refused: [
        refused('members in another order', 'json-not-canonical', swapMembers(leafText)),
        refused('a type that is no kind', 'document-invalid', leafText.replace('contribution-', 'rumour-')),
        refused('a digest of 31 bytes', 'document-invalid', leafText.replace(/"[0-9a-f]{2}/, '"')),
        refused('a line feed at the end', 'json-not-canonical', `${leafText}\n`),
      ],
    },
    {
      name: 'bundle',
      accepted: bundle,
      refused: [
        refused('cut off within a line', 'document-invalid', bundle.slice(0, -10)),
        refused('cut off after a line', 'document-invalid', `${headerLine}\n${itemLines[0]}\n`),
        refused('an item too many', 'document-invalid', `${bundle}${itemLines[0]}\n`),
        refused('no header', 'document-invalid', `${itemLines.join('\n')}\n`),
        refused('an item with a space', 'json-not-canonical', bundle.replace('"},{"', '"}, {"')),
      ],
    },
    {
      name: 'stream-mark',
      accepted: markLine,
      refused: [
        refused('a member twice', 'document-invalid', markLine.replace('"ended":', '"ended":null,"ended":')),
        refused('mark 0', 'document-invalid', markLine.replace('"mark":2', '"mark":0')),
        refused('no JSON', 'document-invalid', markLine.slice(0, -1)),
      ],
    },
  ]
}

function contributionRecord(data: DataExamples, money: MoneyExamples, people: PeopleExamples) {
  const [alba] = data.contributions
  const { offerStatement, receiptStatement, leaf, tokens, share, salt } = alba!
  const [payoutLeaf] = money.payees
  const proven = (statement: { digest: string }, value: unknown, proof: unknown) => ({
    statement: statement.digest,
    leaf: value,
    proof,
  })
  return {
    format: 'fairweight/contribution-record/v1',
    offer: { envelope: offerStatement.envelope, leafIndex: 2, salt: fixedHex('alba offer salt') },
    receipt: { envelope: receiptStatement.envelope, leafIndex: 3, salt },
    withdrawals: [],
    manifests: [
      proven(data.manifestStatement, leaf, encodePresence(data.tree.proveKey(decodeHex(leaf.key)))),
    ],
    tokens: [
      proven(
        data.trainingStatement,
        tokens,
        encodeSumProof(data.tokensTree.prove(decodeHex(tokensLeafDigest(tokens)))),
      ),
    ],
    shares: [
      proven(
        data.attributionStatement,
        share,
        encodeSumProof(data.sharesTree.prove(decodeHex(shareLeafDigest(share)))),
      ),
    ],
    payouts: [
      proven(
        money.payoutStatement,
        payoutLeaf,
        encodeSumProof(money.payoutsTree.prove(decodeHex(payoutLeafDigest(payoutLeaf!)))),
      ),
    ],
    payeeChanges: [
      {
        change: { envelope: people.changeStatement.envelope, leafIndex: 12, salt: fixedHex('change salt') },
        receipt: {
          envelope: people.changeReceiptStatement.envelope,
          leafIndex: 13,
          salt: fixedHex('change receipt salt'),
        },
        cancellation: null,
      },
    ],
    disputes: [
      {
        dispute: {
          envelope: people.disputeStatement.envelope,
          leafIndex: 14,
          salt: fixedHex('dispute salt'),
        },
        findings: people.findings[0],
      },
    ],
  }
}

function document(
  name: string,
  accepted: unknown,
  lies: readonly (readonly [string, Change])[],
): DocumentVectors {
  return {
    name,
    accepted,
    refused: lies.map(([lie, change]) => {
      const value = structuredClone(accepted) as Loose
      change(value)
      return refused(lie, 'document-invalid', value)
    }),
  }
}

function refused(name: string, code: string, value: unknown) {
  return { name, code, value }
}

function statusOf({ policyStatement }: PoolExamples): Status {
  const { name, version } = policyStatement.predicate
  return {
    format: 'fairweight/status/v1',
    at: '2026-11-06T01:00:00Z',
    simulated: true,
    node: 'node-1',
    term: 1,
    startedAt: '2026-11-02T00:00:00Z',
    keysValidUntil: '2026-12-02T00:00:00Z',
    policy: { pool: policyStatement.digest, digest: policyStatement.digest, name, version },
    evidence: { takenAt: '2026-11-05T20:00:00Z', maxAgeSeconds: 86_400 },
    log: {
      pending: 0,
      published: 12,
      witnesses: [{ name: 'witness.example/w1', cosignedAt: '2026-11-06T00:59:00Z' }],
      quorum: 1,
      maxAgeSeconds: 604_800,
    },
    run: { id: 1, stage: 'attributed', failed: false },
    serving: { models: ['base', 'meadow'], open: 2, places: 64 },
    usage: { open: { period: 2, closesBy: '2026-11-07T00:00:00Z' }, closed: 1, unpaid: 1 },
    books: { accounts: 7, sumsToZero: true, drifted: 0 },
    freeDiskBytes: 51_000_000_000,
    disputesOpen: null,
    versions: { fairweight: '0.1.0', node: '24.21.0', postgres: '18.4' },
    todo: [
      {
        code: 'payout-due',
        urgent: false,
        what: 'Pay out: closed periods wait for their payout statement.',
      },
    ],
  }
}

// Adds up, so that only the repeat is wrong.
function twice({ payments, paid, closing }: Loose): Loose {
  const more = BigInt(payments[0].amount)
  return {
    payments: [payments[0], payments[0]],
    paid: String(BigInt(paid) + more),
    closing: String(BigInt(closing) + more),
  }
}

function withoutEvent(receipt: Loose, type: string): unknown[] {
  return receipt.event_log.filter((one: { type: string }) => one.type !== type)
}

function swapMembers(text: string): string {
  return JSON.stringify(Object.fromEntries(Object.entries(JSON.parse(text) as object).reverse()))
}

/** Lies about payee changes and disputes, each with the check that it turns red. */
import { destinationOf, type DisputeFindings } from '#statements'
import type { CheckId } from '#verifier'
import { hexOf } from './keys.ts'
import type { Files, Lie } from './lie.ts'
import { THIEF } from './people.ts'

interface Case {
  readonly check: CheckId
  readonly about: string
  readonly lie: Lie
  readonly names: RegExp
  readonly also?: readonly CheckId[]
}

const OTHER = hexOf('something else')
const STATEMENT = { kind: 'statement' } as const

/** Changes what Bob (record 2) or Alice (record 1) shows. */
const shown = (index: number, edit: (one: Files['contributions'][number]) => object): Lie => ({
  people: {},
  files: ({ contributions }) => ({
    contributions: contributions.map((one, at) => (at === index ? { ...one, ...edit(one) } : one)),
  }),
})

const paidTo = (payee: Parameters<typeof destinationOf>[0]): Lie => ({
  people: {},
  leaves: {
    payout: (leaf, who, period) =>
      who === 'bob' && period === 2 ? { ...leaf, destination: destinationOf(payee, leaf.salt) } : leaf,
  },
})

const differs = (it: DisputeFindings): DisputeFindings => ({
  ...it,
  parts: [{ what: 'amount', stated: it.parts[0]!.stated, recomputed: '1000' }],
})

export const peopleLies: readonly Case[] = [
  {
    check: 'c6.leaf',
    about: 'money that still goes to the old account',
    lie: paidTo(STATEMENT),
    names: /payout leaf in contribution record 2 goes somewhere else/,
  },
  {
    check: 'c6.leaf',
    about: 'money that goes where a cancelled change wanted it',
    lie: paidTo(THIEF),
    names: /payout leaf in contribution record 2 goes somewhere else/,
  },
  {
    check: 'c6.payee-change',
    about: 'a change by a stranger',
    lie: { people: { changeBy: 'mallory' } },
    names: /payee change 1 in contribution record 2 was taken and must not have been: payee-signer/,
  },
  {
    check: 'c6.payee-change',
    about: 'two changes at one place of the chain',
    lie: { people: { recovery: (it) => ({ ...it, previous: null }) } },
    names: /payee change 2 in contribution record 2 .*payee-change-not-next/,
  },
  {
    check: 'c6.payee-change',
    about: 'a change for a payout that was stated before',
    lie: { people: { change: (it) => ({ ...it, fromPeriod: 1 }) } },
    names: /begins with period 1, whose payout at leaf 13 was stated before/,
  },
  {
    check: 'c6.payee-change',
    about: 'a recovery key that waits less than the policy says',
    lie: {
      people: { recoveryReceipt: (it) => ({ ...it, waitsUntil: '2026-11-20T12:40:00Z' }) },
    },
    names: /waits until 2026-11-20T12:40:00Z; the policy makes 2026-11-20T12:52:00Z/,
  },
  {
    check: 'c6.payee-change',
    about: 'a cancellation by nobody who may',
    lie: {
      people: { cancellation: (it) => ({ ...it, change: OTHER }) },
    },
    names: /payee change 2 .*payee-change-not-next/,
  },
  {
    check: 'c6.payee-change',
    about: 'a change that the log does not hold',
    lie: shown(1, ({ payeeChanges: [first, ...more] }) => ({
      payeeChanges: [{ ...first, change: { ...first!.change, salt: OTHER } }, ...more],
    })),
    names: /payee change 1 .*not what the log holds/,
  },
  {
    check: 'c6.payee-change',
    about: 'the receipt of another change',
    lie: { people: { changeReceipt: (it) => ({ ...it, statement: OTHER }) } },
    names: /payee change 1 .*has the receipt of/,
  },
  {
    check: 'c6.dispute-answered',
    about: 'a dispute that nobody answered',
    lie: { people: { answers: [] } },
    names: /the dispute at leaf \d+ was to be answered by 2026-11-20T13:01:00Z, and is not/,
  },
  {
    check: 'c6.dispute-answered',
    about: 'a dispute without a deadline',
    lie: { people: { answers: [], disputeReceipt: null } },
    names: /the dispute at leaf \d+ has no receipt/,
  },
  {
    check: 'c6.dispute-answered',
    about: 'a deadline beyond the policy’s',
    lie: {
      people: { answers: [], disputeReceipt: (it) => ({ ...it, answerBy: '2026-12-20T12:31:00Z' }) },
    },
    names: /promises an answer by 2026-12-20T12:31:00Z; the policy makes 2026-11-20T13:01:00Z/,
  },
  {
    check: 'c6.dispute-answered',
    about: 'a dispute that is said to have come later than witnesses saw it',
    lie: {
      people: {
        answers: [],
        disputeReceipt: (it) => ({
          ...it,
          receivedAt: '2026-11-20T13:10:00Z',
          answerBy: '2026-11-20T13:40:00Z',
        }),
      },
    },
    names: /was to be answered by 2026-11-20T13:03:00Z, and is not/,
  },
  {
    check: 'c6.dispute-answered',
    about: 'an answer that came too late',
    lie: { people: { answers: [(it) => ({ ...it, answeredAt: '2026-11-20T13:02:00Z' })] } },
    names: /was to be answered by 2026-11-20T13:01:00Z, and was at 2026-11-20T13:02:00Z/,
  },
  {
    check: 'c6.dispute-answered',
    about: 'two answers to one dispute',
    lie: { people: { answers: [(it) => it, (it) => it] } },
    names: /second answer to the dispute/,
  },
  {
    check: 'c6.dispute-answered',
    about: 'a number that the node itself finds otherwise',
    lie: { people: { findings: differs } },
    names: /the node finds another number/,
  },
  {
    check: 'c6.dispute-findings',
    about: 'an answer that is not what the findings come to',
    lie: {
      people: {
        findings: differs,
        answers: [(it) => ({ ...it, outcome: 'agrees' })],
      },
    },
    names: /answered ‘agrees’; the findings come to ‘differs’/,
  },
  {
    check: 'c6.dispute-findings',
    about: 'other findings than were bound',
    lie: {
      people: { findings: differs, answers: [(it) => ({ ...it, outcome: 'agrees', findings: OTHER })] },
    },
    names: /other findings than its answer binds/,
  },
  {
    check: 'c6.dispute-findings',
    about: 'findings that are kept back',
    lie: shown(0, ({ disputes }) => ({ disputes: disputes.map((one) => ({ ...one, findings: null })) })),
    names: /its findings were kept back/,
  },
  {
    check: 'c6.dispute-findings',
    about: 'findings of another dispute',
    lie: { people: { findings: (it) => ({ ...it, dispute: OTHER }) } },
    names: /other findings than its answer binds/,
  },
  {
    check: 'c4.minimum-pool',
    about: 'a run on fewer tokens than the policy asks for',
    lie: { edit: { policy1: (it) => ({ ...it, minimumCanonicalTokens: 5000 }) } },
    names: /training-receipt at leaf 10 trained on 1800 canonical tokens; the policy asks for 5000/,
  },
  {
    check: 'c4.minimum-pool',
    about: 'a run on fewer contributors than the policy asks for',
    lie: { edit: { policy1: (it) => ({ ...it, minimumContributors: 3 }) } },
    names: /data of 2 contributors at most; the policy asks for 3/,
  },
]

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { encodeUtf8 } from '#bytes'
import { audit, checkIds, claimIds, type AuditInput, type AuditResult, type ClaimId } from '#verifier'
import { keyOf } from './testing/keys.ts'
import type { Files } from './testing/lie.ts'
import { checkpointOf } from './testing/log.ts'
import { markedCall } from './testing/marks.ts'
import { buildPool, inputOf } from './testing/pool.ts'

const honest = inputOf(await buildPool())

const claim = (result: AuditResult, id: ClaimId) => result.claims.find((one) => one.id === id)!
const verdicts = (result: AuditResult) =>
  Object.fromEntries(result.claims.map(({ id, verdict }) => [id, verdict]))
const checksOf = (result: AuditResult) => [
  ...result.basis.checks,
  ...result.claims.flatMap(({ checks }) => checks),
]

test('the honest pool passes every claim, as far as anyone can compare', async () => {
  const result = await audit(honest)
  assert.equal(result.verdict, 'pass')
  assert.equal(result.basis.verdict, 'pass')
  assert.equal(result.pinned, true)
  assert.equal(result.simulated, true)
  const passes = {
    A1: 'pass',
    A2: 'pass',
    C1: 'pass',
    C2: 'pass',
    C3: 'pass',
    C4: 'pass',
    C5: 'pass',
    C6: 'pass',
    C8: 'pass',
  }
  assert.deepEqual(verdicts(result), { ...passes, C7: 'not-applicable' })
  assert.match(claim(result, 'C1').summary, /4 logged receipts compared with the leaves of 2 manifests/)
  assert.match(claim(result, 'C8').summary, /22 leaves that 3 witnesses cosigned, 1 tombstone/)
  assert.ok(result.limits.length >= 4)
})

test('changes of payee, an objection and an answered dispute pass, and strangers see nobody behind them', async () => {
  const files = await buildPool({ people: {} })
  const result = await audit(inputOf(files))
  assert.equal(
    result.verdict,
    'pass',
    JSON.stringify(checksOf(result).filter(({ verdict }) => verdict === 'fail')),
  )
  assert.equal(claim(result, 'C6').verdict, 'pass')
  const told = new Map(checksOf(result).map(({ id, compared }) => [id, compared]))
  assert.match(told.get('c6.payee-change')!, /\(2\)$/)
  assert.match(told.get('c6.dispute-answered')!, /\(1\)$/)
  assert.match(told.get('c6.dispute-findings')!, /\(1\)$/)
  assert.ok(!JSON.stringify(files.record).includes((await keyOf('alice')).publicKey))
})

test('a dispute within its time is pending until the deadline', async () => {
  const result = await audit(
    inputOf(
      await buildPool({
        edit: { policy1: (it) => ({ ...it, disputes: { answerSeconds: 7200 } }) },
        people: { answers: [] },
      }),
    ),
  )
  assert.equal(result.verdict, 'pass')
  assert.equal(claim(result, 'C6').verdict, 'pending')
  assert.equal(claim(result, 'C6').until, '2026-11-20T14:31:00Z')
})

test('an answer that could not compute everything again is partial', async () => {
  const result = await audit(
    inputOf(
      await buildPool({
        people: {
          findings: (it) => ({ ...it, parts: [{ what: 'score', stated: '1000 ± 10', recomputed: null }] }),
        },
      }),
    ),
  )
  assert.equal(result.verdict, 'pass')
  assert.equal(claim(result, 'C6').verdict, 'partial')
})

test('a model of which no answer was long enough to ask for is partial, and does not fail', async () => {
  const none = { asked: 0, trained: 0, base: 0 }
  const extraction = { continuation: none, opening: none }
  const result = await audit(
    inputOf(await buildPool({ edit: { training: (it) => ({ ...it, extraction }) } })),
  )
  assert.equal(claim(result, 'C4').verdict, 'partial')
  assert.equal(result.verdict, 'pass')
})

test('where the policy does without reference values, A1 is partial and says so', async () => {
  const without = await buildPool({
    edit: {
      policy1: (it) => ({ ...it, trust: { ...it.trust, gpu: { ...it.trust.gpu, rim: 'not-checked' } } }),
    },
  })
  const a1 = claim(await audit(inputOf(without)), 'A1')
  assert.equal(a1.verdict, 'partial')
  const rim = a1.checks.find(({ id }) => id === 'a1.rim')
  assert.match(rim?.compared ?? '', /3 GPU reports: .*does without/)
})

test('the same input gives the same result', async () => {
  const { verifyEvidence: _, ...plain } = honest
  assert.deepEqual(await audit(honest), await audit(structuredClone(plain)))
})

test('every check id that is told is on the closed list, and every claim is told', async () => {
  const result = await audit(honest)
  for (const { id } of checksOf(result)) assert.ok(checkIds.includes(id), id)
  assert.deepEqual(
    result.claims.map(({ id }) => id),
    claimIds,
  )
})

test('without anchors the audit does not say yes, and says UNPINNED', async () => {
  const { anchors: _, ...unpinned } = honest
  const result = await audit(unpinned)
  assert.equal(result.verdict, 'unknown')
  assert.equal(result.pinned, false)
  const check = result.basis.checks.find(({ id }) => id === 'policy.pinned')
  assert.equal(check?.verdict, 'unknown')
  assert.match(check?.compared ?? '', /UNPINNED/)
  assert.match(claim(result, 'A1').summary, /SIMULATED/)
})

test('offline, the age of the evidence is shown instead of asking the machine', async () => {
  const { fresh: _, ...offline } = honest
  const result = await audit(offline)
  assert.equal(result.verdict, 'pass')
  const check = claim(result, 'A1').checks.find(({ id }) => id === 'a1.fresh')
  assert.equal(check?.verdict, 'partial')
  assert.match(check?.compared ?? '', /newest logged is 4800 seconds old/)
})

test('a machine that does not answer the nonce leaves A1 unknown', async () => {
  const result = await audit({ ...honest, fresh: { nonce: 'ab'.repeat(32), evidence: null } })
  assert.equal(claim(result, 'A1').verdict, 'unknown')
  assert.equal(result.verdict, 'unknown')
})

test('a call in the open period is pending, and says until when', async () => {
  const files = await buildPool()
  const result = await audit(inputOf({ ...files, calls: [...files.calls, files.openCall] }))
  const c5 = claim(result, 'C5')
  assert.equal(c5.verdict, 'pending')
  assert.equal(c5.until, '2026-11-20T14:00:00Z')
  assert.match(c5.summary, /call record 6 is call 3 of node-a term 2, in a period that is open until/)
  assert.equal(result.verdict, 'pass')
})

test('a close that is signed and not yet logged leaves its period pending', async () => {
  const files = await buildPool()
  const openPeriod = { period: 4, closesBy: '2026-11-20T15:00:00Z' }
  const result = await audit(inputOf({ ...files, record: { ...files.record, openPeriod } }))
  assert.equal(claim(result, 'C5').verdict, 'pending')
  assert.match(claim(result, 'C5').summary, /period 3 has been closed and awaits its place in the log/)
})

test('a cap is lifted only where too few earn, and then all get the same', async () => {
  const lifted = (cap: number, share = 500_000_000) =>
    buildPool({
      edit: {
        policy1: (it) => ({ ...it, attribution: { ...it.attribution, cap } }),
        attribution: (it) => ({ ...it, basis: { ...it.basis, weight: '2', cap }, notices: ['cap-lifted'] }),
      },
      leaves: {
        share: (leaf, who) => ({ ...leaf, share: who === 'bob' ? share : 1_000_000_000 - share }),
      },
    })
  const c3 = async (files: Files) => claim(await audit(inputOf(files)), 'C3')
  assert.equal((await c3(await lifted(450_000))).verdict, 'pass')
  assert.match((await c3(await lifted(500_000))).summary, /lifts the cap of 500000/)
  assert.match((await c3(await lifted(450_000, 500_000_001))).summary, /make it 500000000/)
})

test('of an aborted answer, what arrived is enough', async () => {
  const files = await buildPool({
    leaves: {
      receipt: (receipt, call) => ({
        ...receipt,
        event_log: receipt.event_log.map((one) =>
          call === 1 && one.type === 'response.ended' ? { ...one, how: 'aborted' as const } : one,
        ),
      }),
    },
  })
  const calls = files.calls.map((one, at) => (at === 0 ? { ...one, response: btoa('cut') } : one))
  assert.equal(claim(await audit(inputOf({ ...files, calls })), 'C5').verdict, 'pass')
})

test('a bundle beyond the cut-off waits for the next manifest', async () => {
  const files = await buildPool()
  // The log as it stood before the second manifest.
  const size = 18
  const entries = files.entries.slice(0, size)
  const statements = files.record.statements.filter(({ leafIndex }) => leafIndex < size)
  const result = await audit(
    inputOf({
      ...files,
      entries,
      checkpoint: await checkpointOf(entries, '2026-11-20T13:29:00Z'),
      record: { ...files.record, statements },
      contributions: [{ ...files.contributions[3]!, manifests: [] }],
    }),
  )
  const c1 = claim(result, 'C1')
  assert.equal(c1.verdict, 'pending')
  assert.match(c1.summary, /contribution record 1 has sequence 1 of node-a term 2, beyond every cut-off/)
})

test('a close that is not paid out yet is pending', async () => {
  const files = await buildPool()
  // The log as it stood before the second payout, with what depends on it left out.
  const size = 18
  const entries = files.entries.slice(0, size)
  const statements = files.record.statements.filter(({ leafIndex }) => leafIndex < size)
  const result = await audit(
    inputOf({
      ...files,
      entries,
      checkpoint: await checkpointOf(entries, '2026-11-20T13:29:00Z'),
      record: { ...files.record, statements },
      contributions: [],
    }),
  )
  assert.equal(claim(result, 'C6').verdict, 'pending')
  assert.match(claim(result, 'C6').summary, /usage-close at leaf 17 has not been paid out yet/)
  assert.equal(result.verdict, 'pass')
})

test('keys whose evidence fails speak for nobody: what rests on them is not a yes', async () => {
  const result = await audit(inputOf(await buildPool({ machine1: { challenge: new Uint8Array(32) } })))
  assert.equal(result.verdict, 'fail')
  const { A1, C2, C3, C5 } = verdicts(result)
  assert.deepEqual({ A1, C2, C3, C5 }, { A1: 'fail', C2: 'unknown', C3: 'unknown', C5: 'unknown' })
  assert.match(claim(result, 'C3').summary, /rests on attribution at leaf 11/)
})

test('marks prove a cut-off answer up to the last one, and no further', async () => {
  const verdictOf = async (input: Partial<AuditInput>) => {
    const check = claim(await audit({ ...honest, ...input }), 'C5').checks.find(
      ({ id }) => id === 'c5.stream-marks',
    )
    return [check?.verdict, check?.compared] as const
  }
  const pieces = ['data: one\n\n', 'data: two\n\ndata: three\n\n']
  const [whole, told] = await verdictOf({ calls: [await markedCall(pieces)] })
  assert.equal(whole, 'partial')
  assert.match(told ?? '', /2 marks prove what was answered/)
  const changed = await markedCall(pieces, (text) => text.replace('two', 'too'))
  assert.match((await verdictOf({ calls: [changed] })).join(), /^fail.*bytes before mark 2/)
  const swapped = await markedCall(pieces, (text) => text.slice(text.indexOf('data: two')))
  assert.match((await verdictOf({ calls: [swapped] })).join(), /^fail.*mark 2 .* where mark 1 should/)
  const foreign = await markedCall(pieces, undefined, 'serve of term 2')
  assert.match((await verdictOf({ calls: [foreign] })).join(), /^fail.*a mark key of no evidence/)
  const ended = await markedCall(pieces, undefined, undefined, 'complete')
  assert.equal((await verdictOf({ calls: [ended] }))[0], 'partial')
  const longer = await markedCall(pieces, (text) => `${text}data: more\n\n`, undefined, 'complete')
  assert.match((await verdictOf({ calls: [longer] })).join(), /^fail.*follows the mark that ends it/)
  const cut = await markedCall(pieces, (text) => text.slice(0, text.lastIndexOf('signature')))
  assert.equal((await verdictOf({ calls: [cut] }))[0], 'partial')
})

test('a quorum of none is told: nobody would see two logs', async () => {
  const files = await buildPool({
    edit: { policy1: (it) => ({ ...it, log: { ...it.log, witnesses: [], quorum: 0 } }) },
  })
  const result = await audit(inputOf({ ...files, anchors: { ...files.anchors, witnesses: [], quorum: 0 } }))
  assert.equal(claim(result, 'C8').verdict, 'partial')
  assert.match(claim(result, 'C8').summary, /asks for no witness/)
})

test('messages quote no control characters', async () => {
  const files = await buildPool()
  const [first, ...rest] = files.record.serving
  const serving = [{ ...first!, model: 'x\u001b[2J' as never }, ...rest]
  const result = await audit(inputOf({ ...files, record: { ...files.record, serving } }))
  for (const { compared } of checksOf(result)) assert.doesNotMatch(compared, /\p{Cc}/u)
})

const noise = fc.oneof(fc.jsonValue(), fc.constant(null), fc.constant({}), fc.constant([]), fc.string())

test('nothing that others wrote makes the audit throw', async () => {
  await fc.assert(
    fc.asyncProperty(noise, noise, noise, noise, fc.string(), async (record, anchors, one, call, note) => {
      const result = await audit({
        record,
        anchors,
        contributions: [one],
        calls: [call],
        log: { checkpoint: note, entries: [encodeUtf8(note)] },
        fresh: { nonce: 'x', evidence: one },
        at: honest.at,
      })
      assert.notEqual(result.verdict, 'pass')
    }),
    { numRuns: 50 },
  )
})

/** Replaces one value somewhere inside JSON. */
function changeAt(value: unknown, path: readonly number[], by: unknown): unknown {
  const [step, ...rest] = path
  if (step === undefined || typeof value !== 'object' || value === null) return by
  const keys = Object.keys(value)
  const key = keys[step % Math.max(keys.length, 1)]
  if (key === undefined) return by
  const inner = changeAt((value as Record<string, unknown>)[key], rest, by)
  return Array.isArray(value) ? value.with(Number(key), inner) : { ...value, [key]: inner }
}

test('one changed value anywhere in the record or a file of a party never throws', async () => {
  const path = fc.array(fc.nat(30), { minLength: 1, maxLength: 6 })
  await fc.assert(
    fc.asyncProperty(path, noise, fc.boolean(), async (steps, by, inRecord) => {
      const input: AuditInput = inRecord
        ? { ...honest, record: changeAt(honest.record, steps, by) }
        : { ...honest, contributions: changeAt(honest.contributions, [0, ...steps], by) as unknown[] }
      const result = await audit(input)
      assert.equal(result.claims.length, 10)
    }),
    { numRuns: 40 },
  )
})

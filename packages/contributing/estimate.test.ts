import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { payout, openStatement, policy, type PublicStatement } from '#statements'
import { describeEstimate, describeMissing, lastEarned, missingOf } from './estimate.ts'

const vectors = JSON.parse(
  readFileSync(new URL('../../vectors/statements.json', import.meta.url), 'utf8'),
) as {
  statements: { kind: PublicStatement['kind']; envelope: PublicStatement['envelope'] }[]
}
const envelopeOf = (kind: string) => vectors.statements.find((one) => one.kind === kind)!.envelope
const statements = vectors.statements.map(({ kind, envelope }, leafIndex) => ({
  kind,
  envelope,
  leafIndex,
  salt: '0'.repeat(64),
}))
const { predicate: agreed } = await openStatement(policy, envelopeOf('policy'))
const { predicate: paid } = await openStatement(payout, envelopeOf('payout'))
const own = { low: 1000, high: 3000 }
const pool = { contributors: 3, canonicalTokens: 9000 }

test('the estimate is a part of what was really paid to contributors, with its basis', async () => {
  const earned = await lastEarned(statements)
  assert.deepEqual([earned?.period, String(earned?.contributors)], [1, paid.paid.contributors])
  const text = describeEstimate({
    own,
    pool,
    policy: agreed,
    earned: { ...earned!, contributors: 12_340_000n },
  }).join(' ')
  assert.match(text, /no promise: roughly 10 to 25 % of the 70 % of revenue/)
  assert.match(
    text,
    /2026-11-05T00:00:00Z to 2026-11-06T00:00:00Z\) contributors got 12\.340000 USD together/,
  )
  assert.match(text, /is 1\.234000 USD to 3\.085000 USD/)
  assert.match(text, /pays by what data does for the model \(shapley\); tokens count for 20 %/)
  assert.match(text, /more than 60 %/)
})

test('before the first payout no worth is named', async () => {
  const rest = statements.filter(({ kind }) => kind !== 'payout')
  assert.equal(await lastEarned(rest), undefined)
  const tokens = {
    ...agreed,
    attribution: { ...agreed.attribution, method: 'tokens' as const, cap: 1_000_000 },
  }
  const text = describeEstimate({ own, pool, policy: tokens, earned: undefined }).join(' ')
  assert.match(text, /Nothing has been paid out yet, so nobody can say/)
  assert.match(text, /0\.500000 USD for a million tokens asked/)
  assert.match(text, /Tokens are what this pool pays by\./)
  assert.doesNotMatch(text, /more than/)
  const first = describeEstimate({
    own,
    pool: { contributors: 0, canonicalTokens: 0 },
    policy: tokens,
    earned: undefined,
  })
  assert.match(first[0]!, /nobody else/)
})

test('what is missing before training is counted and said', () => {
  const asked = { minimumContributors: 3, minimumCanonicalTokens: 10_000 }
  assert.deepEqual(missingOf(asked, pool), { contributors: 0, canonicalTokens: 1000 })
  assert.deepEqual(missingOf(asked, { contributors: 9, canonicalTokens: 99_999 }), {
    contributors: 0,
    canonicalTokens: 0,
  })
  assert.match(
    describeMissing({ contributors: 1, canonicalTokens: 1000 }),
    /Missing without this contribution: 1 contributor, 1000 canonical tokens \(/,
  )
  assert.match(describeMissing({ contributors: 0, canonicalTokens: 0 }), /as many .* as its policy asks/)
})

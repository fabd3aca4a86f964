import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { sharesOf } from '#attribution'
import { splitRevenue } from '#ledger'

const examplesOf = (page: string): any[] => {
  const text = readFileSync(new URL(`../../spec/${page}.md`, import.meta.url), 'utf8')
  return [...text.matchAll(/^```json\n([\s\S]*?)^```$/gm)].map(([, json]) => JSON.parse(json!))
}

test('the example of spec/attribution.md gives the shares on the page', () => {
  const [input, expected] = examplesOf('attribution')
  const { shares, notices } = sharesOf(input)
  assert.deepEqual({ shares: shares.map(({ share }) => share), notices }, expected)
})

test('the example of spec/payout.md gives the amounts on the page', () => {
  const [{ revenue, split, shares }, expected] = examplesOf('payout')
  const stated = shares.map((one: { payee: string; share: number }) => ({ ...one, share: BigInt(one.share) }))
  const { payees, contributors, operator, remainder } = splitRevenue(BigInt(revenue), split, stated)
  assert.deepEqual(
    {
      payees: payees.map(({ payee, amount }) => ({ payee, amount: String(amount) })),
      contributors: String(contributors),
      operator: String(operator),
      remainder: String(remainder),
    },
    expected,
  )
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { extractionProblem, type Policy, type TrainingReceipt } from '#statements'
import { checkExtraction } from './extraction.ts'
import { Findings } from './findings.ts'
import type { Pool } from './pool.ts'

const bound: Pick<Policy, 'extraction'> = {
  extraction: { items: 500, prefixTokens: 8, suffixTokens: 16, maximum: 10_000 },
}
type Counts = { asked: number; trained: number; base: number }
const found = (continuation: Counts, opening: Counts): Pick<TrainingReceipt, 'extraction'> => ({
  extraction: { continuation, opening },
})
const quiet: Counts = { asked: 300, trained: 0, base: 0 }

test('the bound holds for each attack by itself, and is kept where it is just met', () => {
  assert.equal(extractionProblem(found({ ...quiet, trained: 3 }, quiet), bound), undefined)
  assert.match(extractionProblem(found({ ...quiet, trained: 4 }, quiet), bound)!, /4 of 300 .* continuation/)
  assert.match(extractionProblem(found(quiet, { ...quiet, trained: 4 }), bound)!, /4 of 300 .* opening/)
  // What the base gives back too is told and not taken off: nobody gains by a base that knew the texts.
  assert.ok(extractionProblem(found(quiet, { asked: 300, trained: 4, base: 4 }), bound))
})

test('a bound of nothing allows nothing, and the absence of a test is above every bound', () => {
  const nothing = { extraction: { ...bound.extraction, maximum: 0 } }
  assert.equal(extractionProblem(found(quiet, quiet), nothing), undefined)
  assert.ok(extractionProblem(found({ asked: 500, trained: 1, base: 1 }, quiet), nothing))
  const everything = { extraction: { ...bound.extraction, maximum: 1_000_000 } }
  assert.match(extractionProblem({ extraction: 'not-run' }, everything)!, /does not say/)
})

test('a receipt over the bound turns nothing red while nobody uses its model', () => {
  const predicate = { ...found(quiet, { ...quiet, trained: 300 }), policy: 'p', model: { digest: 'm' } }
  const pool = (serving: object[]) =>
    ({
      record: { serving },
      opened: { trainings: [{ name: 'it', digest: 't', predicate }], attributions: [], closes: [] },
      calls: [],
      line: { byDigest: () => ({ predicate: bound }) },
    }) as unknown as Pool
  const verdict = (of: Pool) => {
    const findings = new Findings()
    checkExtraction(of, findings)
    return findings.checks.map((one) => one.verdict).join()
  }
  assert.equal(verdict(pool([])), 'not-applicable')
  assert.equal(verdict(pool([{ model: 'meadow', serves: 'base', digest: 'm' }])), 'not-applicable')
  assert.equal(verdict(pool([{ model: 'meadow', serves: 'trained', digest: 'm' }])), 'fail')
})

import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { test } from 'node:test'
import { decodeBase64, decodeUtf8 } from '#bytes'

const spec = new URL('../../spec/', import.meta.url)
const vectors = JSON.parse(readFileSync(new URL('../../vectors/statements.json', import.meta.url), 'utf8'))
const { answers } = vectors

const envelopeOf = (kind: string) =>
  vectors.statements.find((one: { kind: string }) => one.kind === kind).envelope
const statementOf = (kind: string) => JSON.parse(decodeUtf8(decodeBase64(envelopeOf(kind).payload)))
const predicateOf = (kind: string) => statementOf(kind).predicate

const { gpuNonce, gpuListDigest, challenge, challengeWithoutGpus } = answers.keyset

/** The JSON blocks of each page, in order. */
const examples: Record<string, unknown[]> = {
  conventions: [predicateOf('withdrawal')],
  statement: [envelopeOf('withdrawal'), statementOf('withdrawal')],
  policy: [predicateOf('policy')],
  keyset: [answers.keyset.keyset, { gpuNonce, gpuListDigest, challenge, challengeWithoutGpus }],
  'node-evidence': [predicateOf('evidence')],
  fidelity: [predicateOf('fidelity')],
  'training-receipt': [predicateOf('training-receipt'), answers.sumTrees[0].leaves[0].leaf],
  withdrawal: [predicateOf('withdrawal'), predicateOf('withdrawal-receipt')],
  'payee-change': [
    predicateOf('payee-change'),
    predicateOf('payee-receipt'),
    predicateOf('payee-cancellation'),
  ],
  dispute: [
    predicateOf('dispute'),
    predicateOf('dispute-receipt'),
    answers.disputeFindings[0].findings,
    predicateOf('dispute-answer'),
  ],
  'log-leaf': [answers.logLeaves[0].leaf],
  invoice: [answers.invoice.invoice],
  status: [vectors.documents.find((one: { name: string }) => one.name === 'status').accepted],
}

test('the examples on the pages are those of the vectors', () => {
  for (const [page, expected] of Object.entries(examples)) {
    const blocks = [...pageText(page).matchAll(/^```json\n([\s\S]*?)^```$/gm)].map(([, json]) =>
      JSON.parse(json!),
    )
    assert.equal(blocks.length, expected.length, page)
    for (const [at, block] of blocks.entries())
      assert.deepEqual(block, shortened(expected[at], block), `${page}, example ${at + 1}`)
  }
})

test('digests in the text are those of the vectors', () => {
  for (const [page, digest] of [
    ['statement', vectors.statements.find((one: { kind: string }) => one.kind === 'withdrawal').digest],
    ['keyset', answers.keyset.digest],
    ['invoice', answers.invoice.digest],
    ['keyset', answers.keyset.termNonce],
    ['keyset', answers.keyset.clientNonce],
    ['log-leaf', answers.logLeaves[0].salt],
    ['log-leaf', answers.logLeaves[0].statement],
  ])
    assert.ok(pageText(page).includes(`\`${digest}\``), `${page} names ${digest}`)
})

test('every page is in the list of pages', () => {
  const index = pageText('README')
  for (const page of globSync('**/*.md', { cwd: fileURLToPath(spec) }))
    if (page !== 'README.md') assert.ok(index.includes(`](${page})`), `spec/README.md does not list ${page}`)
})

function pageText(page: string): string {
  return readFileSync(new URL(`${page}.md`, spec), 'utf8')
}

/** `value` with each text cut where `block` cuts it with …: everything else must be equal. */
function shortened(value: unknown, block: unknown): unknown {
  if (typeof value === 'string' && typeof block === 'string' && block.endsWith('…'))
    return `${value.slice(0, block.length - 1)}…`
  if (Array.isArray(value))
    return value.map((one, at) => shortened(one, Array.isArray(block) ? block[at] : undefined))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, one]) => [name, shortened(one, (block as any)?.[name])]),
  )
}

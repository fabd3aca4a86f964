/** spec/checks.md, record.md and anchors.md say what the code does: the same ids, and examples that can be read. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { readAnchors } from '#statements'
import { checkIds, claimTitles } from '#verifier'

const page = (name: string) => readFileSync(join(import.meta.dirname, '../../spec', name), 'utf8')
const exampleOf = (text: string): unknown => JSON.parse(/```json\n([\s\S]*?)```/.exec(text)?.[1] ?? '')

test('the page lists every check once, in the order of the code', () => {
  const rows = page('checks.md')
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) => line.split('|')[1]!)
  const listed = rows.flatMap((cell) =>
    [...cell.matchAll(/`([a-z0-9]+\.[a-z-]+)`/g)].map((match) => match[1]!),
  )
  assert.deepEqual(listed, [...checkIds])
})

test('the page has a section for each claim, under its title', () => {
  const text = page('checks.md')
  for (const [id, title] of Object.entries(claimTitles)) assert.ok(text.includes(`## ${id}: ${title}\n`), id)
})

test('the other pages name no check that does not exist', () => {
  for (const name of ['record.md', 'anchors.md']) {
    for (const [, id] of page(name).matchAll(/`((?:[ac]\d|policy|statement|input)\.[a-z-]+)`/g)) {
      assert.ok((checkIds as readonly string[]).includes(id!), `${name} names ${id}`)
    }
  }
})

test('the examples can be read', () => {
  assert.equal(readAnchors(exampleOf(page('anchors.md'))).quorum, 1)
  assert.equal((exampleOf(page('checks.md')) as { verdict: string }).verdict, 'fail')
  assert.equal((exampleOf(page('record.md')) as { format: string }).format, 'fairweight/record/v1')
})

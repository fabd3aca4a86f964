/** docs/lies.md lists the lies that are told; what the audit said about each is compared where they are told. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { checkIds } from '#verifier'
import { lies } from './catalogue/index.ts'
import { messagesIn, pageOf, withoutNumbers } from './page.ts'

const page = readFileSync(join(import.meta.dirname, '../../docs/lies.md'), 'utf8')

test('the page has a row for every lie, in its words: npm run lies -- --page writes it', () => {
  const messages = messagesIn(page)
  assert.equal(page, pageOf(lies.map((lie) => ({ lie, message: messages.get(lie.name) ?? 'not told yet' }))))
})

test('every lie has a name of its own and checks that exist', () => {
  assert.equal(new Set(lies.map(({ name }) => name)).size, lies.length)
  for (const { name, check, also = [] } of lies)
    for (const id of [check, ...also]) assert.ok(checkIds.includes(id), `${name} names ${id}`)
})

test('digests and times are left out of the page, and numbers of what is compared', () => {
  const said = `leaf 12 says ${'ab'.repeat(32)} at 2026-11-20T13:00:00Z`
  const [, message] = [...messagesIn(pageOf([{ lie: lies[0]!, message: said }]))][0]!
  assert.equal(message, 'leaf 12 says … at TIME')
  assert.equal(withoutNumbers(said), 'leaf 0 says … at TIME')
})

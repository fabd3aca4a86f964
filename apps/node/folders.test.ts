import assert from 'node:assert/strict'
import { mkdtempSync, existsSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { holdDataFolder } from './data-folder.ts'
import { openScratch } from './scratch.ts'

const folder = mkdtempSync(join(tmpdir(), 'fairweight-folders-'))
after(() => rmSync(folder, { recursive: true, force: true }))

test('a data folder has one node, until that node is gone', async () => {
  const data = join(folder, 'data')
  const lock = await holdDataFolder(data)
  await assert.rejects(holdDataFolder(data), /Another node runs/)
  lock.release()
  const next = await holdDataFolder(data)
  next.release()
})

test('weights that a killed node left in memory are gone with the next one, and nobody else reads there', async () => {
  const path = await openScratch('/data/one', folder)
  assert.equal(statSync(path).mode & 0o777, 0o700)
  writeFileSync(join(path, 'adapter.gguf'), 'weights')
  assert.notEqual(await openScratch('/data/two', folder), path)
  assert.ok(existsSync(join(path, 'adapter.gguf')), 'another node’s folder stays')
  assert.equal(await openScratch('/data/one', folder), path)
  assert.ok(!existsSync(join(path, 'adapter.gguf')))
})

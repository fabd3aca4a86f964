import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import pg from 'pg'
import { startEmbeddedPostgres, type RunningDatabase } from '#adapters/postgres'
import { requireDatabase } from './database.ts'

let folder: string
let server: RunningDatabase

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fairweight-database-'))
  server = await startEmbeddedPostgres(join(folder, 'postgres'), () => undefined)
})
after(async () => {
  await server.stop()
  await rm(folder, { recursive: true, force: true })
})

const isRefused = (reason: RegExp) => (error: Error) => {
  assert.deepEqual(
    [(error as { code?: string }).code, reason.test(error.message)],
    ['database-unusable', true],
  )
  assert.ok(!error.message.includes('p4ss'), 'a password is not for the screen')
  return true
}

test('a database that nobody can use is told before anything is changed, without its password', async () => {
  const wrong = new URL(server.url)
  wrong.password = 'p4ss'
  await assert.rejects(requireDatabase(wrong.href, false), isRefused(/password authentication failed/))
  await assert.rejects(requireDatabase('postgres://me:p4ss@127.0.0.1:1/x', false), isRefused(/ECONNREFUSED/))
  await assert.rejects(requireDatabase('me:p4ss@nowhere', false), isRefused(/no address/))
})

test('a new pool starts in an empty database only', async () => {
  await requireDatabase(server.url, true)
  const client = new pg.Client({ connectionString: server.url })
  await client.connect()
  await client.query('create table checkpoints (size int)')
  await client.end()
  await requireDatabase(server.url, false)
  await assert.rejects(requireDatabase(server.url, true), isRefused(/a pool is in it/))
})

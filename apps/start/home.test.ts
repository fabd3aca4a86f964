import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { holdHome, openHome, removeRuns, type Home } from './home.ts'

async function scratch(t: TestContext): Promise<Home> {
  const folder = await mkdtemp(join(tmpdir(), 'fairweight-home-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  return openHome('/checkout', { FAIRWEIGHT_HOME: join(folder, 'data') })
}

test('an empty FAIRWEIGHT_HOME is none: never the folder in which somebody happens to be', () => {
  assert.equal(openHome('/checkout', { FAIRWEIGHT_HOME: '' }).root, '/checkout/.fairweight')
  assert.equal(openHome('/checkout', {}).root, '/checkout/.fairweight')
  assert.equal(openHome('/checkout', { FAIRWEIGHT_HOME: '/data' }).root, '/data')
})

test('one start at a time has the folder, and the next one is told what to do', async (t) => {
  const home = await scratch(t)
  const lock = await holdHome(home)
  await assert.rejects(holdHome(home), /is running on .*data already: stop it first/)
  lock.release()
  ;(await holdHome(home)).release()
})

test('starting over removes runs, and neither downloads nor what is not ours', async (t) => {
  const home = await scratch(t)
  for (const folder of ['node/postgres', 'operator', 'contributors/a', 'python/bin', 'weights', 'photos']) {
    await mkdir(home.path(folder), { recursive: true })
  }
  await writeFile(home.path('contributor-key'), 'a person’s own')
  await removeRuns(home)
  const left = ['node', 'operator', 'contributors', 'python/bin', 'weights', 'photos', 'contributor-key']
  assert.deepEqual(
    left.filter((name) => existsSync(home.path(name))),
    ['python/bin', 'weights', 'photos', 'contributor-key'],
  )
})

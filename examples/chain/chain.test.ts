/**
 * The whole chain on a random model: once without a stop, then lied about, and once killed at six points.
 *
 * After each kill the same command is run again; at the end everything that a client had been told is there, once,
 * the audit is green, and no planted text is found anywhere outside of its owners' folders.
 */
import assert from 'node:assert/strict'
import { existsSync, globSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { readPublicRecord, openStatement, manifest, usageClose } from '#statements'
import { lies } from '../../tools/lies/catalogue/index.ts'
import { copyPool } from '../../tools/lies/copy.ts'
import { messagesIn, withoutNumbers } from '../../tools/lies/page.ts'
import { control, setStage, tellLie } from '../../tools/lies/run.ts'
import { findLeaks } from './leaks.ts'
import { makeSmallPool } from './pool.ts'
import { freePort, startOnce, waitFor, type StartedRun } from './start.ts'

const root = join(import.meta.dirname, '..', '..')
const folder = mkdtempSync(join(tmpdir(), 'fairweight-chain-'))
after(() => rmSync(folder, { recursive: true, force: true }))
const pool = makeSmallPool(folder)

test(
  'one command takes private data to a paid and audited model, and a second run changes nothing',
  { timeout: 300_000 },
  async () => {
    const home = join(folder, 'undisturbed')
    const port = await freePort()
    const first = startOnce(home, pool, port)
    assert.equal(await first.ended, 0, first.output())
    assert.match(first.output(), /SIMULATED/)
    const before = callsOf(home)
    assert.equal(before.length, 30)
    const again = startOnce(home, pool, port)
    assert.equal(await again.ended, 0, again.output())
    assert.deepEqual(callsOf(home), before)
    assert.deepEqual(await findLeaks(home), [])
  },
)

test('every lie about that pool turns exactly its own check red', { timeout: 300_000 }, async (t) => {
  const copy = join(folder, 'lies')
  await copyPool(join(folder, 'undisturbed'), copy)
  const stage = await setStage(copy, root, folder)
  await control(stage, 'afterwards')
  await control(stage, 'from the start')
  const page = messagesIn(readFileSync(join(root, 'docs/lies.md'), 'utf8'))
  for (const lie of lies) {
    await t.test(`${lie.name}: ${lie.who} ${lie.what}`, async () => {
      const { caught, message } = await tellLie(stage, lie)
      assert.ok(caught, message)
      const said = page.get(lie.name) ?? ''
      assert.equal(withoutNumbers(message), withoutNumbers(said), 'docs/lies.md: npm run lies -- --page')
    })
  }
})

test(
  'killed at six points and started again, it loses nothing and counts nothing twice',
  { timeout: 600_000 },
  async () => {
    const home = join(folder, 'killed')
    const port = await freePort()
    const points: readonly [string, (run: StartedRun) => boolean][] = [
      ['in upload', () => hasFile(home, 'node/uploads')],
      ['in mix', (run) => run.output().includes('Mixing')],
      ['in training', () => globSync('node/work/run-*/checkpoint.age', { cwd: home }).length > 0],
      ['in a stream', () => callsOf(home).length >= 4],
      ['in a close', (run) => run.output().includes('Closing the period')],
      ['between close and payout', (run) => run.output().includes('Contributors verify')],
    ]
    const acknowledged = new Set<string>()
    for (const [name, seen] of points) {
      const run = startOnce(home, pool, port)
      assert.ok(await waitFor(run, () => seen(run)), `${name} was not reached:\n${run.output()}`)
      run.killAll()
      await run.ended
      for (const path of acknowledgedBy(home)) acknowledged.add(path)
    }
    const last = startOnce(home, pool, port)
    assert.equal(await last.ended, 0, last.output())

    for (const path of acknowledged) assert.ok(existsSync(join(home, path)), `${path} is gone`)
    const exported = readPublicRecord(
      JSON.parse(readFileSync(join(home, 'auditor/record/record.json'), 'utf8')),
    )
    const manifests = await Promise.all(
      exported.statements
        .filter(({ kind }) => kind === 'manifest')
        .map(({ envelope }) => openStatement(manifest, envelope)),
    )
    assert.equal(manifests.length, 1)
    assert.equal(manifests[0]!.predicate.tree.size, 3, 'every contributor once')
    const closes = await Promise.all(
      exported.statements
        .filter(({ kind }) => kind === 'usage-close')
        .map(({ envelope }) => openStatement(usageClose, envelope)),
    )
    const calls = closes.reduce((sum, { predicate }) => sum + predicate.calls, 0)
    // A call that was cut off by a kill is counted, free of charge, beside the thirty that have receipts.
    assert.ok(calls >= 30 && calls <= 30 + points.length, `${calls} calls`)
    assert.deepEqual(await findLeaks(home), [])
  },
)

/** Calls that a buyer holds a receipt for. */
function callsOf(home: string): string[] {
  return globSync('buyers/*/calls/*.json', { cwd: home }).sort()
}

/** What clients had been told by then: receipts of contributions and of calls. */
function acknowledgedBy(home: string): string[] {
  return [...callsOf(home), ...globSync('contributors/*/contributions/*.json', { cwd: home })]
}

function hasFile(home: string, path: string): boolean {
  const at = join(home, path)
  return existsSync(at) && readdirSync(at).length > 0
}

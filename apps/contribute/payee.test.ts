import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { encodeLogLeaf, logLeafOf } from '#statements'
import { verifyProof } from '#tlog'
import { startHarness, type Harness } from '../node/ingest/testing/harness.ts'
import type { ContributePorts } from './index.ts'
import { checkpointPolicyOf } from './log-proof.ts'
import type { KeptPayeeStatement } from './payee-view.ts'
import { run, trusting } from './testing/run.ts'

const IBAN = 'iban:CH9300762011623852957:Ann'
const EVM = `evm:1:0x${'5a'.repeat(20)}`
let harness: Harness
let folder: string

before(async () => {
  harness = await startHarness()
  folder = await mkdtemp(join(tmpdir(), 'fairweight-payee-'))
})
after(async () => {
  await harness.stop()
  await rm(folder, { recursive: true, force: true })
})

const appraiseNode = trusting(
  () => harness,
  () => ({ keysets: [harness.context.machine.keyset], statements: [] }),
)
const fairweight = (args: readonly string[], given: Partial<ContributePorts> = {}) =>
  run(args, { appraiseNode, ...given })
const home = (name: string) => join(folder, name)
const payee = (name: string, ...args: readonly string[]) => ['payee', ...args, '--home', home(name), '--json']
const urlOf = (input: Parameters<typeof fetch>[0]) =>
  input instanceof Request ? input.url : new URL(input).href

const pinned = () => ['--pool', harness.url, '--policy', harness.context.policy.digest]

async function contributor(name: string): Promise<void> {
  const path = join(folder, `${name}.csv`)
  await writeFile(path, `question,answer\nWho is ${name}?,A beekeeper.\n`)
  const ran = await fairweight(['contribute', path, ...pinned(), '--home', home(name), '--yes', '--json'])
  assert.equal(ran.code, 0, ran.said)
}

const changesOnNode = async () => (await harness.context.statements.list('payee-change')).length

test('a change is agreed to, taken, kept with its proofs, and shown', async () => {
  await contributor('ann')
  const before = await fairweight(payee('ann', 'show'))
  assert.deepEqual(
    [before.code, before.printed.payee, before.printed.by],
    [0, { kind: 'statement' }, 'offer'],
  )
  const unattended = await fairweight(payee('ann', 'change', '--to', IBAN))
  assert.equal(unattended.code, 2)
  assert.equal(await changesOnNode(), 0)
  const recovery = join(folder, 'elsewhere', 'ann-recovery')
  const changed = await fairweight(payee('ann', 'change', '--to', IBAN, '--new-recovery', recovery, '--yes'))
  assert.equal(changed.code, 0, changed.said)
  assert.equal((await stat(recovery)).mode & 0o777, 0o600)
  assert.ok(
    !`${changed.said}${changed.text}`.includes((await readFile(recovery, 'utf8')).trim()),
    'the key stays in its file',
  )
  const shown = await fairweight(payee('ann', 'show'))
  assert.deepEqual(
    [shown.printed.payee.iban, shown.printed.by, shown.printed.recovery, shown.printed.waiting],
    ['CH9300762011623852957', 'change', changed.printed.recovery, null],
  )
  const kept = JSON.parse(
    await readFile(join(home('ann'), 'payee', `${changed.printed.change}.json`), 'utf8'),
  ) as KeptPayeeStatement
  const rules = checkpointPolicyOf(harness.context.policy.predicate)
  const leaf = logLeafOf('payee-change', kept.digest, kept.statement.salt)
  assert.equal(
    (await verifyProof(kept.statement.logProof, encodeLogLeaf(leaf), rules)).index,
    kept.statement.leafIndex,
  )
  assert.deepEqual(await readdir(join(home('ann'), 'payee-pending')), [])
  assert.match((await fairweight(['payee', 'show', '--home', home('ann')])).text, /bank account CH93/)
})

test('a run that dies at any request goes on, and the node takes one change', async () => {
  await contributor('crash')
  let expected = await changesOnNode()
  for (let dies = 1; ; dies += 1) {
    const to = `evm:${dies}:0x${'ab'.repeat(20)}`
    let calls = 0
    // Even calls reach the node and the answer is lost; odd ones never arrive.
    const dying: typeof fetch = async (input, init) => {
      calls += 1
      if (calls < dies) return fetch(input, init)
      if (calls === dies && dies % 2 === 0) await fetch(input, init)
      throw new TypeError('the connection is gone')
    }
    const died = await fairweight(payee('crash', 'change', '--to', to, '--yes'), { fetch: dying })
    expected += 1
    if (died.code === 0) {
      assert.ok(dies > 3, 'every request had its turn')
      break
    }
    const resumed = await fairweight(payee('crash', 'change', '--to', to, '--yes'))
    assert.equal(resumed.code, 0, resumed.said)
    assert.equal(await changesOnNode(), expected)
  }
})

test('with the recovery key a lost home is no lost money, and the own key can object', async () => {
  await contributor('bob')
  const recovery = join(folder, 'bob-recovery')
  const first = await fairweight(payee('bob', 'change', '--to', IBAN, '--new-recovery', recovery, '--yes'))
  const { contributor: bob } = (await fairweight(payee('bob', 'show'))).printed
  const elsewhere = [...pinned(), '--with-recovery', recovery, '--contributor', bob]
  const asked = await fairweight(payee('new-laptop', 'change', '--to', EVM, ...elsewhere, '--yes'))
  assert.equal(asked.code, 0, asked.said)
  assert.match(asked.said, /waits 0\.0 days/)
  assert.ok(asked.printed.waitsUntil > new Date().toISOString())
  assert.deepEqual(
    await readdir(home('new-laptop')).then((names) => names.includes('contributor-key')),
    false,
  )

  const warned = await fairweight(['statement', '--home', home('bob')])
  assert.equal(warned.code, 0, warned.said)
  assert.match(warned.said, /ATTENTION: your recovery key asks that your money go to address 0x5a/)
  const shown = await fairweight(payee('bob', 'show'))
  assert.equal(shown.printed.waiting.change, asked.printed.change)
  const waiting = await fairweight(payee('bob', 'change', '--to', 'statement', '--yes'))
  assert.deepEqual([waiting.code, waiting.text], [1, ''])
  const cancelled = await fairweight(payee('bob', 'cancel', '--yes'))
  assert.equal(cancelled.code, 0, cancelled.said)
  const again = await fairweight(payee('bob', 'cancel', '--change', asked.printed.change, '--yes'))
  assert.deepEqual([again.code, again.printed.cancelledAt], [0, cancelled.printed.cancelledAt])
  const after = await fairweight(payee('bob', 'show'))
  assert.deepEqual([after.printed.waiting, after.printed.payee.kind], [null, 'iban'])
  assert.equal((await fairweight(payee('bob', 'cancel', '--yes'))).code, 2)
  assert.ok(first.printed.recovery)
})

test('a node that hides a change, or forgets that it was cancelled, is told', async () => {
  const forgetting =
    (edit: (body: { changes: { cancellation: unknown }[] }) => void): typeof fetch =>
    async (input, init) => {
      const response = await fetch(input, init)
      if (!urlOf(input).endsWith('/payee')) return response
      const body = (await response.json()) as { changes: { cancellation: unknown }[] }
      edit(body)
      return Response.json(body)
    }
  for (const edit of [
    (body: { changes: unknown[] }) => void body.changes.pop(),
    (body: { changes: { cancellation: unknown }[] }) => {
      for (const one of body.changes) one.cancellation = null
    },
  ]) {
    const ran = await fairweight(payee('bob', 'show'), { fetch: forgetting(edit) })
    assert.equal(ran.code, 1)
    assert.match(ran.said, /does not show your payee-c/)
  }
})

test('a receipt by a key that no verified keyset holds is not believed, and the change is tried again', async () => {
  await contributor('wary')
  const { keyset } = harness.context.machine
  const keys = keyset.keys.filter(({ role }) => role !== 'ingest')
  const doubting: ContributePorts['appraiseNode'] = async (asked) => ({
    ...(await appraiseNode(asked)),
    keysets: [{ ...keyset, keys }],
  })
  const ran = await fairweight(payee('wary', 'change', '--to', IBAN, '--yes'), { appraiseNode: doubting })
  assert.equal(ran.code, 1)
  assert.match(ran.said, /not signed by an ingest key/)
  assert.deepEqual(await readdir(join(home('wary'), 'payee')).catch(() => []), [])
  const taken = await changesOnNode()
  assert.equal((await fairweight(payee('wary', 'change', '--to', IBAN, '--yes'))).code, 0)
  assert.equal(await changesOnNode(), taken)
})

test('the next contribution keeps the account of the one before', async () => {
  const path = join(folder, 'kim.csv')
  const args = (file: string, ...more: string[]) => [
    'contribute',
    file,
    ...pinned(),
    '--home',
    home('kim'),
    '--yes',
    '--json',
    ...more,
  ]
  await writeFile(path, 'question,answer\nWho is Kim?,A smith.\n')
  assert.equal((await fairweight(args(path, '--payee', IBAN))).code, 0)
  await writeFile(path, 'question,answer\nWhere is Kim?,At the forge.\n')
  const second = await fairweight(args(path))
  assert.match(second.said, /Your money will go to: bank account CH93/)
  const shown = await fairweight(payee('kim', 'show'))
  assert.deepEqual([shown.printed.payee.kind, shown.printed.by], ['iban', 'offer'])
})

test('wrong use ends with 2 and a sentence that says what to do', async () => {
  for (const [args, words] of [
    [payee('ann', 'change', '--to', 'iban:DE00:x', '--yes'), /--payee/],
    [payee('ann', 'change', '--to', IBAN, '--from-period', '0', '--yes'), /--from-period/],
    [payee('ann', 'show', '--with-recovery', join(folder, 'absent')), /cannot be read/],
    [payee('ann', 'show', '--with-recovery', join(folder, 'ann.csv')), /holds no key/],
    [payee('nobody', 'show'), /Say which pool/],
    [payee('ann', 'show', '--contributor', 'x'), /--contributor/],
  ] as const) {
    const ran = await fairweight(args)
    assert.equal(ran.code, 2, ran.said)
    assert.match(ran.said, words)
  }
  const foreign = await fairweight(payee('ann', 'show', '--contributor', 'a'.repeat(64)))
  assert.equal(foreign.code, 1)
})

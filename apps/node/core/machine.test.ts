import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeHex } from '#bytes'
import { startMachine } from './machine.ts'
import { isRowCode, rowCode } from './row-code.ts'

const refuse = () => {
  throw new Error('no hardware is needed here')
}
const platform: Parameters<typeof startMachine>[0]['platform'] = {
  simulated: true,
  rootSecret: new Uint8Array(32).fill(7),
  quote: refuse,
  collateral: refuse,
  attestGpus: refuse,
  rims: refuse,
  roots: { intel: '', nvidia: '', nvidiaRim: '' },
}
const machineOf = (pool: string, term = 1) =>
  startMachine({
    platform,
    pool: pool.repeat(64),
    node: 'node-1',
    term,
    startedAt: new Date('2026-11-25T12:00:00Z'),
    keysetSeconds: 3600,
    gpuEvidenceSeconds: 3600,
    now: () => new Date('2026-11-25T12:00:00Z'),
  })

test('the same program under a policy of another pool on the same machine opens and signs nothing of this one', async () => {
  const [one, later, other] = [await machineOf('a'), await machineOf('a', 2), await machineOf('b')]
  assert.equal(one.pool.recipient, later.pool.recipient)
  assert.notEqual(one.pool.recipient, other.pool.recipient)
  assert.equal(one.key('ledger').publicKey, later.key('ledger').publicKey)
  assert.notEqual(one.key('ledger').publicKey, other.key('ledger').publicKey)
  assert.equal(encodeHex(one.secret('x')), encodeHex(later.secret('x')))
  assert.notEqual(encodeHex(one.secret('x')), encodeHex(other.secret('x')))
  // A policy names it before the pool has a digest.
  assert.equal(one.key('log').publicKey, other.key('log').publicKey)
})

test('a row’s code holds for what the row says, under one purpose, on this pool’s machines', async () => {
  const [machine, other] = [await machineOf('a'), await machineOf('b')]
  const code = rowCode(machine, 'runs', { id: 1, outcome: 'x' })
  assert.ok(isRowCode(await machineOf('a', 2), 'runs', { outcome: 'x', id: 1 }, code))
  assert.ok(!isRowCode(machine, 'runs', { id: 1, outcome: 'y' }, code))
  assert.ok(!isRowCode(machine, 'calls', { id: 1, outcome: 'x' }, code))
  assert.ok(!isRowCode(other, 'runs', { id: 1, outcome: 'x' }, code))
  for (const none of [null, '', 'x']) assert.ok(!isRowCode(machine, 'runs', { id: 1, outcome: 'x' }, none))
})

import assert from 'node:assert/strict'
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { runTrainer } from './index.ts'

const IDENTITY = 'AGE-SECRET-KEY-1TEST'

test('the worker gets its key on the descriptor alone, and an environment that runs nothing of storage', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'fairweight-trainer-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  const python = join(directory, 'python')
  writeFileSync(
    python,
    '#!/bin/sh\nenv > "$HOME/env"\necho "$@" > "$HOME/args"\ncat <&3 > "$HOME/key"\nexit 3\n',
  )
  chmodSync(python, 0o700)
  process.env['FAIRWEIGHT_TEST_LEAK'] = 'of the operator'
  const run = runTrainer({
    python,
    source: directory,
    directory,
    jobDigest: 'a'.repeat(64),
    identity: IDENTITY,
    onEvent: () => undefined,
  })
  await assert.rejects(run, { code: 'worker-died' })
  delete process.env['FAIRWEIGHT_TEST_LEAK']
  const [environment, args, key] = ['env', 'args', 'key'].map((name) =>
    readFileSync(join(directory, name), 'utf8'),
  )
  assert.equal(key, `${IDENTITY}\n`)
  assert.ok(!environment!.includes(IDENTITY) && !args!.includes(IDENTITY))
  assert.ok(!environment!.includes('FAIRWEIGHT_TEST_LEAK'))
  assert.match(environment!, /^PYTHONNOUSERSITE=1$/m)
})

test('a worker that does not look up when it is asked to stop is killed after a moment', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'fairweight-trainer-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  const python = join(directory, 'python')
  writeFileSync(python, '#!/bin/sh\ntrap "" TERM\ntouch "$HOME/deaf"\nexec sleep 60 3<&-\n')
  chmodSync(python, 0o700)
  const stop = new AbortController()
  const run = runTrainer({
    python,
    source: directory,
    directory,
    jobDigest: 'a'.repeat(64),
    identity: IDENTITY,
    onEvent: () => undefined,
    signal: stop.signal,
  })
  while (!existsSync(join(directory, 'deaf'))) await sleep(20)
  const asked = performance.now()
  stop.abort()
  await assert.rejects(run, { code: 'worker-died' })
  const waited = performance.now() - asked
  assert.ok(waited > 3000 && waited < 15_000, `${waited} ms`)
})

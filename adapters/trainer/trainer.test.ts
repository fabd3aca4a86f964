import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
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

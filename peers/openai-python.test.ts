import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { openTarget } from './target.ts'

// Any interpreter with what requirements.txt lists.
const python = process.env['FAIRWEIGHT_PEERS_PYTHON'] ?? 'python3'
const found = spawnSync(python, ['-c', 'import openai'], { stdio: 'ignore' }).status === 0
const skip = !found && `${python} has no openai package (see peers/requirements.txt)`

test('openai for Python: models, answers, streams, errors', { skip }, async () => {
  const target = await openTarget()
  try {
    const child = spawn(python, [join(import.meta.dirname, 'openai_client_test.py')], {
      env: {
        ...process.env,
        FAIRWEIGHT_TEST_URL: target.baseUrl.replace(/\/v1$/, ''),
        FAIRWEIGHT_TEST_KEY: target.apiKey,
        FAIRWEIGHT_TEST_MODEL: target.model,
      },
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    let said = ''
    child.stderr.on('data', (bytes: Buffer) => (said += bytes.toString()))
    const code = await new Promise((resolve) => child.once('close', resolve))
    assert.equal(code, 0, said)
    assert.match(said, /Ran 5 tests/)
  } finally {
    await target.close()
  }
})
